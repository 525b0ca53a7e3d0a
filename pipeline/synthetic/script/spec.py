"""The specification of a generated clip: one flat record, and its one-line address."""

import math
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pipeline.core.base.errors import BadInput

SCHEME = "synthetic:"
PRESETS = ("demo", "wide")
KINDS = (
    "talk",
    "two_people",
    "no_face",
    "profile_only",
    "no_sound",
    "silent",
    "voice_over",
    "wrong_face",
    "cuts",
    "rotated",
    "odd_rate",
    "truncated",
    "short",
    "portrait",
)
TWO_PERSON_KINDS = ("two_people", "cuts")
CRF_OF_PRESET = -1
KINDS_WITHOUT_VOICE = ("silent", "no_sound")  # a person talks, but the file has no voice


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSpec:
    """Everything that determines a clip's bytes; see ``motion.py`` for the presets.

    ``second_person`` is used by the kinds with two persons. ``width_px`` and ``height_px`` are those of the
    picture as shown, swapped in the file for ``rotated``. ``crf`` is x264's; CRF_OF_PRESET leaves it
    to the preset: 23 for demo, 23 to 35 by clip for wide.
    """

    seed: int
    person: int
    clip: int
    kind: str = "talk"
    preset: str = "demo"
    duration_s: float = 4.0
    width_px: int = 640
    height_px: int = 360
    fps_num: int = 25
    fps_den: int = 1
    crf: int = CRF_OF_PRESET
    second_person: int = -1

    def __post_init__(self) -> None:
        """Raise BadInput for a value that cannot be drawn or encoded."""
        _require(self.kind in KINDS, f"unknown kind {self.kind!r}, expected one of: {', '.join(KINDS)}")
        _require(self.preset in PRESETS, f"unknown preset {self.preset!r}, expected one of: {', '.join(PRESETS)}")
        _require(min(self.seed, self.person, self.clip) >= 0, "seed, person and clip must not be negative")
        _require(self.width_px % 2 == self.height_px % 2 == 0, "width_px and height_px must be even")
        _require(min(self.width_px, self.height_px) >= 64, "width_px and height_px must be at least 64")
        _require(min(self.fps_num, self.fps_den) > 0, "fps_num and fps_den must be positive")
        _require(0 < self.duration_s < math.inf, f"duration_s={self.duration_s} is not a length of time")
        _require(self.n_frames >= 2, f"duration_s={self.duration_s} leaves fewer than two frames")
        _require(CRF_OF_PRESET <= self.crf <= 51, f"crf must lie in 0..51 or be {CRF_OF_PRESET}, not {self.crf}")
        if self.kind in TWO_PERSON_KINDS:
            _require(self.second_person >= 0, f"kind {self.kind} needs second_person")
            _require(self.second_person != self.person, f"kind {self.kind} needs two different persons")

    @property
    def fps(self) -> Fraction:
        """Frames a second, exactly."""
        return Fraction(self.fps_num, self.fps_den)

    @property
    def n_frames(self) -> int:
        """Number of frames that are encoded."""
        return round(Fraction(self.duration_s) * self.fps)

    def to_address(self) -> str:
        """Return the address of this clip: all fields, in the order of the class."""
        return SCHEME + urlencode([(f.name, getattr(self, f.name)) for f in fields(self)])

    @classmethod
    def from_address(cls, address: str) -> "ClipSpec":
        """Return the spec of an address; keys with a default may be missing. Raises BadInput."""
        _require(address.startswith(SCHEME), f"not an address of a synthetic clip: {address!r}")
        values = _pairs(address)
        types = {f.name: f.type for f in fields(cls)}
        unknown, missing = sorted(set(values) - set(types)), sorted({"seed", "person", "clip"} - set(values))
        _require(not unknown, f"{address!r} has unknown {unknown}, expected: {', '.join(types)}")
        _require(not missing, f"{address!r} lacks {missing}")
        read: dict[str, Any] = {name: _read(address, name, text, types[name]) for name, text in values.items()}
        return cls(**read)


def edge_case_spec(kind: str, *, seed: int, person: int = 0, clip: int = 0, preset: str = "demo") -> ClipSpec:
    """Return a spec of ``kind`` with the size, rate and length of that kind."""
    special: dict[str, dict[str, Any]] = {
        "two_people": {"second_person": person + 1},
        "cuts": {"second_person": person + 1},
        "odd_rate": {"fps_num": 2213, "fps_den": 100},
        "short": {"duration_s": 1.0},
        "portrait": {"width_px": 1080, "height_px": 1920},
    }
    base = ClipSpec(seed=seed, person=person, clip=clip, preset=preset)
    return replace(base, kind=kind, **special.get(kind, {}))


def _pairs(address: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(address.removeprefix(SCHEME), keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise BadInput(f"{address!r} is not key=value&key=value: {error}") from error
    _require(len(dict(pairs)) == len(pairs), f"{address!r} has a key twice")
    return dict(pairs)


def _read(address: str, name: str, text: str, kind: object) -> int | float | str:
    if kind is str:
        return text
    try:
        return int(text) if kind is int else float(text)
    except ValueError as error:
        raise BadInput(f"{address!r}: {name}={text!r} is not a number") from error


def _require(is_met: bool, message: str) -> None:
    if not is_met:
        raise BadInput(message)
