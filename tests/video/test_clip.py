"""The clips with media come in id order from two manifests, a few at a time, and none before all media are checked."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput, BadManifest
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import write_manifest
from pipeline.video.clip import MediaClip, media_clip, read_media_clips
from tests.video.test_media_check import media

N_ROWS_OF_A_PART = 4096


def clip(name: str, start_s: float | None = None) -> Clip:
    return Clip(
        clip_id=f"set/{name}",
        dataset="set",
        identity="ana",
        address=f"videos/{name}.mp4",
        start_s=start_s,
        end_s=None,
        **NO_CROP,
        published_split="",
        range_fps=None,
        licence="",
        origin="test",
        content_hash="0",
    )


def made(root: Path, clips: Iterable[Clip], fetched: Iterable[str]) -> Layout:
    """Write both manifests, and a media file for each clip in ``fetched``."""
    at = Layout(root)
    at.media_folder("set").mkdir(parents=True)
    names = list(fetched)
    for name in names:
        (at.media_folder("set") / f"{name}.mp4").write_bytes(name.encode())
    write_manifest(at.clips("set"), Clip, clips)
    write_manifest(at.media("set"), Media, (media(name, name.encode()) for name in names))
    return at


def read(at: Layout) -> Iterable[MediaClip]:
    return read_media_clips(at.clips("set"), at.media("set"), at.root)


def test_each_clip_with_media_comes_with_its_range_and_its_file_in_id_order(tmp_path: Path) -> None:
    at = made(tmp_path, [clip("c", 2.5), clip("a"), clip("b", 1.5), clip("d")], ["c", "b"])
    assert list(read(at)) == [
        MediaClip(
            clip_id=f"set/{name}",
            path=at.media_folder("set") / f"{name}.mp4",
            sha256=hashlib.sha256(name.encode()).hexdigest(),
            has_audio=False,
            start_s=start_s,
            end_s=None,
            has_jumps=False,
            media_s=1.0,
        )
        for name, start_s in (("b", 1.5), ("c", 2.5))
    ]


def test_a_range_of_a_file_that_was_cut_is_on_the_clock_of_the_file() -> None:
    listed = replace(clip("a", 100.0), end_s=110.0)
    whole, cut = (media_clip(listed, replace(media("a", b"a"), cut_start_s=at), Path()) for at in (None, 97.25))
    assert (whole.start_s, whole.end_s) == (100.0, 110.0)
    assert (cut.start_s, cut.end_s) == (2.75, 12.75)
    to_its_end = media_clip(replace(listed, end_s=None), replace(media("a", b"a"), cut_start_s=97.25), Path())
    assert to_its_end.end_s is None


def test_the_manifests_are_joined_across_the_parts_in_which_they_are_read(tmp_path: Path) -> None:
    names = [f"{number:05d}" for number in range(N_ROWS_OF_A_PART + 2)]
    fetched = names[N_ROWS_OF_A_PART - 1 :]
    at = made(tmp_path, (clip(name) for name in names), fetched)
    assert [one.clip_id for one in read(at)] == [f"set/{name}" for name in fetched]


def test_media_without_their_clip_are_refused_by_name(tmp_path: Path) -> None:
    at = made(tmp_path, [clip("a"), clip("c")], ["a", "b"])
    clips = iter(read(at))
    assert [one.clip_id for one in islice(clips, 1)] == ["set/a"]
    with pytest.raises(BadManifest, match=r"media\.parquet: 'set/b' is not in .*clips\.parquet"):
        next(clips)


def test_an_edited_file_is_refused_before_the_first_clip(tmp_path: Path) -> None:
    at = made(tmp_path, [clip("a"), clip("b")], ["a", "b"])
    (at.media_folder("set") / "b.mp4").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"1 media files differ .* data/media/set/b\.mp4"):
        read(at)
