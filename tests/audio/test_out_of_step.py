"""The sound of a clip that is out of step is taken that much later or earlier, by param."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.recordings import Recording, write_recording
from pipeline.audio.clip import AudioItem, segment_clip
from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.segment import Segment
from pipeline.video.clip import MediaClip
from tests.audio.heard import heard

MakeParams = Callable[..., AudioParams]
RATE_HZ = 16_000


def silence(seconds: float) -> Waveform:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def only_segment(
    path: Path, sound: Waveform, item: tuple[float | None, float], params: AudioParams
) -> Segment | Dropped:
    """Return the segment of a file of ``sound``; ``item``: start of a range of 6 s or None, and the offset."""
    start_s, out_of_step_s = item
    clip = MediaClip(
        clip_id="set/one",
        path=write_recording(path, Recording(suffix="mkv", rate_hz=RATE_HZ, shown_s=14.0), sound),
        sha256="",
        has_audio=True,
        start_s=start_s,
        end_s=None if start_s is None else start_s + 6.0,
    )
    rows = segment_clip(AudioItem(clip, (heard(clip.clip_id, (0.0, 14.0)),), out_of_step_s), path.parent, params=params)
    if isinstance(rows, Dropped):
        return rows
    return next(row for row in rows if isinstance(row, Segment))


@pytest.mark.slow
@pytest.mark.parametrize("start_s", [None, 0.0, 0.2, 7.0])
@pytest.mark.parametrize("offset_s", [0.5, -0.5])
def test_a_corrected_segment_has_the_sound_of_its_pictures_and_their_times(
    offset_s: float, start_s: float | None, talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    in_step = np.concatenate([silence(start_s or 0.0), silence(0.6), talker[: round(5.4 * RATE_HZ)], silence(1.0)])
    late = np.concatenate([silence(max(0.0, offset_s)), in_step[round(max(0.0, -offset_s) * RATE_HZ) :]])
    params = audio_params()
    expected = only_segment(tmp_path / "in_step.mkv", in_step, (start_s, 0.0), params)
    found = only_segment(tmp_path / "late.mkv", late, (start_s, offset_s), params)
    assert isinstance(expected, Segment) and isinstance(found, Segment)
    np.testing.assert_array_equal(found.log_mel, expected.log_mel)
    assert (found.segment_id, found.start_s, found.end_s) == (expected.segment_id, expected.start_s, expected.end_s)
    assert (found.av_correction_s, expected.av_correction_s) == (offset_s, 0.0)


def test_whether_it_is_corrected_filtered_or_kept_is_a_param(
    talker: Waveform, audio_params: MakeParams, tmp_path: Path
) -> None:
    def ended(out_of_step_s: float, out_of_step: str) -> Segment | Dropped:
        return only_segment(tmp_path / "a.mkv", talker, (None, out_of_step_s), audio_params(out_of_step=out_of_step))

    assert ended(-0.5, "filter") == Dropped.filtered("out_of_step", "the sound is -0.50 s late")
    kept, in_step = ended(-0.5, "keep"), ended(0.0, "filter")
    assert isinstance(kept, Segment) and isinstance(in_step, Segment)
    assert kept.av_correction_s == in_step.av_correction_s == 0.0
    np.testing.assert_array_equal(kept.log_mel, in_step.log_mel)
