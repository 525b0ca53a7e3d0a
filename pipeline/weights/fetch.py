"""Find named network weights: in the user's folder, in an installed package, in the cache, or at their address."""

import os
from pathlib import Path

from pipeline.core.base.cache import cache_folder
from pipeline.core.base.errors import BadInput, UntrustedWeights, WeightsUnavailable
from pipeline.core.base.hashing import sha256_of
from pipeline.weights.packaged import find_packaged, how_to_install
from pipeline.weights.registry import REGISTRY, NamedWeights, PackageFile
from pipeline.weights.retrieve import retrieve

LOCAL_VARIABLE = "FACEVOX_WEIGHTS"
BYTES_PER_MB = 1_000_000


def find_weights(name_or_path: str) -> Path:
    """Return the path of the weights, by ``locate_weights`` with this process's cache and FACEVOX_WEIGHTS."""
    local = os.environ.get(LOCAL_VARIABLE)
    return locate_weights(name_or_path, cache=cache_folder(), local_folder=Path(local) if local else None)


def locate_weights(name_or_path: str, *, cache: Path, local_folder: Path | None) -> Path:
    """Return the path of the weights: a path as it is; a name in ``local_folder``, its package or fetched to ``cache``.

    Raises BadInput (neither a name nor a file), UntrustedWeights (other bytes than published) and
    WeightsUnavailable (not found, and can't be fetched).
    """
    if Path(name_or_path).is_file():
        return Path(name_or_path)
    entry = REGISTRY.get(name_or_path)
    if entry is None:
        names = ", ".join(REGISTRY)
        raise BadInput(f"weights {name_or_path!r}: no such file, and no such name (names: {names})")
    return locate_entry(entry, cache=cache, local_folder=local_folder)


def locate_entry(entry: NamedWeights, *, cache: Path, local_folder: Path | None) -> Path:
    """Return the path of the weights of ``entry``: in ``local_folder``, else its package or fetched into ``cache``."""
    found = _find_installed(entry, local_folder)
    if found is not None:
        return found
    if entry.package is not None:
        raise _not_packaged(entry, entry.package, local_folder)
    return _fetch(entry, _cached(entry, cache), local_folder)


def find_present(entry: NamedWeights, *, cache: Path, local_folder: Path | None) -> Path | None:
    """Return the path of the weights of ``entry`` where they are on this machine; None when they would be fetched.

    Raises UntrustedWeights as ``locate_weights`` does.
    """
    found = _find_installed(entry, local_folder)
    cached = _cached(entry, cache)
    if found is None and cached.is_file():
        _check_bytes(cached, entry)
        return cached
    return found


def _find_installed(entry: NamedWeights, local_folder: Path | None) -> Path | None:
    """Return the path of the weights of ``entry`` in ``local_folder``, else in their package; None: in neither."""
    found = _find_local(entry, local_folder) if local_folder else None
    if found is None and entry.package is not None:
        return find_packaged(entry, entry.package)
    return found


def _cached(entry: NamedWeights, cache: Path) -> Path:
    return cache / "weights" / entry.file_name


def _find_local(entry: NamedWeights, folder: Path) -> Path | None:
    """Accept the publisher's file name, and any other name when the bytes are the published ones."""
    own = folder / entry.file_name
    if own.is_file():
        _check_bytes(own, entry)
        return own
    if entry.sha256 is None or not folder.is_dir():
        return None
    same_size = (p for p in sorted(folder.iterdir()) if p.is_file() and p.stat().st_size == entry.size_bytes)
    return next((path for path in same_size if sha256_of(path) == entry.sha256), None)


def _check_bytes(path: Path, entry: NamedWeights) -> None:
    if entry.sha256 is None:
        return
    found = sha256_of(path)
    if found != entry.sha256:
        raise UntrustedWeights(f"{path}: expected sha256 {entry.sha256} of '{entry.name}', found {found}")


def _fetch(entry: NamedWeights, into: Path, local_folder: Path | None) -> Path:
    if entry.sha256 is None:
        raise _unavailable(entry, "is not fetched, because its sha256 is unknown", local_folder)
    import requests

    try:
        return retrieve(entry.address or "", into, sha256=entry.sha256, size_bytes=entry.size_bytes)
    except requests.RequestException as error:
        reason = type(error).__name__ if error.response is None else str(error.response.status_code)
        raise _unavailable(entry, f"can't be fetched ({reason})", local_folder) from None
    except ValueError as error:
        raise UntrustedWeights(f"weights '{entry.name}' from {entry.address}: {error}") from None


def _not_packaged(entry: NamedWeights, package: PackageFile, local_folder: Path | None) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"weights '{entry.name}' ({entry.what}) are missing: they come in the package {package.name} "
        f"{package.version}, as {package.path}, which is not installed. Run {how_to_install(package)}, or put the file "
        f"({_facts(entry)}) into {local_folder or f'a folder that {LOCAL_VARIABLE} names'}."
    )


def _unavailable(entry: NamedWeights, reason: str, local_folder: Path | None) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"weights '{entry.name}' ({entry.what}) are missing, and {entry.address} {reason}: download it by hand "
        f"({_facts(entry)}) into {local_folder or 'a folder of local weights'} as {entry.file_name}, or set its path "
        "in place of the name."
    )


def _facts(entry: NamedWeights) -> str:
    size = f"{entry.size_bytes / BYTES_PER_MB:.1f} MB"
    return f"{size}, sha256 {entry.sha256 or 'unknown'}, licence {entry.licence}"
