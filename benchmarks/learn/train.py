"""The trainings of ``make learn``: each reads what it needs from the experiment's folder and leaves its network there.

So they can run in processes of their own. The shuffled network never meets a face with its own voice, in the
pretraining of its audio-face decoder neither; voice network and psi are the same for all.
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

from benchmarks.learn.data import People, flat, open_people
from benchmarks.learn.params import LearnParams
from model.data.recognition_faces import store_faces
from model.data.samples_draw import others
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
from model.networks.generator_file import save_generator
from model.networks.voice import load_voice_network
from model.settings import Variant
from model.training.distributed import TrainingProcess
from model.training.loss_means import losses_in_words
from model.training.run_settings import read_run_settings
from model.training.tasks.audio_face import train_audio_face
from model.training.tasks.face_recognition import train_recognition_network
from model.training.tasks.inpainting import train_generator
from model.training.tasks.voice import train_voice
from model.training.trained_network import write_network
from pipeline.identity.network.embed import FaceRecogniser
from pipeline.identity.network.weights_file import write_recognition_network

RECOGNITION, LABELS, VOICE = "recognition.safetensors", "labels.npy", "voice.safetensors"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A network to be compared: its name, its variant, and whether it learns with other persons' voices."""

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


FULL = Contestant("full", "full", shuffled=False)
BASE = Contestant("base", "base", shuffled=False)
SHUFFLED = Contestant("shuffled", "full", shuffled=True)


def learn_recognition(params: LearnParams, folder: Path) -> str:
    """Train psi on the training persons' faces and label these; return how well persons are known again."""
    train, _ = open_people(params.people, folder)
    faces, persons = flat(train.faces), train.face_persons
    with _speaking("recognition") as say:
        shown = (
            (face, person, f"{person}/{row}") for row, (face, person) in enumerate(zip(faces, persons, strict=True))
        )
        stored = store_faces(shown, folder / "recognition_faces")
        recognition, metrics = train_recognition_network(
            stored, params.label, report=say, device=str(_process().device)
        )
        write_recognition_network(recognition, folder / RECOGNITION)
        np.save(folder / LABELS, FaceRecogniser(folder / RECOGNITION).embed(faces))
    return _known(
        "recognition", metrics.holdout_accuracy, f"{metrics.n_holdout_faces} faces of {metrics.n_persons} persons"
    )


def learn_voice(params: LearnParams, folder: Path) -> str:
    """Train the voice network on the training persons' voices; return how well they are told apart."""
    with _speaking("voice") as say:
        data = _data(open_people(params.people, folder)[0])
        voice, figures, _ = train_voice(data, params.voice, params.model.width, process=_process(), say=say)
        write_network(voice, folder / VOICE)
    judged = f"{figures.n_holdout_segments} segments of {figures.n_persons} persons"
    return _known("voice network", figures.holdout_accuracy, judged)


def learn_audio_face(contestant: Contestant, params: LearnParams, folder: Path) -> str:
    """Train the audio-face decoder that a contestant starts from; return its loss."""
    with _speaking(f"audio face, {contestant.name}") as say:
        train, _ = open_people(params.people, folder)
        data = shuffled_data(train, params.train.seed) if contestant.shuffled else _data(train)
        voice = load_voice_network(folder / VOICE)
        decoder, fitted = train_audio_face(
            data, voice, params.audio_face, params.model.width, process=_process(), say=say
        )
        write_network(decoder, folder / contestant.audio_face)
    return f"audio-face decoder of {contestant.name}: {losses_in_words(fitted.losses)}"


def learn_to_inpaint(contestant: Contestant, params: LearnParams, folder: Path) -> str:
    """Train a contestant; return its losses and its pace."""
    model = params.model.model_copy(update={"variant": contestant.variant})
    recognition = voice = audio_face = labels = None
    if model.hears:
        voice = load_voice_network(folder / VOICE)
    if model.fusion:
        audio_face = AudioFaceDecoder(model.width)
        load_audio_face_decoder(audio_face, folder / contestant.audio_face)
    if model.matches_identities:
        recognition, labels = FaceRecogniser(folder / RECOGNITION).network, np.load(folder / LABELS)
    with _speaking(contestant.name) as say:
        network, fitted = train_generator(
            _data(open_people(params.people, folder)[0], labels),
            recognition,
            voice,
            audio_face,
            model,
            params.mask,
            params.train.model_copy(update={"shuffle_voices": contestant.shuffled}),
            process=_process(),
            say=say,
        )
        save_generator(network, folder / contestant.file)
    return f"{contestant.name}: {fitted.samples_per_s:.1f} faces/s, {losses_in_words(fitted.losses)}"


def _process() -> TrainingProcess:
    """This process's; on a CPU it reads its batches itself, for every core trains."""
    settings = read_run_settings()
    n_workers = settings.n_loader_workers if settings.device.type == "cuda" else 0
    return TrainingProcess(device=settings.device, n_loader_workers=n_workers)


def _data(train: People, labels: NDArray[np.float32] | None = None) -> DatasetSplit:
    """Return the people as trainings read them."""
    return DatasetSplit.from_arrays(
        flat(train.faces), flat(train.log_mels), labels, train.face_persons, train.segment_persons
    )


def shuffled_data(train: People, seed: int) -> DatasetSplit:
    """Return the people, each with the voice of another one: the same as with ``train.shuffle_voices``."""
    persons = sorted(set(train.face_persons))
    heard = others(np.arange(len(persons)), seed)
    given_to = {persons[other]: persons[person] for person, other in heard.items()}
    segment_persons = [given_to[person] for person in train.segment_persons]
    return DatasetSplit.from_arrays(flat(train.faces), flat(train.log_mels), None, train.face_persons, segment_persons)


@contextmanager
def _speaking(name: str) -> Iterator[Callable[[str], None]]:
    """Give a way to tell progress, under ``name``; trainings side by side are told apart by that."""
    with redirect_stderr(_Named(name, sys.stderr)):
        yield lambda line: print(f"[{name}] {line}", flush=True)


class _Named(io.TextIOBase):
    """Standard error, each line under a name."""

    def __init__(self, name: str, to: TextIO) -> None:
        self._name, self._to = name, to

    def write(self, text: str, /) -> int:
        """Write whole lines; an end of line comes by itself."""
        if text.strip():
            self._to.write(f"[{self._name}] {text.rstrip()}\n")
            self._to.flush()
        return len(text)


def _known(what: str, accuracy: float | None, judged: str) -> str:
    return (
        f"{what}: {'nothing' if accuracy is None else f'{accuracy:.1%} of {judged}'} held out is given to the right one"
    )
