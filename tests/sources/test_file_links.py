"""A stored file gets a second place in the best way that the disk allows, and it can't be written to by mistake."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from pipeline.sources import file_links
from pipeline.sources.file_links import link_file


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "stored"
    path.write_bytes(b"as stored")
    return path


def refusing(code: int) -> object:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_disk_without_copy_on_write_gets_a_read_only_hard_link(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", refusing(errno.EOPNOTSUPP))
    link_file(stored, tmp_path / "link")
    assert (tmp_path / "link").samefile(stored)
    assert mode_of(stored) == 0o444


@pytest.mark.parametrize(
    "code", [errno.EXDEV, errno.EPERM, errno.EMLINK], ids=["other_disk", "not_allowed", "too_many"]
)
def test_where_no_hard_link_is_possible_the_bytes_are_copied(
    code: int, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", refusing(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "link", refusing(code))
    link_file(stored, tmp_path / "copy")
    assert not (tmp_path / "copy").samefile(stored)
    assert ((tmp_path / "copy").read_bytes(), mode_of(tmp_path / "copy")) == (b"as stored", 0o444)
    assert mode_of(stored) != 0o444


def test_a_full_disk_is_an_error_and_no_reason_to_copy(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "ioctl", refusing(errno.EOPNOTSUPP))
    monkeypatch.setattr(os, "link", refusing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left on device"):
        link_file(stored, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["stored"]


def test_what_is_written_to_a_clone_does_not_reach_the_stored_file(stored: Path, tmp_path: Path) -> None:
    place = tmp_path / "clone"
    if not file_links._clone(stored, place):
        assert not place.exists()
        pytest.skip("this disk has no copy-on-write clones")
    place.unlink()
    link_file(stored, place)
    assert (place.read_bytes(), mode_of(place)) == (b"as stored", 0o444)
    place.chmod(0o644)
    place.write_bytes(b"edited!!!")
    assert stored.read_bytes() == b"as stored"


def test_a_place_that_is_taken_stays_as_it_is(stored: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        link_file(stored, tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"mine"
