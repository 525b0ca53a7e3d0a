"""A download is cut to its clip's range: what is read of it is what the whole file has there, or it is kept whole."""

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np
import pytest

from benchmarks.cut import (
    KINDS,
    MARGIN_S,
    MOST_APART_S,
    NO_OTHER,
    Kind,
    Written,
    measure,
    number_shown,
    random_ranges,
    write_counted,
)
from benchmarks.recordings import Recording, click_times_s, clicks, flash_times_s, write_recording
from pipeline.audio.extract import extract_waveform
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.hashing import sha256_of
from pipeline.download import cut as cut_module
from pipeline.download.cut import Cut, CutRange, cut
from pipeline.video.decode import grey_frames
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.probe import probe

LENGTH_S = 24.0
PLAIN = Kind(name="plain.mp4", video="libx264", audio="aac", options=(("g", "50"), ("bf", "2"), *NO_OTHER))

# yt-dlp leaves its own handle on an address to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """24 s at 25 pictures a second, a key frame every 2 s."""
    return write_counted(tmp_path_factory.mktemp("plain"), PLAIN, LENGTH_S)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "media.mp4"


def made(whole: Path, place: Path, start_s: float | None, end_s: float | None) -> Cut | None:
    return cut(whole, probe(whole), CutRange(start_s, end_s, MARGIN_S), place)


def numbers(path: Path) -> list[int]:
    return [number_shown(frame.grey) for frame in grey_frames(path, max_side_px=1280)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_range_that_was_downloaded_and_cut_has_the_pictures_and_the_sound_of_the_list(
    kind: Kind, tmp_path: Path
) -> None:
    """The first range is to the millisecond, the second in whole seconds; the whole video is fetched once."""
    for found in measure(kind, random_ranges(LENGTH_S, 2, seed=5), LENGTH_S, tmp_path):
        assert (found.is_cut, found.first, found.last) == (True, 0, 0)
        assert found.picture_s <= 0.00051  # Matroska rounds to milliseconds
        assert found.sound_s <= float(1 / kind.fps)
        assert found.apart_s <= MOST_APART_S


def test_the_cut_has_the_margins_from_the_key_frame_before_and_states_where_it_starts(
    plain: Written, place: Path
) -> None:
    found = made(plain.path, place, 11.0, 13.0)
    assert found is not None
    assert found.start_s == 8.0  # the key frame at or before 11 - 2
    seen = numbers(place)
    assert seen[0] == 200
    assert 25 * 15 <= seen[-1] <= 25 * 15 + 2  # pictures are stored before those that they follow
    assert place.stat().st_size < plain.path.stat().st_size * 0.4


def test_a_range_without_start_or_end_is_cut_at_the_other_side(plain: Written, tmp_path: Path) -> None:
    first, last = (made(plain.path, tmp_path / f"{n}.mp4", *ends) for n, ends in enumerate([(None, 3.0), (20.0, None)]))
    assert first is not None
    assert last is not None
    assert (first.start_s, last.start_s) == (0.0, 18.0)
    assert numbers(tmp_path / "0.mp4")[0] == 0
    assert numbers(tmp_path / "1.mp4")[-1] == numbers(plain.path)[-1]


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(None, None), (2.0, 22.0), (2.0, None), (None, 22.0), (26.0, 30.0), (26.1, None)]
)
def test_where_margins_reach_the_ends_or_the_range_is_beyond_them_nothing_is_cut(
    start_s: float | None, end_s: float | None, plain: Written, place: Path
) -> None:
    assert made(plain.path, place, start_s, end_s) is None
    assert not place.exists()


def test_the_same_range_of_the_same_file_gives_the_same_bytes(plain: Written, tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for place in places:
        assert made(plain.path, place, 10.0, 12.5) is not None
    assert sha256_of(places[0]) == sha256_of(places[1])


def test_for_want_of_room_no_file_is_kept_whole(plain: Written, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(described: object) -> bytes:
        raise BadMedia("ffmpeg_failed", "Conversion failed!")

    monkeypatch.setattr(cut_module, "run_ffmpeg", fail)
    assert made(plain.path, place, 8.0, 10.0) is None
    usage = shutil.disk_usage(place.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=0))
    with pytest.raises(OSError, match="No space left on device"):
        made(plain.path, place, 8.0, 10.0)


@pytest.mark.parametrize("suffix", ["ts", "avi", "flv"])
def test_other_containers_are_kept_whole(suffix: str, plain: Written, tmp_path: Path) -> None:
    whole = tmp_path / f"whole.{suffix}"
    run_ffmpeg(ffmpeg.input(str(plain.path)).output(str(whole), codec="copy"))
    assert made(whole, tmp_path / f"media.{suffix}", 10.0, 12.0) is None
    assert not (tmp_path / f"media.{suffix}").exists()


def test_a_file_whose_clock_jumps_is_kept_whole(plain: Written, place: Path) -> None:
    assert cut(plain.path, replace(probe(plain.path), has_jumps=True), CutRange(10.0, 12.0, MARGIN_S), place) is None


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_turned_picture_stays_turned(suffix: str, plain: Written, tmp_path: Path) -> None:
    """Where the container can't say it, the file is kept whole."""
    whole, place = tmp_path / f"turned.{suffix}", tmp_path / f"media.{suffix}"
    turned = ffmpeg.input(str(plain.path), display_rotation=90)
    run_ffmpeg(turned.output(str(whole), codec="copy"))
    assert probe(whole).form.rotation_deg == 270
    found = made(whole, place, 10.0, 12.0)
    assert found is not None
    assert probe(place).form == probe(whole).form


# Sound and picture that start apart, or whose beginning an edit list hides; the last between two pictures.
MP4 = Recording(suffix="mp4", video="libx264", audio="aac", rate_hz=44_100, shown_s=12.0)
MKV = Recording(suffix="mkv", audio="flac", fps=Fraction(30_000, 1001), sound_s=0.5, shown_s=12.0)
APART = [
    *(replace(MP4, sound_s=0.32), replace(MP4, picture_s=0.4), MKV),
    *(replace(MP4, cut_s=0.6), replace(MP4, cut_s=0.61)),
]


@pytest.mark.parametrize("recording", APART, ids=str)
def test_picture_and_sound_are_as_far_apart_as_in_the_whole_file(recording: Recording, tmp_path: Path) -> None:
    events_s = (7.2, 8.0, 8.8)
    sound = clicks(12.0, [one - recording.sound_s for one in events_s])
    whole = write_recording(tmp_path / f"whole.{recording.suffix}", recording, sound, flashes_s=events_s)
    place = tmp_path / f"media.{recording.suffix}"
    found = made(whole, place, 6.5, 8.5)
    path, start_s = (place, found.start_s) if found else (whole, 0.0)
    for times_s in (flash_times_s, _click_times_s):
        in_whole_s = [one for one in times_s(whole) if one < 9.5]
        assert [one + start_s for one in times_s(path) if one + start_s < 9.5] == pytest.approx(in_whole_s, abs=0.002)


def _click_times_s(path: Path) -> list[float]:
    return [float(one) for one in np.array(click_times_s(extract_waveform(path, max_duration_s=60)))]
