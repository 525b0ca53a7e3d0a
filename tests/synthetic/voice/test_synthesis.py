"""The sound is voiced within the bursts of speech only, and differs from person to person."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.script.speech import Speech, generate_speech, is_speaking, plan_bursts
from pipeline.synthetic.script.traits import (
    HISS_BRIGHT_HZ,
    HISS_DARK_HZ,
    VOICE_TRAITS,
    Voice,
    traits_of,
    voice_of,
)
from pipeline.synthetic.voice.synthesis import SAMPLE_RATE_HZ, synthesise

DURATION_S = 5.0
N_SAMPLES = round(DURATION_S * SAMPLE_RATE_HZ)
FRAME = 320  # 20 ms


def _utter(person: int) -> tuple[Speech, Voice, np.ndarray]:
    voice, rng = voice_of(traits_of(1, person)), keyed_rng("test", person)
    speech = generate_speech(rng, plan_bursts(rng, DURATION_S), voice.syllables_hz)
    return speech, voice, synthesise(speech, voice, n_samples=N_SAMPLES, rng=rng)


def test_a_voice_detector_finds_the_speech_and_leaves_the_pauses() -> None:
    webrtcvad = pytest.importorskip("webrtcvad")
    in_pauses = []
    for person in range(12):
        speech, _, sound = _utter(person)
        pcm, detector = (sound * 32767).astype(np.int16), webrtcvad.Vad(2)
        frames = [pcm[at : at + FRAME].tobytes() for at in range(0, N_SAMPLES, FRAME)]
        voiced = np.array([detector.is_speech(frame, SAMPLE_RATE_HZ) for frame in frames])
        truth = is_speaking(speech, (np.arange(len(frames)) + 0.5) * 0.02)
        assert voiced[truth].mean() >= 0.9
        in_pauses.append(voiced[~truth].mean())
    assert np.mean(in_pauses) <= 0.10 and max(in_pauses) <= 0.15


def test_sound_stays_in_range_and_a_pause_is_quiet_but_not_digital_silence() -> None:
    speech, _, sound = _utter(0)
    quiet = sound[~is_speaking(speech, np.arange(N_SAMPLES) / SAMPLE_RATE_HZ)]
    assert sound.dtype == np.float32
    assert 0.1 < np.abs(sound).max() <= 1.0
    assert 1e-5 < quiet.std() < 1e-3


def _pitch_hz(sound: np.ndarray) -> float:
    """Return the pitch of a steady piece: the shortest lag among those that fit nearly best."""
    lags = np.arange(round(SAMPLE_RATE_HZ / 320), round(SAMPLE_RATE_HZ / 70))
    match = np.array([np.corrcoef(sound[:-lag], sound[lag:])[0, 1] for lag in lags])
    return float(SAMPLE_RATE_HZ / lags[np.argmax(match > 0.85 * match.max())])


def test_the_measured_pitch_is_the_persons_own() -> None:
    for person in range(10):
        speech, voice, sound = _utter(person)
        starts = (speech.centre_s * SAMPLE_RATE_HZ).astype(int)
        heard_hz = np.median([_pitch_hz(sound[at : at + 800]) for at in starts])
        assert abs(np.log2(heard_hz / voice.f0_hz)) < 0.25, person


def test_a_bright_person_hisses_an_octave_higher_in_the_onsets_of_those_syllables() -> None:
    def hiss_hz(brightness: float) -> float:
        voice, rng = voice_of(replace(traits_of(1, 0), brightness=brightness)), keyed_rng("hiss")
        speech = generate_speech(rng, plan_bursts(rng, DURATION_S), voice.syllables_hz)
        hissing = replace(speech, has_hiss=np.ones(len(speech.centre_s), bool))
        silent = replace(speech, has_hiss=np.zeros(len(speech.centre_s), bool))
        with_hiss, without = (
            synthesise(one, voice, n_samples=N_SAMPLES, rng=keyed_rng("sound")) for one in (hissing, silent)
        )
        power = np.abs(np.fft.rfft(with_hiss - without)) ** 2
        return float(np.average(np.fft.rfftfreq(N_SAMPLES, 1 / SAMPLE_RATE_HZ), weights=power))

    assert hiss_hz(0.0) == pytest.approx(HISS_DARK_HZ, rel=0.1)
    assert hiss_hz(1.0) == pytest.approx(HISS_BRIGHT_HZ, rel=0.1)


def test_the_voice_depends_on_the_five_voice_traits_only() -> None:
    low, high = traits_of(1, 0), traits_of(1, 1)
    mixed = {name: getattr(low if name in VOICE_TRAITS else high, name) for name in type(low).__dataclass_fields__}
    assert voice_of(type(low)(**mixed)) == voice_of(low)
    assert voice_of(low) != voice_of(high)
