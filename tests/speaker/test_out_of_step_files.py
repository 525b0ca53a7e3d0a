"""Files whose sound was shifted: the offset is found, and the segment is that of the file in step."""

from collections.abc import Callable
from pathlib import Path

import ffmpeg
import numpy as np
import pytest

from pipeline.audio.clip import AudioItem, segment_clip
from pipeline.audio.settings import AudioParams
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import load_params
from pipeline.core.records.segment import Segment
from pipeline.core.records.track import Track
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.observe import Observer
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.ffmpeg_program import run_ffmpeg
from tests.audio.heard import heard
from tests.speaker.test_observe import media_clip

DETECT, AUDIO = load_params(DetectParams, "detect"), load_params(AudioParams, "audio")
IN_STEP, LATE, EARLY = 0.0, 0.6, -0.4
FRAME_S = 0.04


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """Return a talker's file, and what ffmpeg makes of it with the sound later or earlier, by the shift in seconds."""
    folder = tmp_path_factory.mktemp("shifted")
    paths = {shift_s: folder / f"{shift_s}.mkv" for shift_s in (LATE, EARLY)} | {IN_STEP: folder / "in_step.mp4"}
    write_clip(ClipSpec(seed=1616, person=1, clip=0, preset="wide", duration_s=6.4), paths[IN_STEP])
    for shift_s in (LATE, EARLY):
        picture, sound = ffmpeg.input(paths[IN_STEP]), ffmpeg.input(paths[IN_STEP], itsoffset=shift_s)
        run_ffmpeg(ffmpeg.output(picture.video, sound.audio, str(paths[shift_s]), codec="copy"))
    return paths


@pytest.fixture(scope="module")
def track_of(files: dict[float, Path]) -> Callable[[float], Track]:
    """Observe the file of a shift; each only once."""
    known: dict[float, Track] = {}

    def once(shift_s: float) -> Track:
        if shift_s not in known:
            rows = Observer(DETECT)(media_clip(files[shift_s]), files[shift_s].parent)
            assert not isinstance(rows, Dropped), rows
            (known[shift_s],) = (row for row in rows if isinstance(row, Track))
        return known[shift_s]

    return once


def segmented(path: Path, track: Track, out_of_step: str) -> Segment | Dropped:
    """Return the segment of a clip, 25 columns a second; where nothing is left out, they show when sounds are heard."""
    item = AudioItem(media_clip(path), (heard(track.clip_id, (track.start_s, track.end_s)),), track.out_of_step_s)
    params = AUDIO.model_copy(update={"out_of_step": out_of_step, "profile": "sync", "n_frames": 150})
    rows = segment_clip(item, path.parent, params=params)
    if isinstance(rows, Dropped):
        return rows
    (segment,) = (row for row in rows if isinstance(row, Segment))
    return segment


@pytest.mark.parametrize("shift_s", [LATE, EARLY])
def test_a_shifted_file_is_out_of_step_and_its_face_still_the_speakers(
    track_of: Callable[[float], Track], shift_s: float
) -> None:
    track, original = track_of(shift_s), track_of(IN_STEP)
    assert original.out_of_step_s == 0
    assert track.out_of_step_s == pytest.approx(shift_s, abs=FRAME_S)
    assert track.av_lag_s == pytest.approx((original.av_lag_s or 0) + shift_s, abs=0.021)
    assert track.av_zscore == pytest.approx(original.av_zscore, rel=0.2)


@pytest.mark.parametrize("shift_s", [LATE, EARLY])
def test_the_corrected_segment_is_that_of_the_file_in_step(
    files: dict[float, Path], track_of: Callable[[float], Track], shift_s: float
) -> None:
    found = segmented(files[IN_STEP], track_of(IN_STEP), "correct")
    corrected, kept = (segmented(files[shift_s], track_of(shift_s), one) for one in ("correct", "keep"))
    assert isinstance(found, Segment) and isinstance(corrected, Segment) and isinstance(kept, Segment)
    assert [one.av_correction_s for one in (found, corrected, kept)] == [0.0, track_of(shift_s).out_of_step_s, 0.0]
    assert [(one.segment_id, one.start_s) for one in (corrected, kept)] == [(found.segment_id, found.start_s)] * 2
    assert likeness(corrected, found) > 0.9
    assert likeness(kept, found) < 0.5


def likeness(one: Segment, other: Segment) -> float:
    """Return the correlation of the log-mels of two segments over the seconds that all files have."""
    inner = slice(round(25 * LATE) + 1, -round(25 * LATE) - 1)
    log_mels = [segment.log_mel.reshape(segment.n_mels, segment.n_frames)[:, inner] for segment in (one, other)]
    return float(np.corrcoef(log_mels[0].ravel(), log_mels[1].ravel())[0, 1])


def test_a_shifted_file_may_be_filtered(files: dict[float, Path], track_of: Callable[[float], Track]) -> None:
    dropped = segmented(files[LATE], track_of(LATE), "filter")
    assert isinstance(dropped, Dropped) and (dropped.status, dropped.reason) == ("filtered", "out_of_step")
    assert dropped.detail == f"the sound is {track_of(LATE).out_of_step_s:+.2f} s late"
    assert isinstance(segmented(files[IN_STEP], track_of(IN_STEP), "filter"), Segment)
