"""Talkers for ``make learn``: aligned faces and log-mels in memory-mapped arrays.

Five of a talker's traits shape both the voice and the face inside the mask (pipeline/synthetic/script/traits.py); the
rest of a face is independent of them. All are in one studio, under one light: only the person and the pose differ.
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
from pipeline.core.base.arrays import LogMel
from pipeline.core.base.errors import FacevoxError
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import Params
from pipeline.core.base.progress import progress
from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.look.aligned import HeadPose, aligned_face
from pipeline.synthetic.script.speech import generate_speech, plan_bursts
from pipeline.synthetic.script.traits import VOICE_TRAITS, Traits, traits_of, voice_of
from pipeline.synthetic.voice.synthesis import SAMPLE_RATE_HZ, synthesise

FACE_PX = 256
FACES, LOG_MELS = "faces.npy", "log_mels.npy"
MAX_ATTEMPTS = 20  # to generate an utterance in which speech is detected


class TalkerParams(Params):
    """Section ``talkers`` of benchmarks/learn/learn.yaml. Poses are uniform within their limits; lips are shut.

    Traits of the voice are uniform in [0, 1], all others in the middle ``other_trait_range`` of it.
    """

    n_train: int = Field(ge=2)
    n_held_out: int = Field(ge=2)
    faces_per_person: int = Field(ge=2)
    segments_per_person: int = Field(ge=1)
    other_trait_range: float = Field(gt=0, le=1)
    max_yaw_deg: float = Field(ge=0)
    max_pitch_deg: float = Field(ge=0)
    max_roll_deg: float = Field(ge=0)
    seed: int


@dataclass(frozen=True, slots=True)
class Talkers:
    """P persons with K faces and S segments each; all arrays begin with the person."""

    traits: list[Traits]
    faces: NDArray[np.uint8]
    """(P, K, 256, 256, 3) RGB, eyes at (96, 120) and (160, 120)."""
    log_mels: NDArray[np.float32]
    """(P, S, 64, T)."""

    @property
    def voice_traits(self) -> NDArray[np.float64]:
        """The traits that voice and face share, (P, 5) in the order of VOICE_TRAITS."""
        return np.array([[getattr(traits, name) for name in VOICE_TRAITS] for traits in self.traits])

    @property
    def face_persons(self) -> list[str]:
        """The person of each face, in order of person and face."""
        return self._names(self.faces.shape[1])

    @property
    def segment_persons(self) -> list[str]:
        """The person of each segment, in order of person and segment."""
        return self._names(self.log_mels.shape[1])

    def _names(self, times: int) -> list[str]:
        return [f"person_{number:03d}" for number in range(len(self.traits)) for _ in range(times)]

    def slice(self, first: int, end: int) -> "Talkers":
        """Return the persons ``first`` to ``end``, without copying."""
        return Talkers(self.traits[first:end], self.faces[first:end], self.log_mels[first:end])


def flat(array: NDArray[Any]) -> NDArray[Any]:
    """Return (P, K, ...) as (P * K, ...), without copying."""
    return array.reshape(-1, *array.shape[2:])


def make_talkers(params: TalkerParams, audio: AudioParams, folder: Path, workers: Executor) -> None:
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


def open_talkers(params: TalkerParams, folder: Path) -> tuple[Talkers, Talkers]:
    """Return the training persons and the held-out ones that ``make_talkers`` wrote to ``folder``."""
    # Copy on write: torch warns of arrays that can't be written to.
    faces, log_mels = (np.load(folder / name, mmap_mode="c") for name in (FACES, LOG_MELS))
    talkers = Talkers([_traits(params, person) for person in range(len(faces))], faces, log_mels)
    return talkers.slice(0, params.n_train), talkers.slice(params.n_train, len(faces))


def _make_person(params: TalkerParams, audio: AudioParams, folder: Path, person: int) -> None:
    """Write one person's faces and log-mels to their rows of the arrays."""
    traits = _traits(params, person)
    faces = np.load(folder / FACES, mmap_mode="r+")[person]
    for number in range(params.faces_per_person):
        faces[number] = _face(params, traits, person, number)
    log_mels = np.load(folder / LOG_MELS, mmap_mode="r+")[person]
    for number in range(params.segments_per_person):
        log_mels[number] = _log_mel(params, audio, traits, person, number)


def _traits(params: TalkerParams, person: int) -> Traits:
    traits = traits_of(params.seed, person)
    other = {
        name: 0.5 + params.other_trait_range * (value - 0.5)
        for name, value in asdict(traits).items()
        if name not in VOICE_TRAITS
    }
    return replace(traits, **other)


def _face(params: TalkerParams, traits: Traits, person: int, number: int) -> NDArray[np.uint8]:
    rng = keyed_rng("learn face", params.seed, person, number)
    yaw_deg, pitch_deg, roll_deg = (
        float(rng.uniform(-limit, limit)) for limit in (params.max_yaw_deg, params.max_pitch_deg, params.max_roll_deg)
    )
    return aligned_face(
        traits,
        rng=rng,
        room_rng=keyed_rng("learn studio", params.seed),
        size_px=FACE_PX,
        pose=HeadPose(yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg),
    )


def _log_mel(params: TalkerParams, audio: AudioParams, traits: Traits, person: int, number: int) -> LogMel:
    """Return the log-mel of one segment, computed from the waveform as for recordings."""
    voice = voice_of(traits)
    for attempt in range(MAX_ATTEMPTS):
        rng = keyed_rng("learn voice", params.seed, person, number, attempt)
        speech = generate_speech(rng, plan_bursts(rng, audio.segment_s), voice.syllables_hz)
        n_samples = round(audio.segment_s * SAMPLE_RATE_HZ)
        for _, feature in segment_features(synthesise(speech, voice, n_samples=n_samples, rng=rng), audio):
            if not isinstance(feature, Dropped):
                return feature.log_mel
    raise FacevoxError(f"person {person} of seed {params.seed}: no speech was found in {MAX_ATTEMPTS} utterances")
