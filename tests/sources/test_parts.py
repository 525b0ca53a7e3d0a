"""A long clip becomes parts that together are the clip: every frame and every sample once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import stages.download
from benchmarks.recordings import Recording, write_recording
from pipeline.audio.extract import extract_waveform
from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.sources.parts import parts_of, write_parts
from pipeline.synthetic.clip import write_clip
from pipeline.video import media_check
from pipeline.video.clip import read_media_clips
from pipeline.video.decode import grey_frames
from pipeline.video.probe import probe
from tests.audio.test_extract import SOUGHT, vowels
from tests.identity import clips
from tests.sources.test_acquire import PARAMS, SPEC, clip
from tests.video.test_decode import index_shown, write_numbered
from tests.video.test_seek import encoded

TALK = clips.clip("set", "ana", "talk")
N_FRAMES = 75


def media_of(one: Clip, duration_s: float) -> Media:
    return replace(clips.media(one, "0"), duration_s=duration_s)


def ranges(one: Clip, duration_s: float, max_clip_s: float | None) -> list[tuple[float | None, float | None]]:
    return [(part.start_s, part.end_s) for part in parts_of(one, media_of(one, duration_s), max_clip_s)]


def test_a_clip_up_to_the_limit_is_itself() -> None:
    for duration_s, max_clip_s in ((600.0, 600.0), (0.5, 600.0), (90_000.0, None)):
        assert parts_of(TALK, media_of(TALK, duration_s), max_clip_s) == [TALK]


def test_parts_are_alike_in_length_and_begin_and_end_as_the_clip_does() -> None:
    assert ranges(TALK, 601.0, 600) == [(None, 300.5), (300.5, None)]
    assert ranges(TALK, 10.0, 3) == [(None, 2.5), (2.5, 5.0), (5.0, 7.5), (7.5, None)]
    assert ranges(replace(TALK, start_s=2.0, end_s=9.0), 60.0, 3) == [(2.0, 4.333), (4.333, 6.667), (6.667, 9.0)]


def test_a_range_beyond_the_file_is_split_as_far_as_the_file_goes() -> None:
    assert ranges(replace(TALK, start_s=2.0, end_s=99.0), 8.0, 3) == [(2.0, 5.0), (5.0, 99.0)]
    assert ranges(replace(TALK, start_s=20.0), 8.0, 3) == [(20.0, None)]


def test_the_parts_of_a_file_that_was_cut_have_the_times_of_the_list() -> None:
    one = replace(TALK, start_s=100.0, end_s=109.0)
    media = replace(media_of(one, 14.0), cut_start_s=97.5)
    assert [(part.start_s, part.end_s) for part in parts_of(one, media, 3)] == [(100, 103), (103, 106), (106, 109)]
    to_its_end = replace(one, end_s=None)
    assert [(part.start_s, part.end_s) for part in parts_of(to_its_end, media, 6)] == [(100, 105.75), (105.75, None)]


def test_a_part_is_the_clip_but_for_id_range_and_content() -> None:
    parts = parts_of(TALK, media_of(TALK, 7.0), 3)
    assert [part.clip_id for part in parts] == ["set/talk-p000", "set/talk-p001", "set/talk-p002"]
    assert len({part.content_hash for part in parts}) == 3
    for part in parts:
        same = replace(part, clip_id=TALK.clip_id, start_s=None, end_s=None, content_hash=TALK.content_hash)
        assert same == TALK


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("max_clip_s", [1.0, 0.7, 0.32])
def test_parts_have_every_frame_once_at_its_time(suffix: str, max_clip_s: float, tmp_path: Path) -> None:
    """With 1 s parts meet where a frame is shown."""
    path = encoded(write_numbered(tmp_path / "n.mp4", [40 * n for n in range(N_FRAMES)]), tmp_path / f"e.{suffix}")
    whole = [(frame.time_s, index_shown(frame.grey)) for frame in grey_frames(path, max_side_px=64)]
    assert len(whole) == N_FRAMES
    found = []
    for start_s, end_s in ranges(TALK, N_FRAMES * 0.04, max_clip_s):
        part = grey_frames(path, max_side_px=64, start_s=start_s, end_s=end_s)
        found.append([(frame.time_s, index_shown(frame.grey)) for frame in part])
    assert len(found) == np.ceil(N_FRAMES * 0.04 / max_clip_s)
    assert [frame for part in found for frame in part] == whole
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_parts_of_joined_recordings_have_every_frame_once(tmp_path: Path) -> None:
    """Their stamps jump, so that each part is found by reading the file from its start."""
    halves = [
        encoded(write_numbered(tmp_path / f"{at}.mp4", [40 * n for n in range(at, at + 40)]), tmp_path / f"{at}.ts")
        for at in (0, 80)
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    assert probe(path).has_jumps
    found = [
        index_shown(frame.grey)
        for start_s, end_s in ranges(TALK, probe(path).duration_s, 0.9)
        for frame in grey_frames(path, max_side_px=64, start_s=start_s, end_s=end_s, has_jumps=True)
    ]
    assert found == [index_shown(frame.grey) for frame in grey_frames(path, max_side_px=64)]
    assert len(found) == 80


def test_parts_of_film_at_29_97_frames_have_every_frame_once(tmp_path: Path) -> None:
    """Stamps are half a millisecond from where parts meet, as often as anywhere."""
    path = write_numbered(tmp_path / "n.mkv", [round(1001 * n / 30) for n in range(90)])
    times_s = [frame.time_s for frame in grey_frames(path, max_side_px=64)]
    found = [
        frame.time_s
        for start_s, end_s in ranges(TALK, 3.0, 0.1)
        for frame in grey_frames(path, max_side_px=64, start_s=start_s, end_s=end_s)
    ]
    assert found == times_s


@pytest.mark.parametrize(("suffix", "video", "codec", "rate_hz"), [SOUGHT[0], SOUGHT[2]])
def test_parts_have_every_sample_once(suffix: str, video: str, codec: str, rate_hz: int, tmp_path: Path) -> None:
    recording = Recording(suffix=suffix, video=video, audio=codec, rate_hz=rate_hz, shown_s=8.0)
    path = write_recording(tmp_path / f"clip.{suffix}", recording, vowels(8.0, rate_hz))
    whole = extract_waveform(path, max_duration_s=60)
    parts = [
        extract_waveform(path, max_duration_s=60, start_s=start_s or 0.0, end_s=end_s)
        for start_s, end_s in ranges(TALK, probe(path).duration_s, 1.1)
    ]
    joined = np.concatenate(parts)
    assert len(joined) == len(whole) and len(parts) == 8
    assert np.abs(joined - whole).max() <= (0.001 if codec == "aac" else 0)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A root in which a generated clip, one of the user's own, and one that is not there are listed; a store beside."""
    at = Layout(tmp_path / "root")
    at.root.mkdir()
    write_clip(replace(SPEC, person=9, duration_s=3.0), at.root / "mine.mp4")
    own = str(at.root / "mine.mp4")
    listed = [
        replace(clip(replace(SPEC, duration_s=2.0).to_address()), clip_id="set/short"),
        replace(clip(own, sha256_of(Path(own))), clip_id="set/own.mp4"),
        replace(clip(str(at.root / "gone.mp4")), clip_id="set/gone"),
    ]
    write_manifest(at.listed("set"), Clip, listed)
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("FACEVOX_WORKERS", "1")
    return at


def download(at: Layout, max_clip_s: float | None) -> None:
    at.params.write_text(yaml.safe_dump({"download": PARAMS.model_dump() | {"max_clip_s": max_clip_s}}))
    stages.download.main("set", at)


@pytest.mark.slow
def test_parts_have_one_file_that_is_fetched_and_hashed_once_also_where_the_limit_changes(
    at: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hashed: list[str] = []

    def spy(path: Path) -> str:
        hashed.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(media_check, "sha256_of", spy)
    download(at, 1.0)
    assert [one.clip_id for one in read_manifest(at.clips("set"), Clip)] == [
        "set/gone",
        *(f"set/own.mp4-p00{number}" for number in range(3)),
        *(f"set/short-p00{number}" for number in range(2)),
    ]
    own = at.media_folder("set") / "own.mp4"
    found = list(read_media_clips(at.clips("set"), at.media("set"), at.root))
    assert [(one.path, one.start_s, one.end_s) for one in found[:3]] == [
        (own, None, 1.0),
        (own, 1.0, 2.0),
        (own, 2.0, None),
    ]
    assert "own.mp4" in hashed and len(set(hashed)) == len(hashed)
    assert [row.item_id for row in read_manifest(at.ledger("download", "set"), LedgerRow)] == [
        "set/gone",
        "set/own.mp4",
        "set/short",
    ]
    assert "download@set: 2 clips longer than 1 s are split into parts" in capsys.readouterr().out
    download(at, None)
    assert "3 items, 1 computed, 2 from the store" in capsys.readouterr().out  # that which is not there is tried again
    assert read_manifest(at.clips("set"), Clip) == read_manifest(at.listed("set"), Clip)


@pytest.mark.slow
def test_a_changed_file_of_several_parts_is_one_file(at: Layout) -> None:
    download(at, 1.0)
    (at.root / "mine.mp4").write_bytes(b"other")
    with pytest.raises(BadInput, match=r"^1 media files differ .*set/own\.mp4 "):
        list(read_media_clips(at.clips("set"), at.media("set"), at.root))
    (at.root / "mine.mp4").unlink()
    with pytest.raises(BadInput, match=r"^1 media files are missing, the first is .*set/own\.mp4:"):
        list(read_media_clips(at.clips("set"), at.media("set"), at.root))


def test_a_range_counted_in_frames_is_listed_in_the_seconds_of_its_file(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    one = replace(TALK, start_s=100.0, end_s=110.0, range_fps=30.0)
    write_parts([one], [replace(media_of(one, 200.0), range_scale=1.001)], None, "set", at)
    (clip,) = read_manifest(at.clips("set"), Clip)
    assert (clip.start_s, clip.end_s) == pytest.approx((100.1, 110.11))
