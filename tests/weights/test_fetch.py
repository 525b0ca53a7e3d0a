"""Named weights are found, fetched and verified, or the error states how to supply them."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput, UntrustedWeights, WeightsUnavailable
from pipeline.weights.fetch import locate_weights
from pipeline.weights.registry import REGISTRY, NamedWeights

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, without a line on the screen for each request."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a local server that offers ``network.bin``."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "network.bin").write_bytes(CONTENT)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def register(monkeypatch: pytest.MonkeyPatch, address: str, **changes: object) -> NamedWeights:
    facts = {"sha256": SHA256, "size_bytes": len(CONTENT), "licence": "MIT", "file_name": "network.bin"}
    entry = NamedWeights(name="toy", address=address, what="a toy", **{**facts, **changes})  # type: ignore[arg-type]
    monkeypatch.setitem(REGISTRY, "toy", entry)
    return entry


def files_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_name_is_fetched_once_and_then_taken_from_the_cache(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    register(monkeypatch, f"{server}/network.bin")
    found = locate_weights("toy", cache=cache, local_folder=None)
    assert found.read_bytes() == CONTENT
    assert files_under(cache) == ["weights/network.bin"]
    (tmp_path / "served" / "network.bin").unlink()
    assert locate_weights("toy", cache=cache, local_folder=None) == found


def test_a_damaged_file_in_the_cache_is_fetched_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, f"{server}/network.bin")
    found = locate_weights("toy", cache=tmp_path, local_folder=None)
    found.write_bytes(CONTENT[:-1])
    assert locate_weights("toy", cache=tmp_path, local_folder=None).read_bytes() == CONTENT


def test_other_bytes_than_published_are_refused_and_not_kept(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    register(monkeypatch, f"{server}/network.bin", sha256="0" * 64)
    with pytest.raises(UntrustedWeights, match=SHA256):
        locate_weights("toy", cache=cache, local_folder=None)
    assert files_under(cache) == []


def test_more_bytes_than_published_are_refused_and_not_kept(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    register(monkeypatch, f"{server}/network.bin", size_bytes=len(CONTENT) - 1)
    with pytest.raises(UntrustedWeights, match=f"expected {len(CONTENT) - 1} bytes, found more"):
        locate_weights("toy", cache=cache, local_folder=None)
    assert files_under(cache) == []


def test_an_address_that_is_gone_is_answered_with_how_to_supply_the_file(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, f"{server}/gone.bin")
    expected = (
        rf"weights 'toy' \(a toy\) are missing, and {server}/gone\.bin can't be fetched \(404\): "
        rf"download it by hand \(1\.0 MB, sha256 {SHA256}, licence MIT\) into a folder of local weights "
        r"as network\.bin, or set its path in place of the name\."
    )
    with pytest.raises(WeightsUnavailable, match=f"^{expected}$"):
        locate_weights("toy", cache=tmp_path, local_folder=None)


def test_a_server_that_does_not_answer_is_answered_with_how_to_supply_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    register(monkeypatch, "http://127.0.0.1:9/network.bin")
    with pytest.raises(WeightsUnavailable, match=rf"\(ConnectionError\): download it by hand .* into {tmp_path} as"):
        locate_weights("toy", cache=tmp_path, local_folder=tmp_path)


@pytest.mark.parametrize("file_name", ["network.bin", "someone+repository__network.bin"])
def test_a_local_folder_replaces_the_address_under_any_file_name(
    file_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, "http://127.0.0.1:9/network.bin")
    (tmp_path / "other.bin").write_bytes(CONTENT[::-1])
    (tmp_path / file_name).write_bytes(CONTENT)
    assert locate_weights("toy", cache=tmp_path, local_folder=tmp_path) == tmp_path / file_name


def test_a_local_file_of_the_right_name_with_other_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, "http://127.0.0.1:9/network.bin")
    (tmp_path / "network.bin").write_bytes(CONTENT[::-1])
    with pytest.raises(UntrustedWeights, match=f"expected sha256 {SHA256} of 'toy', found"):
        locate_weights("toy", cache=tmp_path, local_folder=tmp_path)


def test_weights_of_unknown_bytes_are_never_fetched(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    register(monkeypatch, f"{server}/network.bin", sha256=None)
    with pytest.raises(WeightsUnavailable, match="is not fetched, because its sha256 is unknown: download it"):
        locate_weights("toy", cache=cache, local_folder=None)
    assert files_under(tmp_path) == ["served/network.bin"]


def test_weights_of_unknown_bytes_are_taken_from_a_local_folder_by_their_name(tmp_path: Path) -> None:
    file = tmp_path / REGISTRY["vggface2_resnet50"].file_name
    file.write_bytes(CONTENT)
    assert locate_weights("vggface2_resnet50", cache=tmp_path, local_folder=tmp_path) == file


def test_a_path_is_used_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.pt"
    file.write_bytes(b"")
    assert locate_weights(str(file), cache=tmp_path / "cache", local_folder=None) == file


def test_what_is_neither_a_name_nor_a_file_is_answered_with_the_names(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'facenet': no such file, and no such name \(names: vggface2_resnet50, "):
        locate_weights("facenet", cache=tmp_path, local_folder=tmp_path)


@pytest.mark.parametrize("entry", REGISTRY.values(), ids=list(REGISTRY))
def test_every_entry_can_be_verified_or_is_never_fetched(entry: NamedWeights) -> None:
    assert REGISTRY[entry.name] is entry
    assert (entry.address is None) != (entry.package is None)
    assert entry.address is None or entry.address.startswith("https://")
    assert entry.package is None or entry.sha256 is not None
    assert entry.sha256 is None or len(bytes.fromhex(entry.sha256)) == 32
    assert entry.size_bytes > 0
    assert entry.licence
    assert Path(entry.file_name).name == entry.file_name
