"""The voiced mask equals an independently written state machine, sample for sample."""

from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
import webrtcvad
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import Waveform, WaveformInt16
from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import PROFILES, VadProfile
from pipeline.audio.settings import ProfileName
from pipeline.audio.vad import smooth, voiced_mask, voiced_samples

SETTINGS = {"paper": (2, 20, 2), "voice2face": (2, 20, 2), "sf2f": (1, 30, 10)}


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


def reference_voiced(samples: WaveformInt16, name: ProfileName) -> WaveformInt16:
    mode, frame_ms, ring_frames = SETTINGS[name]
    length = 16 * frame_ms
    detector = webrtcvad.Vad(mode)
    pieces, start = [], 0
    while start + length < len(samples):
        pieces.append(samples[start : start + length])
        start += length
    decisions = [detector.is_speech(piece.tobytes(), 16_000) for piece in pieces]
    kept = [pieces[number] for number in collected_frames(decisions, ring_frames)]
    return np.concatenate([np.zeros(0, dtype=np.int16), *kept])


@pytest.mark.parametrize("duration_s", [0.3, 3.0, 6.0, 10.01, 12.0])
@pytest.mark.parametrize("name", PROFILES)
def test_voiced_samples_equal_the_reference(
    name: ProfileName, duration_s: float, speech: Callable[..., Waveform]
) -> None:
    samples = to_int16(speech(duration_s, seed=7))
    voiced = voiced_samples(samples, PROFILES[name])
    assert voiced.tolist() == reference_voiced(samples, name).tolist()


def test_synthetic_speech_is_voiced_and_its_pauses_are_not(speech: Callable[..., Waveform]) -> None:
    mask = voiced_mask(to_int16(speech(6.0)), PROFILES["paper"])
    assert 0.5 < mask.mean() < 0.98
    assert mask[7 * 11_200 : 7 * 11_200 + 6400].mean() > 0.9


@given(decisions=st.lists(st.booleans(), max_size=80), ring_frames=st.integers(1, 12))
def test_any_sequence_of_decisions_is_smoothed_as_by_the_reference(decisions: list[bool], ring_frames: int) -> None:
    vad = VadProfile(mode=0, frame_ms=10, padding_ms=10 * ring_frames, agreement=0.9)
    assert np.flatnonzero(smooth(decisions, vad)).tolist() == collected_frames(decisions, ring_frames)


def test_two_voiced_frames_open_and_two_unvoiced_close_and_all_four_count() -> None:
    decisions = [False, True, True, True, False, False, False]
    assert smooth(decisions, PROFILES["paper"].vad).tolist() == [False, True, True, True, True, True, False]


def test_one_voiced_frame_alone_does_not_open() -> None:
    assert not smooth([False, True, False, True, False], PROFILES["paper"].vad).any()


@pytest.mark.parametrize(("n_samples", "n_voiced"), [(3200, 2880), (3201, 3200)])
def test_a_last_frame_that_ends_exactly_with_the_sound_is_dropped(
    n_samples: int, n_voiced: int, speech: Callable[..., Waveform]
) -> None:
    samples = to_int16(speech(1.0))[1600 : 1600 + n_samples]
    assert voiced_mask(samples, PROFILES["paper"]).sum() == n_voiced


@pytest.mark.parametrize("n_samples", [0, 1, 319, 320, 321, 16_000])
@pytest.mark.parametrize("name", PROFILES)
def test_silence_of_any_length_has_no_voiced_sample(name: ProfileName, n_samples: int) -> None:
    mask = voiced_mask(np.zeros(n_samples, dtype=np.int16), PROFILES[name])
    assert mask.tolist() == [False] * n_samples


def test_what_was_heard_before_does_not_change_the_mask(speech: Callable[..., Waveform]) -> None:
    samples = to_int16(speech(3.0))
    before = voiced_mask(samples, PROFILES["paper"])
    voiced_mask(to_int16(speech(2.0, pitch_hz=220.0)), PROFILES["paper"])
    assert voiced_mask(samples, PROFILES["paper"]).tolist() == before.tolist()
