"""Sound that a voice detector takes for speech, and params to run on."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from pipeline.audio.settings import AudioParams
from pipeline.core.base.arrays import Waveform
from pipeline.synthetic.clip import sound_of
from pipeline.synthetic.plan import plan_clip
from pipeline.synthetic.script.spec import ClipSpec

RATE_HZ = 16_000
SYLLABLE_S, PAUSE_S = 0.45, 0.25


def resonator(signal: Waveform, centre_hz: float, width_hz: float) -> Waveform:
    """A formant: two poles at ``centre_hz``."""
    radius = np.exp(-np.pi * width_hz / RATE_HZ)
    poles = [1, -2 * radius * np.cos(2 * np.pi * centre_hz / RATE_HZ), radius**2]
    return np.asarray(lfilter([1], poles, signal))


def synthetic_speech(duration_s: float, seed: int = 0, pitch_hz: float = 120.0) -> Waveform:
    """Vowels of 0.45 s with pauses of 0.25 s: a pulse train through two resonators, and faint noise."""
    rng = np.random.default_rng(seed)
    n_samples = round(duration_s * RATE_HZ)
    time_s = np.arange(n_samples) / RATE_HZ
    cycles = np.cumsum(pitch_hz * (1 + 0.1 * np.sin(2 * np.pi * 2.3 * time_s)) / RATE_HZ)
    pulses = np.diff(np.floor(cycles), prepend=0.0)
    voice = resonator(resonator(pulses, 650, 90), 1250, 110)
    speaking = time_s % (SYLLABLE_S + PAUSE_S) < SYLLABLE_S
    sound = 0.4 * voice / max(1e-9, float(np.abs(voice).max(initial=0))) * speaking
    return (sound + 0.001 * rng.standard_normal(n_samples)).astype(np.float32)


@pytest.fixture(scope="session")
def talker() -> Waveform:
    """6 s of a built-in talker: nearer to a voice than ``speech``, which Silero does not take for one."""
    spec = ClipSpec(seed=4, person=1, clip=0, duration_s=6.0)
    sound = sound_of(spec, plan_clip(spec, np.arange(spec.n_frames) / float(spec.fps)))
    assert sound is not None
    return sound


@pytest.fixture(scope="session")
def speech() -> Callable[..., Waveform]:
    """Make ``speech(duration_s, seed)``."""
    return synthetic_speech


@pytest.fixture(scope="session")
def audio_params() -> Callable[..., AudioParams]:
    """Make params: the paper's, with what a test names changed."""
    paper = {
        "profile": "paper",
        "vad": "webrtc",
        "sound_of": "turns",
        "join_turns": True,
        "segment_s": 6.0,
        "segment_step_s": 6.0,
        "min_voiced_share": 0.1,
        "pad": "tile",
        "n_frames": 1000,
        "out_of_step": "correct",
        "max_duration_s": 600.0,
    }
    return lambda **changes: AudioParams.model_validate(paper | changes)
