"""Each segment ends as a feature with its measures, or as no_speech; nothing crashes."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.audio.features import SegmentFeature, segment_features
from pipeline.audio.logmel import log_mel
from pipeline.audio.pcm import from_int16, to_int16
from pipeline.audio.profiles import PROFILES
from pipeline.audio.settings import AudioParams, ProfileName
from pipeline.audio.vad import voiced_samples
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.outcome import Dropped

MakeSpeech = Callable[..., Waveform]
MakeParams = Callable[..., AudioParams]


def test_twelve_seconds_of_speech_give_two_features_of_the_papers_size(
    speech: MakeSpeech, audio_params: MakeParams
) -> None:
    results = segment_features(speech(12.5), audio_params())
    assert [start_s for start_s, _ in results] == [0.0, 6.0]
    for start_s, feature in results:
        assert isinstance(feature, SegmentFeature)
        assert (feature.start_s, feature.end_s) == (start_s, start_s + 6)
        assert feature.log_mel.shape == (64, 1000)
        assert feature.log_mel.dtype == np.float32
        assert feature.n_valid_frames == round(feature.voiced_s * 100)


def test_the_feature_is_the_tiled_log_mel_of_the_voiced_samples(speech: MakeSpeech, audio_params: MakeParams) -> None:
    sound = speech(6.0)
    ((_, feature),) = segment_features(sound, audio_params())
    assert isinstance(feature, SegmentFeature)
    valid = log_mel(voiced_samples(to_int16(sound), PROFILES["paper"].vad), PROFILES["paper"])
    assert feature.n_valid_frames == valid.shape[1]
    assert feature.log_mel.tolist() == np.tile(valid, 3)[:, :1000].tolist()


@pytest.mark.parametrize("profile", PROFILES)
def test_speech_silence_speech_gives_a_reason_in_the_middle(
    profile: ProfileName, speech: MakeSpeech, audio_params: MakeParams
) -> None:
    sound = np.concatenate([speech(6.0), np.zeros(96_000, dtype=np.float32), speech(6.0)])
    kinds = [
        (start_s, result.reason if isinstance(result, Dropped) else "ok")
        for start_s, result in segment_features(sound, audio_params(profile=profile))
    ]
    assert kinds == [(0.0, "ok"), (6.0, "no_speech"), (12.0, "ok")]


def test_a_segment_voiced_exactly_as_long_as_required_is_kept_and_a_frame_less_is_not(
    speech: MakeSpeech, audio_params: MakeParams
) -> None:
    sound = speech(6.0)
    share = len(voiced_samples(to_int16(sound), PROFILES["paper"].vad)) / 96_000
    ((_, kept),) = segment_features(sound, audio_params(min_voiced_share=share))
    ((_, dropped),) = segment_features(sound, audio_params(min_voiced_share=share + 320 / 96_000))
    assert isinstance(kept, SegmentFeature)
    assert isinstance(dropped, Dropped)
    assert (dropped.status, dropped.reason) == ("filtered", "no_speech")


@pytest.mark.parametrize("duration_s", [2.5, 12.5])
def test_sound_of_16_bits_gives_the_features_of_the_same_floats(
    duration_s: float, speech: MakeSpeech, audio_params: MakeParams
) -> None:
    sound = to_int16(speech(duration_s))
    for (_, whole), (_, floats) in zip(
        segment_features(sound, audio_params()), segment_features(from_int16(sound), audio_params()), strict=True
    ):
        assert isinstance(whole, SegmentFeature) and isinstance(floats, SegmentFeature)
        assert whole.log_mel.tobytes() == floats.log_mel.tobytes()
        assert (whole.level_dbfs, whole.end_s) == (floats.level_dbfs, floats.end_s)


def test_short_sound_is_repeated_and_keeps_its_own_end(speech: MakeSpeech, audio_params: MakeParams) -> None:
    ((start_s, feature),) = segment_features(speech(2.5), audio_params())
    assert isinstance(feature, SegmentFeature)
    assert (start_s, feature.end_s) == (0.0, 2.5)
    assert feature.voiced_s > 2.5


def test_silero_detects_a_talker_and_no_speech_in_silence(talker: Waveform, audio_params: MakeParams) -> None:
    sound = np.concatenate([talker, np.zeros(96_000, dtype=np.float32)])
    (_, heard), (_, silent) = segment_features(sound, audio_params(vad="silero"))
    assert isinstance(heard, SegmentFeature)
    assert isinstance(silent, Dropped)
    assert heard.log_mel.shape == (64, 1000)
    assert heard.n_valid_frames == np.ceil(heard.voiced_s * 100)


def test_columns_of_sync_are_the_pictures_of_the_whole_segment(speech: MakeSpeech, audio_params: MakeParams) -> None:
    sound = speech(12.5)
    (_, first), (_, second) = segment_features(sound, audio_params(profile="sync", n_frames=150))
    for feature, samples in ((first, sound[:96_000]), (second, sound[96_000:192_000])):
        assert isinstance(feature, SegmentFeature)
        assert feature.n_valid_frames == 150
        assert 2.0 < feature.voiced_s < 6.0
        assert feature.log_mel.tolist() == log_mel(to_int16(samples), PROFILES["sync"]).tolist()


def test_sync_has_no_column_for_repeated_sound(speech: MakeSpeech, audio_params: MakeParams) -> None:
    sound = speech(2.5)
    ((_, feature),) = segment_features(sound, audio_params(profile="sync", n_frames=150, pad="zero"))
    assert isinstance(feature, SegmentFeature)
    assert feature.n_valid_frames == 63  # 62.5 pictures
    assert feature.log_mel[:, :63].tolist() == log_mel(to_int16(sound), PROFILES["sync"]).tolist()
    assert not feature.log_mel[:, 63:].any()


def test_zero_padding_uses_the_level_of_the_profile(speech: MakeSpeech, audio_params: MakeParams) -> None:
    ((_, feature),) = segment_features(speech(6.0), audio_params(profile="sf2f", pad="zero"))
    assert isinstance(feature, SegmentFeature)
    assert feature.log_mel.shape == (40, 1000)
    assert np.unique(feature.log_mel[:, feature.n_valid_frames :]).tolist() == [np.float32(-10.9915 / 3.1661)]


def test_level_and_clipping_are_measured(speech: MakeSpeech, audio_params: MakeParams) -> None:
    sound = speech(6.0)
    ((_, plain),) = segment_features(sound, audio_params())
    sound[:960] = 1.5
    ((_, clipped),) = segment_features(sound, audio_params())
    assert isinstance(plain, SegmentFeature)
    assert isinstance(clipped, SegmentFeature)
    assert (plain.clipped_share, clipped.clipped_share) == (0.0, 0.01)
    rms = np.sqrt(np.mean(np.square(speech(6.0), dtype=np.float64)))
    assert plain.level_dbfs == pytest.approx(20 * np.log10(rms), abs=0.01)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, 1.0])
def test_a_constant_or_broken_waveform_is_no_speech(
    value: float, profile: ProfileName, audio_params: MakeParams
) -> None:
    waveform = np.full(96_000, value, dtype=np.float32)
    ((_, result),) = segment_features(waveform, audio_params(profile=profile))
    assert isinstance(result, Dropped)
    assert result.reason == "no_speech"


def test_silence_is_no_speech_even_where_no_voice_is_required(audio_params: MakeParams) -> None:
    ((_, result),) = segment_features(np.zeros(96_000, dtype=np.float32), audio_params(min_voiced_share=0.0))
    assert isinstance(result, Dropped)


def test_nan_within_speech_counts_as_silence(speech: MakeSpeech, audio_params: MakeParams) -> None:
    holed, zeroed = speech(6.0), speech(6.0)
    holed[1000:1200], zeroed[1000:1200] = np.nan, 0
    ((_, one),), ((_, other),) = (segment_features(sound, audio_params()) for sound in (holed, zeroed))
    assert isinstance(one, SegmentFeature)
    assert isinstance(other, SegmentFeature)
    assert one.log_mel.tobytes() == other.log_mel.tobytes()


def test_empty_sound_gives_no_segment(audio_params: MakeParams) -> None:
    assert [*segment_features(np.zeros(0, dtype=np.float32), audio_params())] == []


def test_every_int16_value_survives_the_way_to_float_and_back() -> None:
    values = np.arange(-32_768, 32_768).astype(np.int16)
    assert to_int16(from_int16(values)).tolist() == values.tolist()
