"""The traits of a talker: latent values that shape the voice, the inner face, and the rest of the look."""

from dataclasses import dataclass

import numpy as np

from pipeline.core.base.seeds import keyed_rng

F0_LOW_HZ, F0_HIGH_HZ = 88.0, 255.0
FORMANT_SCALE_LOW, FORMANT_SCALE_HIGH = 0.90, 1.22
SYLLABLES_LOW_HZ, SYLLABLES_HIGH_HZ = 3.3, 6.6
TILT_DARK_DB, TILT_BRIGHT_DB = -12.0, -2.0
HISS_DARK_HZ, HISS_BRIGHT_HZ = 2600.0, 5600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """All values lie in [0, 1]. The first five shape both voice and inner face; the others only the look.

    | latent     | in the voice                       | in the face, near eyes, nose and mouth only |
    |------------|------------------------------------|---------------------------------------------|
    | depth      | low f0                             | beard and moustache                         |
    | size       | long vocal tract                   | wide, long nose                             |
    | breath     | breathiness                        | full lips                                   |
    | brightness | flat spectral tilt, high hiss      | light iris                                  |
    | tempo      | syllables per second, short hiss   | red lips                                    |
    """

    depth: float
    size: float
    breath: float
    brightness: float
    tempo: float
    skin: float
    skin_warmth: float
    head_width: float
    jaw: float
    hair_shade: float
    hair_hue: float
    hair_volume: float
    hairline: float
    hair_length: float
    brow_weight: float
    brow_tilt: float
    ears: float
    eye_shape: float
    clothes_hue: float
    clothes_shade: float


VOICE_TRAITS = ("depth", "size", "breath", "brightness", "tempo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Parameters of the voice synthesiser."""

    f0_hz: float
    formant_scale: float
    breathiness: float
    tilt_db: float
    hiss_hz: float
    syllables_hz: float


def traits_of(seed: int, person: int) -> Traits:
    """Return the traits of person number ``person`` of the population ``seed``; all are uniform and independent."""
    names = tuple(Traits.__dataclass_fields__)
    values = keyed_rng("traits", seed, person).random(len(names))
    return Traits(**{name: round(float(value), 6) for name, value in zip(names, values, strict=True)})


def voice_of(traits: Traits) -> Voice:
    """Return the voice parameters of these traits."""
    return Voice(
        f0_hz=_between_pitches(F0_HIGH_HZ, F0_LOW_HZ, traits.depth),
        formant_scale=_between(FORMANT_SCALE_HIGH, FORMANT_SCALE_LOW, traits.size),
        breathiness=traits.breath,
        tilt_db=_between(TILT_DARK_DB, TILT_BRIGHT_DB, traits.brightness),
        hiss_hz=_between_pitches(HISS_DARK_HZ, HISS_BRIGHT_HZ, traits.brightness),
        syllables_hz=_between(SYLLABLES_LOW_HZ, SYLLABLES_HIGH_HZ, traits.tempo),
    )


def _between(low: float, high: float, share: float) -> float:
    return float(low + (high - low) * share)


def _between_pitches(low_hz: float, high_hz: float, share: float) -> float:
    """Return the pitch at that share of the way on a logarithmic scale."""
    return float(np.exp(_between(np.log(low_hz), np.log(high_hz), share)))
