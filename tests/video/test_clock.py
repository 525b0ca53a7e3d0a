"""A file has one clock, common to picture and sound, whatever its stamps do; it starts with the first picture shown."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.recordings import Recording, click_times_s, clicks, flash_times_s, write_recording
from pipeline.audio.extract import extract_waveform
from pipeline.core.base.errors import BadMedia
from pipeline.video.clock import clock_of
from pipeline.video.decode import rgb_frames, rgb_frames_at
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.probe import probe
from pipeline.video.seek import decoded, opened
from pipeline.video.stamps.jumps import without_jumps
from pipeline.video.stamps.packets import BACK_S, NO_STAMP, Stamps

TICK_S = 1 / 90_000
PICTURE, SOUND = 3600, 1920  # ticks of a picture at 25 a second, and of 1024 samples at 90 kHz / 1920
ONE_FRAME_S = 0.04


def line(starts: Sequence[float], step: int, *, ends: Sequence[float], wraps_s: float = 0.0) -> Stamps:
    """Parts that each begin at ``starts`` seconds and end at ``ends``; ``order`` is by parts, then by time."""
    parts = [np.arange(round(a / TICK_S), round(b / TICK_S), step) for a, b in zip(starts, ends, strict=True)]
    dts = np.concatenate(parts).astype(np.int64)
    # Position in the file: 1e6 a part, and within it by time.
    order = np.concatenate([number * 10**9 + part - part[:1] for number, part in enumerate(parts)]).astype(np.int64)
    return Stamps(
        pts=dts.copy(), dts=dts, duration=np.full(len(dts), step), order=order, tick_s=TICK_S, wraps_s=wraps_s
    )


def put_right(*streams: Stamps, may_restart: bool = True) -> list[np.ndarray]:
    changed = without_jumps(streams, may_restart=may_restart)
    assert changed is not None
    return [one.dts * TICK_S for one in changed]


def test_stamps_that_follow_each_other_are_kept() -> None:
    assert without_jumps([line([1.4], PICTURE, ends=[9]), line([1.3], SOUND, ends=[9.1])], may_restart=True) is None


def test_no_packets_have_no_jumps() -> None:
    nothing = line([0], PICTURE, ends=[0])
    assert without_jumps([nothing, line([0], SOUND, ends=[2])], may_restart=True) is None


@pytest.mark.parametrize("second_s", [0.0, 1.4, 500.0])
def test_a_part_that_starts_again_continues_where_the_one_before_ended(second_s: float) -> None:
    """Its sound starts 0.24 s before its picture, and keeps doing so."""
    picture, sound = put_right(
        line([0.0, second_s + 0.24], PICTURE, ends=[4.0, second_s + 3.0]),
        line([0.0, second_s], SOUND, ends=[4.0, second_s + 3.0]),
    )
    assert (picture[100] - picture[0], sound[-1] - sound[0]) == pytest.approx((4.24, 7.0), abs=0.05)
    assert picture[100] - sound[188] == pytest.approx(0.24, abs=1e-4)


def test_a_part_whose_sound_ended_early_is_followed_without_an_overlap() -> None:
    picture, sound = put_right(line([0, 0], PICTURE, ends=[4, 3]), line([0, 0], SOUND, ends=[1, 3]))
    assert picture[100] == pytest.approx(4.0)
    assert sound[47] == pytest.approx(4.0)


def test_a_part_without_sound_before_one_with_sound_moves_both() -> None:
    intro, talk = line([0, 0], PICTURE, ends=[4, 3]), line([0], SOUND, ends=[3])
    talk = replace(talk, order=talk.order + 10**9)
    picture, sound = put_right(intro, talk)
    assert (picture[100], sound[0]) == (pytest.approx(4.0), pytest.approx(4.0))


@pytest.mark.parametrize(("pause_s", "kept_s"), [(9.9, 9.9), (10.1, 0.0)])
def test_a_pause_of_both_streams_is_real_up_to_the_limit_where_clocks_restart(pause_s: float, kept_s: float) -> None:
    streams = [line([0, 4 + pause_s], step, ends=[4, 7 + pause_s]) for step in (PICTURE, SOUND)]
    assert without_jumps(streams, may_restart=False) is None
    changed = without_jumps(streams, may_restart=True)
    times = streams[0].dts if changed is None else changed[0].dts
    assert times[100] * TICK_S == pytest.approx(4 + kept_s, abs=0.03)


def test_a_gap_of_one_stream_while_the_other_goes_on_is_real() -> None:
    sound = line([0.0, 9.0], SOUND, ends=[4.0, 12.0])
    in_step = np.where(sound.order < 10**9, sound.order, sound.dts)
    sound = replace(sound, order=in_step)
    assert without_jumps([line([0], PICTURE, ends=[12]), sound], may_restart=True) is None


@pytest.mark.parametrize("off_s", [60.0, -60.0, 1.0, -0.6])
@pytest.mark.parametrize("n_stray", [1, 8])
def test_stray_stamps_become_the_expected_ones(off_s: float, n_stray: int) -> None:
    sound = line([100], SOUND, ends=[110])
    wrong = sound.dts.copy()
    wrong[50 : 50 + n_stray] += round(off_s / TICK_S)
    changed_stream = replace(sound, pts=wrong, dts=wrong.copy())
    picture = line([100], PICTURE, ends=[110])
    changed = without_jumps([picture, changed_stream], may_restart=True)
    assert changed is not None
    assert np.abs(changed[1].pts - sound.pts).max() <= 1
    assert changed[0].pts.tolist() == picture.pts.tolist()


@pytest.mark.parametrize("back_s", [0.051, 0.09, 0.12, 0.3])
def test_parts_that_overlap_a_little_follow_each_other(back_s: float) -> None:
    streams = [line([100, 104 - back_s], step, ends=[104, 107]) for step in (PICTURE, SOUND)]
    picture, sound = put_right(*streams)
    assert (picture[100] - picture[0], sound[188] - sound[0]) == pytest.approx((4.0, 4.0), abs=0.025)
    assert picture[100] - sound[188] == pytest.approx(streams[0].dts[100] * TICK_S - streams[1].dts[188] * TICK_S)


@pytest.mark.parametrize("which", [PICTURE, SOUND])
def test_one_stream_that_goes_back_a_little_is_kept(which: int) -> None:
    """The stamps are what there is: nothing says which of both is late."""
    streams = [line([0, 4 - 0.09 * (step == which)], step, ends=[4, 7]) for step in (PICTURE, SOUND)]
    assert without_jumps(streams, may_restart=True) is None


def test_stamps_of_both_streams_that_wobble_are_kept() -> None:
    streams = []
    for step in (PICTURE, SOUND):
        right = line([1], step, ends=[9])
        wobble = round(0.045 / TICK_S) * (np.arange(len(right.dts)) // 4 % 2)
        streams.append(replace(right, pts=right.pts + wobble, dts=right.dts + wobble))
    assert without_jumps(streams, may_restart=True) is None


@pytest.mark.parametrize("step_ticks", [0, 2])
@pytest.mark.parametrize(("duration_s", "at"), [(3.6, 40), (10.0, 40), (10.0, 0)])
def test_stamps_that_a_muxer_raised_to_a_stray_one_become_the_expected_ones(
    duration_s: float, at: int, step_ticks: int
) -> None:
    """In 10 s they catch up with it. The muxer writes the sound behind the pictures of the stray stamp's time."""
    picture, right = line([0], PICTURE, ends=[duration_s]), line([0], SOUND, ends=[duration_s])
    raised = right.dts + round(4 / TICK_S) * (np.arange(len(right.dts)) == at)
    for number in range(1, len(raised)):
        raised[number] = max(raised[number], raised[number - 1] + step_ticks)
    sound = replace(right, pts=raised, dts=raised.copy(), order=raised)
    for may_restart in (False, True):
        changed = without_jumps([picture, sound], may_restart=may_restart)
        assert changed is not None
        assert np.abs(changed[1].pts - right.pts).max() <= 1
        assert changed[0].pts.tolist() == picture.pts.tolist()


@pytest.mark.parametrize("duration_s", [40.0, 200.0])
def test_rounded_lengths_of_packets_with_raised_stamps_add_up_to_the_right_time(duration_s: float) -> None:
    """Matroska rounds 21.33 ms to 21. Within 200 s the stamps catch up."""
    time_s = np.arange(0, duration_s, 1024 / 48_000)
    right = np.round(time_s * 1000).astype(np.int64)
    raised = np.maximum.accumulate(right + 60_000 * (np.arange(len(right)) == 400))
    sound = Stamps(pts=raised, dts=raised.copy(), duration=right * 0 + 21, order=raised, tick_s=0.001)
    changed = without_jumps([sound], may_restart=False)
    assert changed is not None
    assert np.abs(changed[0].pts - right).max() <= (2 if duration_s == 200 else 5)


@pytest.mark.parametrize("stall_s", [0.6, 2.0])
def test_packets_that_had_to_wait_get_the_times_of_the_pause_before_them(stall_s: float) -> None:
    right = line([0], SOUND, ends=[10])
    waited = (right.dts >= 4 / TICK_S) & (right.dts < (4 + stall_s) / TICK_S)
    late = np.where(waited, right.dts[waited].max(), right.dts)
    picture = line([0], PICTURE, ends=[10])
    changed = without_jumps([picture, replace(right, pts=late, dts=late.copy(), order=late)], may_restart=False)
    assert changed is not None
    assert np.abs(changed[1].pts - right.pts).max() <= 1


@pytest.mark.parametrize("more", [13, 15, 40])
def test_packets_of_one_stamp_for_which_there_is_no_time_are_kept(more: int) -> None:
    """Pictures that a recorder repeats: they are left out, and all others are right."""
    right = line([0], PICTURE, ends=[10])
    repeated = np.sort(np.concatenate([right.dts, np.full(more, 100 * PICTURE)]))
    picture = Stamps(
        pts=repeated, dts=repeated.copy(), duration=np.full(len(repeated), PICTURE), order=repeated, tick_s=TICK_S
    )
    assert without_jumps([picture, line([0], SOUND, ends=[10])], may_restart=True) is None


@pytest.mark.parametrize("at", [0, -1])
def test_a_stray_stamp_at_the_beginning_or_end_is_found_by_the_other_stream(at: int) -> None:
    sound = line([100], SOUND, ends=[110])
    wrong = sound.dts.copy()
    wrong[at] += round(60 / TICK_S)
    changed_stream = replace(sound, pts=wrong, dts=wrong.copy())
    changed = without_jumps([line([100], PICTURE, ends=[110]), changed_stream], may_restart=True)
    assert changed is not None
    assert np.abs(changed[1].pts - sound.pts).max() <= 1


def test_a_presentation_time_far_from_its_decoding_time_is_put_beside_it() -> None:
    picture = line([0], PICTURE, ends=[4])
    wrong = picture.pts + 2 * PICTURE
    wrong[20] += 90_000 * 60
    changed_stream = replace(picture, pts=wrong)
    changed = without_jumps([changed_stream], may_restart=True)
    assert changed is not None
    assert changed[0].pts.tolist() == (picture.pts + 2 * PICTURE).tolist()


def test_stamps_that_count_from_zero_again_after_33_bits_go_on() -> None:
    wraps = 2**33
    streams = []
    for step in (PICTURE, SOUND):
        right = line([wraps * TICK_S - 3], step, ends=[wraps * TICK_S + 3])
        streams.append(replace(right, pts=right.pts % wraps, dts=right.dts % wraps, wraps_s=wraps * TICK_S))
    picture, sound = put_right(*streams)
    assert np.diff(picture) == pytest.approx(0.04, abs=1e-6)
    assert np.diff(sound) == pytest.approx(SOUND * TICK_S, abs=1e-6)


@pytest.mark.parametrize("jump_s", [60.0, -3.0])
def test_one_stream_whose_clock_jumps_for_good_has_no_common_clock(jump_s: float) -> None:
    sound = line([0], SOUND, ends=[10])
    wrong = sound.dts + np.where(np.arange(len(sound.dts)) >= 200, round(jump_s / TICK_S), 0)
    changed_stream = replace(sound, pts=wrong, dts=wrong)
    with pytest.raises(BadMedia, match="discontinuous: the clock of one stream jumps by"):
        without_jumps([line([0], PICTURE, ends=[10]), changed_stream], may_restart=True)


def test_packets_without_stamps_stay_without() -> None:
    picture, sound = (line([0, 0], step, ends=[4, 4]) for step in (PICTURE, SOUND))
    dts = picture.dts.copy()
    dts[[0, 1, 50]] = NO_STAMP
    changed_stream = replace(picture, dts=dts)
    changed = without_jumps([changed_stream, sound], may_restart=True)
    assert changed is not None
    assert np.flatnonzero(changed[0].dts == NO_STAMP).tolist() == [0, 1, 50]
    assert np.diff(changed[0].pts * TICK_S) == pytest.approx(0.04, abs=0.03)


def reordered(times_s: Sequence[float]) -> Stamps:
    """Pictures with two that wait for the next, in the order of decoding: the third of three is decoded first."""
    pts = [times_s[first + one] for first in range(0, len(times_s), 3) for one in (2, 0, 1)]
    dts = [times_s[0] - 0.08, times_s[0] - 0.04, *times_s[:-2]]
    ticks = [(np.array(one) / TICK_S).round().astype(np.int64) for one in (pts, dts)]
    return Stamps(
        pts=ticks[0],
        dts=ticks[1],
        duration=np.zeros(len(pts), np.int64),
        order=np.arange(len(pts)) * 2 + 1,
        tick_s=TICK_S,
    )


@pytest.mark.parametrize("pause_s", [4.0, 7.0, 60.0])
@pytest.mark.parametrize("pictures_before", [1, 2, 3, 40])
def test_a_picture_that_stands_still_is_no_jump(pause_s: float, pictures_before: int) -> None:
    """The picture after the pause is decoded before it, so that it is shown as much later as the pause is long."""
    times_s = [0.04 * n + (pause_s if n >= pictures_before else 0.0) for n in range(120)]
    picture = reordered(times_s)
    sound = line([0.0], SOUND, ends=[times_s[-1]])
    sound = replace(sound, order=np.searchsorted(picture.dts, sound.dts) * 2)
    for may_restart in (False, True):
        assert without_jumps([picture, sound], may_restart=may_restart) is None
    has_no_dts = np.arange(120) < 3
    late = replace(picture, dts=np.where(has_no_dts, NO_STAMP, picture.dts))
    assert without_jumps([late, sound], may_restart=False) is None


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["ts", "mpg", "mkv", "flv", "mp4"])
@pytest.mark.parametrize("stream", ["picture", "sound"])
def test_a_gap_of_one_stream_is_read_as_it_is(tmp_path: Path, suffix: str, stream: str) -> None:
    """Packets beside a gap are not where their times are: a demuxer holds the last back, a pack has several."""
    whole = tmp_path / f"whole.{suffix}"
    pictures = ffmpeg.input("testsrc2=s=160x120:r=25:d=9", f="lavfi")
    if stream == "picture":
        pictures = pictures.filter("select", "not(between(t,3,6))")
    sound = ffmpeg.input("sine=300:r=48000:d=9", f="lavfi")
    if stream == "sound":
        sound = sound.filter("aselect", "not(between(t,3,6))")
    codecs = {"vcodec": "mpeg2video" if suffix == "mpg" else "libx264", "acodec": "mp2" if suffix == "mpg" else "aac"}
    run_ffmpeg(ffmpeg.output(pictures, sound, str(whole), fps_mode="vfr", **codecs))
    held = probe(whole)
    with opened(whole) as (video, chosen):
        times_s = [time_s for _, time_s in decoded(video, chosen)]
    expected = [n / 25 for n in range(225) if stream == "sound" or not 3 <= n / 25 <= 6]
    assert not held.has_jumps
    assert times_s == pytest.approx(expected, abs=0.0411)


def test_reordered_pictures_at_a_joint_keep_their_order() -> None:
    first, second = reordered([8 + 0.04 * n for n in range(90)]), reordered([0.04 * n for n in range(90)])
    names = ("pts", "dts", "duration", "order")
    both = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    both["order"] = np.arange(180)
    changed = without_jumps([Stamps(**both, tick_s=TICK_S)], may_restart=True)
    assert changed is not None
    shown_s = np.sort(changed[0].pts) * TICK_S
    assert np.diff(shown_s) == pytest.approx(0.04, abs=0.0001)


def test_a_file_with_thousands_of_jumps_ends_soon() -> None:
    seconds = line([0], 90_000, ends=[4000])
    falling = replace(seconds, dts=seconds.dts[::-1].copy(), pts=seconds.pts[::-1].copy(), duration=seconds.dts * 0)
    with pytest.raises(BadMedia, match="3998 jumps of the clock, expected at most 2000"):
        without_jumps([falling], may_restart=True)


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(2.5, 8)), min_size=2, max_size=4), st.floats(-0.3, 0.3))
def test_any_joined_parts_run_on_in_step(parts: list[tuple[float, float]], sound_late_s: float) -> None:
    """Whatever their clocks, picture and sound of parts of two seconds and more keep their distance."""
    starts, ends = [start for start, _ in parts], [start + length for start, length in parts]
    late = [one + 0.5 + sound_late_s for one in starts]
    streams = [line([one + 0.5 for one in starts], PICTURE, ends=ends), line(late, SOUND, ends=ends)]
    changed = without_jumps(streams, may_restart=True) or streams
    assert all(np.diff(one.dts).min() > -BACK_S / TICK_S for one in changed)
    firsts = [np.searchsorted(one.order, np.arange(len(parts)) * 10**9) for one in streams]
    apart = [changed[1].dts[firsts[1][n]] - changed[0].dts[firsts[0][n]] for n in range(len(parts))]
    wanted = [streams[1].dts[firsts[1][n]] - streams[0].dts[firsts[0][n]] for n in range(len(parts))]
    assert apart == pytest.approx(wanted, abs=2)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6) | st.integers(-(2**62), 2**62), st.sampled_from([0, 1, SOUND, 2**62])),
        min_size=32,
        max_size=50,
    ),
    st.booleans(),
)
def test_any_stamps_are_put_right_or_discontinuous(packets: list[tuple[int, int]], is_rising: bool) -> None:
    dts, duration = (np.array(column, np.int64) for column in zip(*packets, strict=True))
    dts = np.sort(dts) if is_rising else dts
    stream = Stamps(pts=dts.copy(), dts=dts, duration=duration, order=np.arange(len(dts)) * 2, tick_s=TICK_S)
    picture = line([0], PICTURE, ends=[3])
    with suppress(BadMedia), np.errstate(all="raise"):
        changed = without_jumps([picture, stream], may_restart=True)
        assert changed is None or len(changed[1].dts) == len(dts)


FORMATS: dict[str, dict[str, Any]] = {
    "ts": {"vcodec": "libx264", "acodec": "aac"},
    "mpg": {"vcodec": "mpeg2video", "acodec": "mp2"},
    "mkv": {"vcodec": "libx264", "acodec": "aac"},
    "webm": {"vcodec": "libvpx", "acodec": "libopus"},
    "flv": {"vcodec": "flv", "acodec": "libmp3lame"},
    "mp4": {"vcodec": "libx264", "acodec": "aac"},
    "mov": {"vcodec": "libx264", "acodec": "pcm_s16le"},
    "avi": {"vcodec": "mpeg4", "acodec": "pcm_s16le", "bf": 2},
}
EVENTS_S = ([0.8, 1.6], [0.4, 1.2])
FLV_HEADER_BYTES = 13


def encoded(folder: Path, suffix: str, part: int = 0, **options: Any) -> Path:
    """Write 2.4 s with flashes and beeps at EVENTS_S of the part."""
    events_s = EVENTS_S[part]
    source = Recording(suffix="mkv", shown_s=2.4, rate_hz=44_100)
    written = write_recording(folder / f"s{part}.mkv", source, clicks(2.4, events_s, 44_100), flashes_s=events_s)
    path = folder / f"part{part}.{suffix}"
    run_ffmpeg(ffmpeg.input(str(written)).output(str(path), g=12, **FORMATS[suffix], **options))
    return path


def in_step(path: Path, expected_s: Sequence[float], within_s: float = ONE_FRAME_S) -> None:
    """Assert that flash and beep are together, and where they are expected."""
    flashes_s, beeps_s = flash_times_s(path), click_times_s(extract_waveform(path, max_duration_s=60))
    assert flashes_s == pytest.approx(list(expected_s), abs=2 * ONE_FRAME_S)
    assert beeps_s == pytest.approx(flashes_s, abs=within_s)


@pytest.mark.parametrize("suffix", ["ts", "mpg", "mkv", "webm", "flv"])
def test_recordings_written_one_behind_the_other_run_on_in_step(suffix: str, tmp_path: Path) -> None:
    parts = [encoded(tmp_path, suffix, part).read_bytes() for part in (0, 1)]
    both = tmp_path / f"both.{suffix}"
    both.write_bytes(parts[0] + parts[1][FLV_HEADER_BYTES if suffix == "flv" else 0 :])
    assert probe(both).has_jumps
    in_step(both, [0.8, 1.6, 2.84, 3.64])


@pytest.mark.parametrize("seed", range(2))
def test_pictures_behind_a_damaged_one_are_not_sought_where_the_clock_jumps(seed: int, tmp_path: Path) -> None:
    """After seeking the packets' numbers, and so their times, would be wrong."""
    both = tmp_path / "both.mkv"
    data = bytearray(b"".join(encoded(tmp_path, "mkv", part, bf=2).read_bytes() for part in (0, 1)))
    both.write_bytes(data)
    with av.open(str(both)) as container:
        places = [(one.pos, one.size) for one in container.demux(video=0)][10:50]
    header, length = 6, 8  # of a block, and of what is replaced
    rng = np.random.default_rng(seed)
    for at, size in rng.permutation([one for one in places if one[1] > 24])[:3]:
        start = at + header + rng.integers(8, size - length)
        data[start : start + length] = rng.bytes(length)
    both.write_bytes(data)
    frames = dict(rgb_frames(both))
    wanted_s = sorted(frames)[2::7]
    assert clock_of(both).has_jumps
    found = dict(rgb_frames_at(both, wanted_s))
    assert [time_s for time_s in wanted_s if not np.array_equal(found[time_s], frames[time_s])] == []


@pytest.mark.parametrize("second_starts_s", [1000.0, 95_442.0])
def test_a_transport_stream_that_jumps_ahead_or_wraps_runs_on_in_step(second_starts_s: float, tmp_path: Path) -> None:
    """The second part's stamps pass 33 bits of 90 kHz, 95443.7 s."""
    first, second = encoded(tmp_path, "ts"), encoded(tmp_path, "ts", 1, output_ts_offset=second_starts_s)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    in_step(both, [0.8, 1.6, 2.84, 3.64])


@pytest.mark.parametrize("suffix", list(FORMATS))
def test_flash_and_beep_stay_together_after_cutting_without_encoding(suffix: str, tmp_path: Path) -> None:
    path = encoded(tmp_path, suffix)
    cut = tmp_path / f"cut.{suffix}"
    run_ffmpeg(ffmpeg.input(str(path), ss=0.65).output(str(cut), codec="copy"))
    assert not probe(cut).has_jumps
    flashes_s, beeps_s = flash_times_s(cut), click_times_s(extract_waveform(cut, max_duration_s=60))
    assert flashes_s
    # MP3 and Opus in FLV and WebM lack the note of the encoder's delay.
    assert beeps_s == pytest.approx(flashes_s, abs=0.005 if suffix in ("mp4", "mov") else ONE_FRAME_S)


def test_pictures_of_an_avi_with_b_frames_are_in_step(tmp_path: Path) -> None:
    """Its stamps are those of decoding, a picture early."""
    path = tmp_path / "b.avi"
    source = encoded(tmp_path, "mov")
    options = {"vcodec": "libx264", "bf": 2, "acodec": "pcm_s16le", "x264-params": "bframes=2:b-adapt=0"}
    run_ffmpeg(ffmpeg.input(str(source)).output(str(path), **options))
    in_step(path, [0.8, 1.6], within_s=0.005)


def pes_stamps(data: bytes, pid: int) -> list[int]:
    """Return where the presentation times of a transport stream's packets begin."""
    found = []
    for start in range(0, len(data), 188):
        packet = data[start : start + 188]
        if (packet[1] & 31) << 8 | packet[2] == pid and packet[1] & 0x40:
            header = start + 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
            found.append(header + 9)
    return found


@pytest.mark.parametrize("off_s", [60, -1])
def test_one_packet_of_sound_with_a_wrong_stamp_changes_nothing(off_s: int, tmp_path: Path) -> None:
    good = encoded(tmp_path, "ts")
    data = bytearray(good.read_bytes())
    places = pes_stamps(bytes(data), 0x101)
    at = places[len(places) // 2]
    b = data[at : at + 5]
    pts = (b[0] >> 1 & 7) << 30 | b[1] << 22 | (b[2] >> 1) << 15 | b[3] << 7 | b[4] >> 1
    pts += off_s * 90_000
    high, middle, low = pts >> 30 & 7, pts >> 15 & 0x7FFF, pts & 0x7FFF
    data[at : at + 5] = bytes(
        [b[0] & 0xF0 | high << 1 | 1, middle >> 7, (middle & 127) << 1 | 1, low >> 7, (low & 127) << 1 | 1]
    )
    bad = tmp_path / "bad.ts"
    bad.write_bytes(data)
    assert probe(bad).has_jumps
    assert np.array_equal(extract_waveform(bad, max_duration_s=60), extract_waveform(good, max_duration_s=60))


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_sound_whose_stamps_were_raised_to_a_stray_one_is_read_as_it_is(suffix: str, tmp_path: Path) -> None:
    good, bad = encoded(tmp_path, suffix), tmp_path / f"bad.{suffix}"
    offset = "if(eq(N,30),4/TB,0)"
    stray = {"bsf:a": f"setts=pts='PTS+{offset}':dts='DTS+{offset}'"}
    run_ffmpeg(ffmpeg.input(str(good)).output(str(bad), codec="copy", **stray))
    assert probe(bad).has_jumps
    in_step(bad, [0.8, 1.6], within_s=0.01)


def test_a_transport_stream_cut_anywhere_starts_at_its_first_picture(tmp_path: Path) -> None:
    """The cut lies within a packet, and within a group of pictures."""
    whole = encoded(tmp_path, "ts").read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole[len(whole) // 5 + 77 : -1000])
    flashes_s, beeps_s = flash_times_s(cut), click_times_s(extract_waveform(cut, max_duration_s=60))
    assert flashes_s
    assert beeps_s == pytest.approx(flashes_s, abs=0.01)


def test_pictures_before_zero_in_matroska_have_no_stamps_and_come_first_all_the_same(tmp_path: Path) -> None:
    good, early = encoded(tmp_path, "mp4"), tmp_path / "early.mkv"
    options = {"output_ts_offset": -0.2, "avoid_negative_ts": "disabled"}
    run_ffmpeg(ffmpeg.input(str(good)).output(str(early), codec="copy", **options))
    with opened(early) as (video, stream):
        times_s = [time_s for _, time_s in decoded(video, stream)]
    assert times_s == pytest.approx([n / 25 for n in range(60)], abs=0.0011)
    in_step(early, [0.8, 1.6], within_s=0.01)
    wanted_s = [times_s[n] for n in (1, 7, 50)]
    assert [time_s for time_s, _ in rgb_frames_at(early, wanted_s)] == wanted_s


def test_raw_h264_runs_at_its_stated_rate(tmp_path: Path) -> None:
    raw = tmp_path / "raw.h264"
    run_ffmpeg(ffmpeg.input(str(encoded(tmp_path, "mp4"))).output(str(raw), an=None, vcodec="copy", format="h264"))
    assert flash_times_s(raw) == pytest.approx([0.8, 1.6], abs=1e-6)
    assert not probe(raw).has_audio


def test_a_file_that_is_known_to_be_steady_is_not_read_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encoded(tmp_path, "mp4")

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("all packets were read")

    monkeypatch.setattr("pipeline.video.clock.without_jumps", refuse)
    assert clock_of(path, has_jumps=False).picture_start == 0


def test_a_file_that_is_missing_is_undecodable(tmp_path: Path) -> None:
    with pytest.raises(BadMedia, match=r"undecodable: none.mp4"), opened(tmp_path / "none.mp4"):
        pass
