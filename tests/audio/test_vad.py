"""The voiced mask equals an independently written state machine, sample for sample."""

from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
import webrtcvad
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.extract import extract_waveform
from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import PROFILES, SILERO, SileroProfile, VadProfile
from pipeline.audio.settings import AudioParams, ProfileName
from pipeline.audio.vad import collect, detector_of, voiced_mask, voiced_samples
from pipeline.core.base.arrays import Waveform, WaveformInt16
from tests.real_files import CLIPS, needs_clips

SETTINGS = {
    **dict.fromkeys(("paper", "voice2face", "sync", "wav2lip"), (2, 20, 2)),
    "sf2f": (1, 30, 10),
}
PAPER = PROFILES["paper"].vad
DETECTORS: dict[str, VadProfile | SileroProfile] = {
    "silero": SILERO,
    **{name: profile.vad for name, profile in PROFILES.items()},
}
DURATIONS_S = [0.3, 3.0, 6.0, 10.01, 12.0]


def collected_frames(decisions: list[bool], ring_frames: int) -> list[int]:
    """The frames that py-webrtcvad's collector keeps: more than 90 % of the ring opens, or closes."""
    ring: deque[tuple[int, bool]] = deque(maxlen=ring_frames)
    kept: list[int] = []
    triggered = False
    for number, speech in enumerate(decisions):
        ring.append((number, speech))
        if triggered:
            kept.append(number)
            if len([1 for _, voiced in ring if not voiced]) > 0.9 * ring_frames:
                triggered = False
                ring = deque(maxlen=ring_frames)
        elif len([1 for _, voiced in ring if voiced]) > 0.9 * ring_frames:
            triggered = True
            kept.extend(n for n, _ in ring)
            ring = deque(maxlen=ring_frames)
    return kept


def frames_kept_by_voice2face(pieces: list[bytes]) -> list[int]:
    """The frames that its released code keeps: with two frames in the ring, the detector classifies both each time."""
    detector = webrtcvad.Vad(2)
    kept: list[int] = []
    ring: list[int] = []
    in_speech = False
    for number in range(len(pieces)):
        ring = [*ring, number][-2:]
        decisions = [detector.is_speech(pieces[n], 16_000) for n in ring]
        if in_speech:
            kept.append(number)
        if decisions == [not in_speech] * 2:
            kept += [] if in_speech else ring
            in_speech, ring = not in_speech, []
    return kept


def reference_voiced(samples: WaveformInt16, name: ProfileName) -> WaveformInt16:
    mode, frame_ms, ring_frames = SETTINGS[name]
    length = 16 * frame_ms
    pieces, start = [], 0
    while start + length < len(samples):
        pieces.append(samples[start : start + length])
        start += length
    sounds = [piece.tobytes() for piece in pieces]
    if name == "voice2face":
        numbers = frames_kept_by_voice2face(sounds)
    else:
        detector = webrtcvad.Vad(mode)
        numbers = collected_frames([detector.is_speech(sound, 16_000) for sound in sounds], ring_frames)
    return np.concatenate([np.zeros(0, dtype=np.int16), *(pieces[number] for number in numbers)])


@pytest.mark.parametrize("duration_s", DURATIONS_S)
@pytest.mark.parametrize("name", PROFILES)
def test_voiced_samples_equal_the_reference(
    name: ProfileName, duration_s: float, speech: Callable[..., Waveform]
) -> None:
    samples = to_int16(speech(duration_s, seed=7))
    voiced = voiced_samples(samples, PROFILES[name].vad)
    assert voiced.tolist() == reference_voiced(samples, name).tolist()


@needs_clips
@pytest.mark.parametrize("duration_s", DURATIONS_S)
@pytest.mark.parametrize("name", PROFILES)
def test_voiced_samples_of_real_speech_equal_the_reference(name: ProfileName, duration_s: float) -> None:
    samples = to_int16(extract_waveform(CLIPS / "DFRF__french.mp4", max_duration_s=duration_s))
    voiced = voiced_samples(samples, PROFILES[name].vad)
    assert voiced.tolist() == reference_voiced(samples, name).tolist()


@needs_clips
def test_evaluating_the_ring_anew_changes_some_of_what_real_speech_keeps() -> None:
    samples = to_int16(extract_waveform(CLIPS / "LIA__obama.mov", max_duration_s=60.0))
    once, again = (voiced_mask(samples, PROFILES[name].vad) for name in ("paper", "voice2face"))
    assert 0 < np.mean(once != again) < 0.1


def test_synthetic_speech_is_voiced_and_its_pauses_are_not(speech: Callable[..., Waveform]) -> None:
    mask = voiced_mask(to_int16(speech(6.0)), PAPER)
    assert 0.5 < mask.mean() < 0.98
    assert mask[7 * 11_200 : 7 * 11_200 + 6400].mean() > 0.9


@given(decisions=st.lists(st.booleans(), max_size=80), ring_frames=st.integers(1, 12))
def test_any_sequence_of_decisions_is_smoothed_as_by_the_reference(decisions: list[bool], ring_frames: int) -> None:
    vad = VadProfile(mode=0, frame_ms=10, padding_ms=10 * ring_frames, ring_share=0.9, reevaluates_ring=False)
    kept = collect(decisions.__getitem__, len(decisions), vad)
    assert np.flatnonzero(kept).tolist() == collected_frames(decisions, ring_frames)


def test_two_voiced_frames_open_and_two_unvoiced_close_and_all_four_count() -> None:
    decisions = [False, True, True, True, False, False, False]
    kept = collect(decisions.__getitem__, len(decisions), PAPER)
    assert kept.tolist() == [False, True, True, True, True, True, False]


def test_one_voiced_frame_alone_does_not_open() -> None:
    assert not collect([False, True, False, True, False].__getitem__, 5, PAPER).any()


@pytest.mark.parametrize(("n_samples", "n_voiced"), [(3200, 2880), (3201, 3200)])
def test_a_last_frame_that_ends_exactly_with_the_sound_is_dropped(
    n_samples: int, n_voiced: int, speech: Callable[..., Waveform]
) -> None:
    samples = to_int16(speech(1.0))[1600 : 1600 + n_samples]
    assert voiced_mask(samples, PAPER).sum() == n_voiced


@pytest.mark.parametrize("n_samples", [0, 1, 319, 320, 321, 16_000])
@pytest.mark.parametrize("detector", DETECTORS)
def test_silence_of_any_length_has_no_voiced_sample(detector: str, n_samples: int) -> None:
    mask = voiced_mask(np.zeros(n_samples, dtype=np.int16), DETECTORS[detector])
    assert mask.tolist() == [False] * n_samples


@pytest.mark.parametrize("detector", DETECTORS)
def test_earlier_sound_does_not_change_the_mask(detector: str, talker: Waveform) -> None:
    samples = to_int16(talker)
    before = voiced_mask(samples, DETECTORS[detector])
    voiced_mask(samples[24_000:80_000], DETECTORS[detector])
    assert before.any()
    assert voiced_mask(samples, DETECTORS[detector]).tolist() == before.tolist()


def test_params_choose_the_detector(audio_params: Callable[..., AudioParams]) -> None:
    assert detector_of(audio_params(profile="sf2f")) == PROFILES["sf2f"].vad
    assert detector_of(audio_params(profile="sf2f", vad="silero")) == SILERO
