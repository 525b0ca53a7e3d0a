"""The sound of an interview: voices, music and laughter on one clock."""

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.seeds import keyed_rng
from pipeline.interview.plan import Backing, Interview
from pipeline.interview.takes import shifted
from pipeline.synthetic.script.speech import Speech
from pipeline.synthetic.script.traits import traits_of, voice_of
from pipeline.synthetic.voice.synthesis import FLOOR_RMS, SAMPLE_RATE_HZ, SPEECH_RMS, synthesise

Samples = NDArray[np.float64]

VOICE_DB = (-2.5, 2.5)  # each voice is as loud throughout
LOUDEST = 0.98
FADE_S = 0.25
# Music: broken chords of a major or minor triad, each note a few harmonics that die away, over a held bass.
BEAT_S = (0.22, 0.42)
KEY_HZ = (196.0, 330.0)
TRIADS = ((0, 4, 7), (0, 3, 7))
CHORDS = (0, 5, 7, 9, -3, 0)  # semitones above the key
NOTES_PER_CHORD = 6
HARMONICS = (1.0, 0.4, 0.2, 0.1)
DECAY_S = 0.5
# Laughter: several people who say "ha" in quick succession, each at a rate and pitch of their own.
N_LAUGHING = 5
LAUGH_HZ = (4.0, 5.8)
LAUGHING_FROM = 1000  # numbers of people who only laugh
VOWEL_A = 0


def mix_sound(interview: Interview, speeches: tuple[Speech, ...]) -> NDArray[np.float32]:
    """Return the sound, (N,) float32 in [-1, 1] at SAMPLE_RATE_HZ; ``speeches``: one for each turn."""
    spec = interview.spec
    n_samples = round(spec.n_frames / spec.fps * SAMPLE_RATE_HZ)
    sound = keyed_rng("interview floor", spec.seed).normal(0.0, FLOOR_RMS, n_samples)
    for number, (turn, speech) in enumerate(zip(interview.turns, speeches, strict=True)):
        first = round(turn.start_s * SAMPLE_RATE_HZ)
        voice = voice_of(traits_of(spec.seed, turn.voice))
        gain = _gain(float(keyed_rng("interview level", spec.seed, turn.voice).uniform(*VOICE_DB)))
        length = min(round((turn.end_s - turn.start_s) * SAMPLE_RATE_HZ), n_samples - first)
        spoken = synthesise(
            shifted(speech, -first / SAMPLE_RATE_HZ),
            voice,
            n_samples=length,
            rng=keyed_rng("interview voice", spec.seed, number),
        )
        sound[first : first + length] += gain * spoken
    for number, backing in enumerate(interview.backings):
        _add(sound, backing, keyed_rng("interview backing", spec.seed, number))
    return np.clip(sound, -LOUDEST, LOUDEST).astype(np.float32)


def _add(sound: Samples, backing: Backing, rng: np.random.Generator) -> None:
    """Add music or laughter in place, as loud as its level says, softly begun and ended."""
    first, last = (min(round(t * SAMPLE_RATE_HZ), len(sound)) for t in (backing.start_s, backing.end_s))
    if last <= first:
        return
    piece = (_music if backing.kind == "music" else _laughter)(rng, last - first)
    piece *= _gain(backing.level_db) * SPEECH_RMS / max(float(np.sqrt(np.mean(piece**2))), 1e-9)
    time_s = np.arange(last - first) / SAMPLE_RATE_HZ
    sound[first:last] += piece * np.clip(np.minimum(time_s, time_s[::-1]) / FADE_S, 0, 1)


def _gain(level_db: float) -> float:
    return float(10 ** (level_db / 20))


def _music(rng: np.random.Generator, n_samples: int) -> Samples:
    key_hz, beat_s = rng.uniform(*KEY_HZ), rng.uniform(*BEAT_S)
    triad = TRIADS[int(rng.integers(len(TRIADS)))]
    sound = np.zeros(n_samples)
    n_notes = int(n_samples / SAMPLE_RATE_HZ / beat_s) + 1
    for note in range(n_notes):
        chord = CHORDS[note // NOTES_PER_CHORD % len(CHORDS)]
        steps = chord + int(rng.choice(triad)) + 12 * int(rng.integers(0, 2))
        first = round(note * beat_s * SAMPLE_RATE_HZ)
        _strike(sound[first:], key_hz * 2 ** (steps / 12), DECAY_S)
        if note % NOTES_PER_CHORD == 0:
            _strike(sound[first:], key_hz * 2 ** (chord / 12 - 1), NOTES_PER_CHORD * beat_s)
    return sound


def _strike(sound: Samples, pitch_hz: float, decay_s: float) -> None:
    """Add a note that begins with ``sound`` and dies away, in place."""
    length = min(len(sound), round(4 * decay_s * SAMPLE_RATE_HZ))
    time_s = np.arange(length) / SAMPLE_RATE_HZ
    wave = sum(size * np.sin(2 * np.pi * k * pitch_hz * time_s) for k, size in enumerate(HARMONICS, 1))
    sound[:length] += wave * np.exp(-time_s / decay_s) * np.clip(time_s / 0.01, 0, 1)


def _laughter(rng: np.random.Generator, n_samples: int) -> Samples:
    sound = np.zeros(n_samples)
    for _ in range(N_LAUGHING):
        traits = traits_of(int(rng.integers(1 << 30)), LAUGHING_FROM)
        laugh = _laugh(rng, n_samples / SAMPLE_RATE_HZ)
        sound += synthesise(laugh, voice_of(traits), n_samples=n_samples, rng=rng)
    return sound


def _laugh(rng: np.random.Generator, length_s: float) -> Speech:
    """Return "ha" again and again, each a short burst after a breath."""
    period_s = 1 / rng.uniform(*LAUGH_HZ)
    starts = np.arange(rng.uniform(0, period_s), length_s - period_s, period_s)
    return Speech(
        bursts_s=tuple((float(start), float(start + 0.7 * period_s)) for start in starts),
        centre_s=starts + 0.35 * period_s,
        length_s=np.full(len(starts), 0.7 * period_s),
        stress=np.linspace(1.0, 0.6, len(starts)),
        vowel=np.full(len(starts), VOWEL_A),
        has_hiss=np.ones(len(starts), bool),
    )
