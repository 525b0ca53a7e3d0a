"""The trainings of ``make learn``: each reads its inputs from the experiment's folder and writes its network there.

So each can run in a process of its own. The shuffled generator is never trained on a face with its own voice, nor is
its audio-face decoder; all generators share the voice network and the face recognition network.
"""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from benchmarks.learn.data import Talkers, flat, open_talkers
from benchmarks.learn.params import LearnParams
from model.data.recognition_faces import store_faces
from model.data.samples_draw import assign_other_persons
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
from model.networks.generator_file import save_generator
from model.networks.voice import load_voice_network
from model.settings import Variant
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess
from model.training.loss_means import format_losses
from model.training.run_settings import read_run_settings
from model.training.tasks.audio_face import train_audio_face
from model.training.tasks.face_recognition import train_recognition_network
from model.training.tasks.inpainting import GeneratorTrainingParams, StartNetworks, train_generator
from model.training.tasks.voice import train_voice
from model.training.trained_network import write_network
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.weights_file import write_recognition_network

RECOGNITION, LABELS, VOICE = "recognition.safetensors", "labels.npy", "voice.safetensors"


@dataclass(frozen=True, slots=True)
class ComparedGenerator:
    """A generator to be compared: its name, its variant, and whether it is trained with other persons' voices."""

    name: str
    variant: Variant
    shuffled: bool

    @property
    def file(self) -> str:
        """The network's file in the experiment's folder."""
        return f"{self.name}.safetensors"

    @property
    def audio_face(self) -> str:
        """The file of the audio-face decoder that it starts from."""
        return f"audio_face{'_shuffled' if self.shuffled else ''}.safetensors"


FULL = ComparedGenerator("full", "full", shuffled=False)
BASE = ComparedGenerator("base", "base", shuffled=False)
SHUFFLED = ComparedGenerator("shuffled", "full", shuffled=True)


def train_recognition(params: LearnParams, folder: Path) -> str:
    """Train the face recognition network on the training persons' faces and label these; return its accuracy."""
    train, _ = open_talkers(params.talkers, folder)
    faces, persons = flat(train.faces), train.face_persons
    with _named_log("recognition") as log:
        persons_and_origins = (
            (face, person, f"{person}/{row}") for row, (face, person) in enumerate(zip(faces, persons, strict=True))
        )
        stored = store_faces(persons_and_origins, folder / "recognition_faces")
        recognition, metrics, _ = train_recognition_network(stored, params.recognition, _context(log))
        write_recognition_network(recognition, folder / RECOGNITION)
        np.save(folder / LABELS, FaceRecogniser(folder / RECOGNITION).embed(list(faces)))
    measured = f"{metrics.n_holdout_faces} faces of {metrics.n_persons} persons"
    return _accuracy_message("face recognition network", metrics.holdout_accuracy, measured)


def train_voice_network(params: LearnParams, folder: Path) -> str:
    """Train the voice network on the training persons' voices; return its accuracy."""
    with _named_log("voice") as log:
        data = _data(open_talkers(params.talkers, folder)[0])
        voice, metrics, _ = train_voice(data, params.voice, params.model.width, _context(log))
        write_network(voice, folder / VOICE)
    measured = f"{metrics.n_holdout_segments} segments of {metrics.n_persons} persons"
    return _accuracy_message("voice network", metrics.holdout_accuracy, measured)


def train_audio_face_decoder(generator: ComparedGenerator, params: LearnParams, folder: Path) -> str:
    """Train the audio-face decoder that a generator starts from; return its loss."""
    with _named_log(f"audio face, {generator.name}") as log:
        train, _ = open_talkers(params.talkers, folder)
        data = shuffled_data(train, params.train.seed) if generator.shuffled else _data(train)
        voice = load_voice_network(folder / VOICE)
        decoder, result = train_audio_face(data, voice, params.audio_face, params.model.width, context=_context(log))
        write_network(decoder, folder / generator.audio_face)
    return f"audio-face decoder of {generator.name}: {format_losses(result.losses)}"


def train_compared_generator(generator: ComparedGenerator, params: LearnParams, folder: Path) -> str:
    """Train a generator; return its losses and its speed."""
    model = params.model.model_copy(update={"variant": generator.variant})
    voice = load_voice_network(folder / VOICE) if model.uses_voice else None
    recognition = audio_face = labels = None
    if model.fusion:
        audio_face = AudioFaceDecoder(model.width)
        load_audio_face_decoder(audio_face, folder / generator.audio_face)
    if model.matches_identities:
        recognition, labels = FaceRecogniser(folder / RECOGNITION).network, np.load(folder / LABELS)
    networks = StartNetworks(recognition=recognition, voice=voice, audio_face=audio_face)
    train = params.train.model_copy(update={"shuffle_voices": generator.shuffled})
    with _named_log(generator.name) as log:
        network, result = train_generator(
            _data(open_talkers(params.talkers, folder)[0], labels),
            networks,
            GeneratorTrainingParams(model=model, mask=params.mask, train=train),
            _context(log),
        )
        save_generator(network, folder / generator.file)
    return f"{generator.name}: {result.samples_per_s:.1f} faces/s, {format_losses(result.losses)}"


def _context(log: Callable[[str], None]) -> TrainingContext:
    """Return the context of a training; on a CPU it loads its batches itself, because every core trains."""
    settings = read_run_settings()
    n_workers = settings.n_loader_workers if settings.device.type == "cuda" else 0
    return TrainingContext(process=TrainingProcess(device=settings.device, n_loader_workers=n_workers), log=log)


def _data(train: Talkers, labels: NDArray[np.float32] | None = None) -> DatasetSplit:
    """Return the talkers as a dataset split."""
    return DatasetSplit.from_arrays(
        flat(train.faces), flat(train.log_mels), labels, train.face_persons, train.segment_persons
    )


def shuffled_data(train: Talkers, seed: int) -> DatasetSplit:
    """Return the talkers as a dataset split, each with the voice that ``train.shuffle_voices`` assigns."""
    persons = sorted(set(train.face_persons))
    voice_of = assign_other_persons(np.arange(len(persons)), seed)
    receiver_of = {persons[other]: persons[person] for person, other in voice_of.items()}
    segment_persons = [receiver_of[person] for person in train.segment_persons]
    return DatasetSplit.from_arrays(flat(train.faces), flat(train.log_mels), None, train.face_persons, segment_persons)


@contextmanager
def _named_log(name: str) -> Iterator[Callable[[str], None]]:
    """Yield a log function that prefixes lines by ``name``, as it does with stderr: trainings run side by side."""
    with redirect_stderr(_PrefixedStream(name, sys.stderr)):
        yield lambda line: print(f"[{name}] {line}", flush=True)


class _PrefixedStream(io.TextIOBase):
    """A stream whose lines are prefixed by a name."""

    def __init__(self, name: str, to: TextIO) -> None:
        self._name, self._to = name, to

    def write(self, text: str, /) -> int:
        """Write one line; a lone end of line is dropped."""
        if text.strip():
            self._to.write(f"[{self._name}] {text.rstrip()}\n")
            self._to.flush()
        return len(text)


def _accuracy_message(network: str, accuracy: float | None, measured: str) -> str:
    correct = "nothing" if accuracy is None else f"{accuracy:.1%} of {measured}"
    return f"{network}: {correct} held out is given to the right person"
