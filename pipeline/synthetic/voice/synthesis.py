"""Source-filter speech synthesis: a jittered glottal pulse and breath noise through moving formants."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from pipeline.synthetic.script.speech import Floats, Speech
from pipeline.synthetic.script.traits import Voice

SAMPLE_RATE_HZ = 16_000
BLOCK = 80  # samples (5 ms) over which the vocal tract is constant
# Rows a, e, i, o, u; columns F1..F3 of an adult male voice. F4 and F5 hardly move.
VOWEL_FORMANTS_HZ = np.array(
    [[730, 1090, 2440], [530, 1840, 2480], [290, 2290, 3010], [570, 860, 2410], [320, 900, 2240]], float
)
UPPER_FORMANTS_HZ = (3500.0, 4500.0)
BANDWIDTHS_HZ = np.array([70.0, 95.0, 130.0, 220.0, 300.0])
OPEN_SHARE = 0.62  # of a glottal period
SPEECH_RMS = 0.09
FLOOR_RMS = 2e-4  # a quiet room, so that a pause is not digital silence
HISS_BAND = (0.74, 1.35)  # of the frequency that the speaker hisses at
HISS_SHARE = 0.33  # of a syllable
ATTACK_S, RELEASE_S = 0.03, 0.14


def synthesise(speech: Speech, voice: Voice, *, n_samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return ``n_samples`` mono samples at 16 kHz in [-1, 1], starting at time 0 of the clip."""
    sound = rng.normal(0.0, FLOOR_RMS, n_samples)
    for start_s, end_s in speech.bursts_s:
        first, last = (min(n_samples, round(t * SAMPLE_RATE_HZ)) for t in (start_s, end_s))
        if last > first:
            time_s = np.arange(first, last) / SAMPLE_RATE_HZ
            sound[first:last] += _burst(speech, voice, time_s, (start_s, end_s), rng)
    return np.tanh(sound).astype(np.float32)


def _burst(
    speech: Speech, voice: Voice, time_s: Floats, ends_s: tuple[float, float], rng: np.random.Generator
) -> Floats:
    f0 = _f0_hz(speech, voice, time_s, ends_s, rng)
    source = _tilt(_glottal_pulses(f0), voice.tilt_db) * (1 - 0.45 * voice.breathiness)
    source += rng.normal(0, 0.02 + 0.10 * voice.breathiness, len(time_s))
    voiced = _vocal_tract(source, _formants_hz(speech, voice, time_s[::BLOCK]))
    voiced *= _loudness(speech, time_s)
    voiced *= SPEECH_RMS / np.sqrt(np.mean(voiced**2))
    return (voiced + _hiss(speech, voice, time_s, rng)) * _gate(time_s, ends_s)


def _f0_hz(
    speech: Speech, voice: Voice, time_s: Floats, ends_s: tuple[float, float], rng: np.random.Generator
) -> Floats:
    """Declination over the burst, a rise on stressed syllables, and jitter from one period to the next."""
    fall = 1.08 - 0.16 * (time_s - ends_s[0]) / (ends_s[1] - ends_s[0])
    accent = 1 + 0.18 * (np.interp(time_s, speech.centre_s, speech.stress) - 0.8)
    knots_s = np.arange(time_s[0], time_s[-1] + 2 / voice.f0_hz, 1 / voice.f0_hz)
    jitter = 1 + 0.012 * np.interp(time_s, knots_s, rng.normal(0, 1, len(knots_s)))
    return np.asarray(voice.f0_hz * fall * accent * jitter)


def _glottal_pulses(f0_hz: Floats) -> Floats:
    """Return the derivative of Rosenberg's glottal flow: a slow opening and an abrupt closing each period."""
    phase = np.mod(np.cumsum(f0_hz) / SAMPLE_RATE_HZ, 1.0) / OPEN_SHARE
    flow = np.where(phase < 1, phase**2 * (1 - phase), 0.0)
    return np.diff(flow, prepend=0.0) * SAMPLE_RATE_HZ / f0_hz


def _tilt(source: Floats, tilt_db: float) -> Floats:
    """Darken by a one-pole low-pass; ``tilt_db`` is about its gain between 300 Hz and 3 kHz."""
    pole = float(np.clip(-tilt_db / 14, 0.0, 0.92))
    return np.asarray(lfilter([1 - pole], [1, -pole], source))


def _formants_hz(speech: Speech, voice: Voice, time_s: Floats) -> Floats:
    """Return (block, formant): straight transitions between the middles of the syllables."""
    targets = VOWEL_FORMANTS_HZ[speech.vowel]
    lower = np.stack([np.interp(time_s, speech.centre_s, targets[:, k]) for k in range(3)], axis=1)
    upper = np.broadcast_to(UPPER_FORMANTS_HZ, (len(time_s), 2))
    return np.minimum(np.concatenate([lower, upper], axis=1) * voice.formant_scale, 0.47 * SAMPLE_RATE_HZ)


def _vocal_tract(source: Floats, formants_hz: Floats) -> Floats:
    """Run a cascade of resonators whose coefficients change from block to block."""
    radius = np.exp(-np.pi * BANDWIDTHS_HZ / SAMPLE_RATE_HZ)
    a1 = -2 * radius * np.cos(2 * np.pi * formants_hz / SAMPLE_RATE_HZ)
    a2 = np.broadcast_to(radius**2, a1.shape)
    zero, one = np.zeros_like(a1), np.ones_like(a1)
    sections = np.stack([1 + a1 + a2, zero, zero, one, a1, a2], axis=2)
    state = np.zeros((a1.shape[1], 2))
    out = np.empty_like(source)
    for block, sos in enumerate(sections):
        at = slice(block * BLOCK, (block + 1) * BLOCK)
        out[at], state = sosfilt(sos, source[at], zi=state)
    return np.diff(out, prepend=0.0)  # the lips radiate the derivative


def _loudness(speech: Speech, time_s: Floats) -> Floats:
    """Swell in the middle of each syllable and sink, never to silence, between two."""
    edges_s = speech.centre_s - speech.length_s / 2
    knots_s = np.stack([edges_s, speech.centre_s], axis=1).ravel()
    levels = np.stack([np.full(len(edges_s), 0.45), speech.stress], axis=1).ravel()
    return np.asarray(np.interp(time_s, knots_s, levels))


def _hiss(speech: Speech, voice: Voice, time_s: Floats, rng: np.random.Generator) -> Floats:
    """Return a fricative at the onset of those syllables that have one, the shorter the quicker the speech.

    The frequency of the hiss survives the standardisation of each mel bin to zero mean and unit variance; a
    constant tilt of the spectrum does not.
    """
    edges_s = (speech.centre_s - speech.length_s / 2)[speech.has_hiss]
    band = butter(2, [edge * voice.hiss_hz for edge in HISS_BAND], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    noise = sosfilt(band, rng.normal(0, 1, len(time_s)))
    if not len(edges_s):
        return np.zeros(len(time_s))
    nearest_s = np.abs(time_s[:, None] - edges_s).min(axis=1)
    return np.asarray(0.06 * noise * np.clip(1 - nearest_s * voice.syllables_hz / (HISS_SHARE / 2), 0, 1))


def _gate(time_s: Floats, ends_s: tuple[float, float]) -> Floats:
    rise = np.clip((time_s - ends_s[0]) / ATTACK_S, 0, 1)
    fall = np.clip((ends_s[1] - time_s) / RELEASE_S, 0, 1)
    return np.asarray(rise * fall**2)
