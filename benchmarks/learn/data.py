"""Synthetic persons to learn from: aligned faces and log-mels in memory-mapped arrays.

Five of a person's traits drive both the voice and what lies inside the mask (pipeline/synthetic/script/traits.py); all else of
a face says nothing of them. Everybody sits in one studio, under one light: what differs is the person and the pose.
"""

from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.audio.features import segment_features
from pipeline.audio.settings import AudioParams
from pipeline.base.arrays import LogMel
from pipeline.base.errors import FacevoxError
from pipeline.base.outcome import Dropped
from pipeline.base.params import Params
from pipeline.base.progress import progress
from pipeline.base.seeds import keyed_rng
from pipeline.synthetic.look.aligned import aligned_face
from pipeline.synthetic.script.speech import plan_bursts, speak
from pipeline.synthetic.script.traits import HEARD, Traits, traits_of, voice_of
from pipeline.synthetic.voice.synthesis import SAMPLE_RATE_HZ, synthesise

FACE_PX = 256
FACES, LOG_MELS = "faces.npy", "log_mels.npy"
MOST_UTTERANCES = 20  # a person's, that may be without speech before something is wrong


class PeopleParams(Params):
    """Section ``people`` of benchmarks/learn/learn.yaml. Poses are uniform within their limits; lips are shut.

    Heard traits run from 0 to 1, and all others over the middle ``unheard_spread`` of that.
    """

    n_train: int = Field(ge=2)
    n_held_out: int = Field(ge=2)
    faces_per_person: int = Field(ge=2)
    segments_per_person: int = Field(ge=1)
    unheard_spread: float = Field(gt=0, le=1)
    max_yaw_deg: float = Field(ge=0)
    max_pitch_deg: float = Field(ge=0)
    max_roll_deg: float = Field(ge=0)
    seed: int


@dataclass(frozen=True, slots=True)
class People:
    """P persons with K faces and S segments each; all arrays begin with the person."""

    traits: list[Traits]
    faces: NDArray[np.uint8]
    """(P, K, 256, 256, 3) RGB, eyes at (96, 120) and (160, 120)."""
    log_mels: NDArray[np.float32]
    """(P, S, 64, T)."""

    @property
    def heard(self) -> NDArray[np.float64]:
        """The traits that voice and face share, (P, 5) in the order of HEARD."""
        return np.array([[getattr(one, name) for name in HEARD] for one in self.traits])

    @property
    def face_persons(self) -> list[str]:
        """Whose each face is, in order of person and face."""
        return self._names(self.faces.shape[1])

    @property
    def segment_persons(self) -> list[str]:
        """Whose each segment is, in order of person and segment."""
        return self._names(self.log_mels.shape[1])

    def _names(self, times: int) -> list[str]:
        return [f"person_{number:03d}" for number in range(len(self.traits)) for _ in range(times)]

    def part(self, first: int, end: int) -> "People":
        """Return the persons ``first`` to ``end``, without copying."""
        return People(self.traits[first:end], self.faces[first:end], self.log_mels[first:end])


def flat(array: NDArray[Any]) -> NDArray[Any]:
    """Return (P, K, ...) as (P * K, ...), without copying."""
    return array.reshape(-1, *array.shape[2:])


def make_people(params: PeopleParams, audio: AudioParams, folder: Path, workers: Executor) -> None:
    """Write the persons' arrays to ``folder``; each person depends on the seed and its own number alone."""
    n_persons = params.n_train + params.n_held_out
    n_mels, n_frames = _log_mel(params, audio, _traits(params, 0), 0, 0).shape
    for name, dtype, shape in (
        (FACES, np.uint8, (n_persons, params.faces_per_person, FACE_PX, FACE_PX, 3)),
        (LOG_MELS, np.float32, (n_persons, params.segments_per_person, n_mels, n_frames)),
    ):
        np.lib.format.open_memmap(folder / name, "w+", dtype, shape)
    with progress("persons", n_persons) as advance:
        for _ in workers.map(partial(_make_person, params, audio, folder), range(n_persons), chunksize=5):
            advance()


def open_people(params: PeopleParams, folder: Path) -> tuple[People, People]:
    """Return the training persons and the held-out ones that ``make_people`` left in ``folder``."""
    # Copy on write: torch warns of arrays that can't be written to.
    faces, log_mels = (np.load(folder / name, mmap_mode="c") for name in (FACES, LOG_MELS))
    everybody = People([_traits(params, person) for person in range(len(faces))], faces, log_mels)
    return everybody.part(0, params.n_train), everybody.part(params.n_train, len(faces))


def _make_person(params: PeopleParams, audio: AudioParams, folder: Path, person: int) -> None:
    """Write one person's faces and log-mels to their place in the arrays."""
    traits = _traits(params, person)
    faces = np.load(folder / FACES, mmap_mode="r+")[person]
    for number in range(params.faces_per_person):
        faces[number] = _face(params, traits, person, number)
    log_mels = np.load(folder / LOG_MELS, mmap_mode="r+")[person]
    for number in range(params.segments_per_person):
        log_mels[number] = _log_mel(params, audio, traits, person, number)


def _traits(params: PeopleParams, person: int) -> Traits:
    traits = traits_of(params.seed, person)
    unheard = {
        name: 0.5 + params.unheard_spread * (value - 0.5) for name, value in asdict(traits).items() if name not in HEARD
    }
    return replace(traits, **unheard)


def _face(params: PeopleParams, traits: Traits, person: int, number: int) -> NDArray[np.uint8]:
    rng = keyed_rng("learn face", params.seed, person, number)
    yaw_deg, pitch_deg, roll_deg = (
        float(rng.uniform(-most, most)) for most in (params.max_yaw_deg, params.max_pitch_deg, params.max_roll_deg)
    )
    return aligned_face(
        traits,
        rng=rng,
        room_rng=keyed_rng("learn studio", params.seed),
        size_px=FACE_PX,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
    )


def _log_mel(params: PeopleParams, audio: AudioParams, traits: Traits, person: int, number: int) -> LogMel:
    """Return the log-mel of one segment, by the path that recordings take, from the waveform on."""
    voice = voice_of(traits)
    for attempt in range(MOST_UTTERANCES):
        rng = keyed_rng("learn voice", params.seed, person, number, attempt)
        said = speak(rng, plan_bursts(rng, audio.segment_s), voice.syllables_hz)
        n_samples = round(audio.segment_s * SAMPLE_RATE_HZ)
        for _, feature in segment_features(synthesise(said, voice, n_samples=n_samples, rng=rng), audio):
            if not isinstance(feature, Dropped):
                return feature.log_mel
    raise FacevoxError(f"person {person} of seed {params.seed}: no speech was found in {MOST_UTTERANCES} utterances")
