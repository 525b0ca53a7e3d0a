"""Public list files are fetched and checked; whatever else a folder holds stays."""

import hashlib
from pathlib import Path

import pytest
import requests

from pipeline.core.base.errors import BadInput
from pipeline.sources.lists.fetch import PUBLISHED, PublishedFile, PublishedFiles, fetch_list
from tests.real_files import LISTS, needs_lists

CONTENT = {"a.txt": b"first", "splits/b.json": b"[]"}
TOY = PublishedFiles(
    licence="CC0",
    base="https://example.org/lists/",
    lacks=None,
    files={
        name: PublishedFile(sha256=hashlib.sha256(one).hexdigest(), size_bytes=len(one))
        for name, one in CONTENT.items()
    },
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that are asked for; a server has the toy list at them, and of other.txt nothing."""
    addresses: list[str] = []

    def download(address: str, into: str, _pooch: object, *, largest_bytes: int) -> None:
        addresses.append(address)
        content = CONTENT.get(address.removeprefix(TOY.base))
        if content is None:
            raise requests.ConnectionError
        Path(into).write_bytes(content[:largest_bytes])

    monkeypatch.setattr("pipeline.weights.retrieve._download", download)
    monkeypatch.setitem(PUBLISHED, "toy", TOY)
    return addresses


def test_a_list_is_fetched_once(asked: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        assert fetch_list("toy", tmp_path / "new") == TOY
    assert asked == [TOY.base + name for name in CONTENT]
    assert {name: (tmp_path / "new" / name).read_bytes() for name in CONTENT} == CONTENT


def test_a_file_of_the_users_own_is_not_overwritten(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"mine")
    with pytest.raises(BadInput, match=r"a.txt: is there with other bytes than published .*: move it away"):
        fetch_list("toy", tmp_path)
    assert (tmp_path / "a.txt").read_bytes() == b"mine"
    assert asked == []


def test_what_cannot_be_fetched_or_has_other_bytes_is_named(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {"other.txt": PublishedFile(sha256="0" * 64, size_bytes=1)}
    monkeypatch.setitem(PUBLISHED, "gone", PublishedFiles(licence="", base=TOY.base, lacks=None, files=gone))
    with pytest.raises(
        BadInput, match=r"other.txt can't be fetched \(ConnectionError\): download it by hand \(sha256 0"
    ):
        fetch_list("gone", tmp_path)
    monkeypatch.setitem(CONTENT, "a.txt", b"other")
    with pytest.raises(BadInput, match=r"a.txt: other bytes than published"):
        fetch_list("toy", tmp_path)
    assert not (tmp_path / "a.txt").exists()
    with pytest.raises(BadInput, match="expected one of hdtf, faceforensics"):
        fetch_list("nothing", tmp_path)


@needs_lists
def test_the_published_files_have_the_sizes_and_hashes_of_the_register() -> None:
    for name, folder in (("hdtf", "HDTF"), ("faceforensics", "FaceForensics")):
        for path, file in PUBLISHED[name].files.items():
            content = (LISTS / folder / Path(path).name).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)
