"""Find network weights that are files of an installed package; the package is never imported."""

import importlib.metadata
from pathlib import Path

from pipeline.core.base.errors import UntrustedWeights
from pipeline.core.base.hashing import sha256_of
from pipeline.weights.registry import NamedWeights, PackageFile


def find_packaged(entry: NamedWeights, package: PackageFile) -> Path | None:
    """Return the path of the file of ``package``; None when the package, or the file in it, is not installed.

    Any version of the package will do whose file has the published bytes. Raises UntrustedWeights for other bytes.
    """
    try:
        installed = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(installed.locate_file(package.path)))
    if not path.is_file():
        return None
    found = sha256_of(path)
    if found != entry.sha256:
        raise UntrustedWeights(
            f"{path} of the package {package.name} {installed.version}: expected sha256 {entry.sha256} of "
            f"'{entry.name}', found {found}. Install the version that has it: {how_to_install(package)}."
        )
    return path


def how_to_install(package: PackageFile) -> str:
    """Return the command that installs the package, without what it requires."""
    return f"'make install', or 'pip install --no-deps {package.name}=={package.version}'"
