"""Media after download: links that nobody edits by mistake, and that are put right whatever was done to them."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import stages.download
from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.sources.acquire import TRUTH_FILES
from pipeline.synthetic.clip import write_clip
from pipeline.video.clip import read_media_clips
from tests.sources.test_acquire import PARAMS, SPEC, clip


def overwrite(path: Path, content: bytes) -> None:
    """Write into the file that is there, as a program does that edits in place; its mode does not stop it."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()


def other_size(path: Path) -> None:
    overwrite(path, b"other")


def same_size(path: Path) -> None:
    overwrite(path, bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def same_size_and_times(path: Path) -> None:
    before = path.stat()
    same_size(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(path: Path) -> None:
    overwrite(path, path.read_bytes()[:-1])


def replaced(path: Path) -> None:
    """An older file of the same size takes its place, as with ``mv``."""
    other = path.with_name("other")
    other.write_bytes(bytes(path.stat().st_size))
    os.utime(other, ns=(0, 0))
    other.replace(path)


SHORT = replace(SPEC, duration_s=0.6)
# One generated clip for each way in which its file may be changed.
CHANGES: dict[str, Callable[[Path], None]] = {
    "cut": cut,
    "other_size": other_size,
    "replaced": replaced,
    "same_size": same_size,
    "same_size_and_times": same_size_and_times,
}
OWN = "set/users_own.mp4"
LINKS = {f"{name}.{ending}" for name in CHANGES for ending in ("mp4", *TRUTH_FILES)} | {"users_own.mp4"}
N_CLIPS = len(CHANGES) + 1


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A root with generated clips and one of the user's own, a store beside it, after download."""
    at = Layout(tmp_path_factory.mktemp("download") / "root")
    at.root.mkdir()
    at.params.write_text(yaml.safe_dump({"download": PARAMS.model_dump()}))
    write_clip(replace(SHORT, person=9), at.root / "mine.mp4")
    clips = [
        replace(clip(replace(SHORT, person=person).to_address()), clip_id=f"set/{name}")
        for person, name in enumerate(CHANGES)
    ]
    own = str(at.root / "mine.mp4")
    clips.append(replace(clip(own, sha256_of(Path(own))), clip_id=OWN))
    write_manifest(at.listed("set"), Clip, clips)
    download(at)
    return at


def download(at: Layout) -> None:
    """Run the stage with the store beside the root."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FACEVOX_CACHE", str(at.root.parent / "store"))
        environment.setenv("FACEVOX_WORKERS", "1")
        stages.download.main("set", at)


def hashes(at: Layout) -> dict[str, str]:
    """Return the sha256 of every media file, which the manifest's must be."""
    stated = {row.clip_id: row.sha256 for row in read_manifest(at.media("set"), Media)}
    assert {row.clip_id: sha256_of(at.root / row.path) for row in read_manifest(at.media("set"), Media)} == stated
    return stated


def n_read(at: Layout) -> int:
    """Return how many clips a stage would read."""
    return len(list(read_media_clips(at.clips("set"), at.media("set"), at.root)))


def test_media_are_read_only_and_the_users_own_are_symbolic_links(at: Layout) -> None:
    folder = at.media_folder("set")
    assert {path.name for path in folder.iterdir()} == LINKS
    assert {path.name: path.lstat().st_mode & 0o777 for path in folder.iterdir() if not path.is_symlink()} == (
        dict.fromkeys(LINKS - {"users_own.mp4"}, 0o444)
    )
    assert (folder / "users_own.mp4").readlink() == at.root / "mine.mp4"
    assert [row.path for row in read_manifest(at.media("set"), Media)] == [
        f"data/media/set/{name}.mp4" for name in (*CHANGES, "users_own")
    ]


def test_changed_files_are_never_read_and_the_next_download_puts_the_right_ones_there(at: Layout) -> None:
    right, manifest = hashes(at), at.media("set").read_bytes()
    for name, change in CHANGES.items():
        change(at.media_folder("set") / f"{name}.mp4")
    with pytest.raises(BadInput, match=r"^5 media files differ .* the first is data/media/set/cut\.mp4"):
        n_read(at)
    download(at)
    assert (hashes(at), n_read(at)) == (right, N_CLIPS)
    assert at.media("set").read_bytes() == manifest


def test_a_file_whose_times_were_set_back_is_put_right_also_where_no_stage_read_it_before(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    right = hashes(at)
    same_size_and_times(at.media_folder("set") / "same_size.mp4")
    capsys.readouterr()
    download(at)
    shares_the_store = (at.media_folder("set") / "cut.mp4").stat().st_nlink > 1
    assert f"{N_CLIPS} items, {int(shares_the_store)} computed" in capsys.readouterr().out
    assert hashes(at) == right


def test_a_file_that_was_only_touched_is_read_and_computes_nothing(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    right = hashes(at)
    (at.media_folder("set") / "same_size.mp4").touch()
    assert n_read(at) == N_CLIPS
    capsys.readouterr()
    download(at)
    assert f"{N_CLIPS} items, 0 computed, {N_CLIPS} from the store: {N_CLIPS} ok" in capsys.readouterr().out
    assert (hashes(at), n_read(at)) == (right, N_CLIPS)


def test_the_users_own_file_with_other_content_is_refused_until_it_is_listed_again(at: Layout) -> None:
    own, content = at.root / "mine.mp4", (at.root / "mine.mp4").read_bytes()
    own.write_bytes((at.media_folder("set") / "cut.mp4").read_bytes())
    for use in (n_read, download, n_read):
        with pytest.raises(BadInput, match=r"^1 media files differ .*/set/users_own\.mp4 .*download@set'\.$"):
            use(at)
    listed = read_manifest(at.listed("set"), Clip)
    write_manifest(at.listed("set"), Clip, [*listed[:-1], replace(listed[-1], content_hash=sha256_of(own))])
    download(at)
    assert hashes(at)[OWN] == hashes(at)["set/cut"] == sha256_of(own)
    own.write_bytes(content)
    write_manifest(at.listed("set"), Clip, listed)
    download(at)
    assert hashes(at)[OWN] == sha256_of(own) == listed[-1].content_hash
