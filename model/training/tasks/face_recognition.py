"""Train a face recognition network on the dataset's persons or a folder of faces, without published weights."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR

from model.data.holdout import choose_holdout
from model.data.recognition_faces import RecognitionFaces
from pipeline.base.arrays import FramesRGB
from pipeline.base.errors import BadInput, FacevoxError
from pipeline.base.params import Params
from pipeline.base.torch_threads import single_thread
from pipeline.identity.network.resnet import INPUT_PX, FaceRecognitionNetwork, preprocess_framed

SECTION = "pretrain_identity"
HALF_PX = INPUT_PX // 2
FULL_SIZE_SHARE = 0.15
"""Most epochs train on half-size faces, at a third of the cost; the last ones on the size of later use."""

MAX_SHIFT = 0.08
MAX_ZOOM = 0.08
MAX_BRIGHTNESS = 30.0
MAX_CONTRAST = 0.2
"""Augmentation: shift in halves of the picture, zoom in shares of its size, grey levels of 255, share of contrast."""

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
WARM_UP_SHARE = 0.2
EVALUATION_BATCH = 16


class RecognitionTrainingParams(Params):
    """Section ``pretrain_identity`` of params.yaml.

    ``weights`` is a name, a path, or null: null trains a network, and only then the other values matter.
    ``faces`` is a folder of pictures by person, or null: the crops of the dataset's training persons.
    """

    weights: str | None
    faces: str | None
    width: float = Field(gt=0, le=1)
    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)
    lr: float = Field(gt=0)
    holdout_share: float = Field(ge=0, lt=1)
    seed: int


@dataclass(frozen=True, slots=True)
class RecognitionMetrics:
    """Counts, accuracy and loss of a training.

    ``holdout_accuracy`` is the share of held-out faces given to the right person among all persons (None when
    no face is held out). Whole clips of a person (of a folder: photographs) are held out, so that it measures how
    well the network recognises a person in a new clip; persons without such a clip are
    ``n_persons_without_holdout``, and are not measured. ``train_loss`` is the last epoch's mean
    cross-entropy in nats. Faces whose picture can't be read are counted separately.
    """

    n_persons: int
    n_persons_without_holdout: int
    n_train_faces: int
    n_holdout_faces: int
    n_unreadable_faces: int
    holdout_accuracy: float | None
    train_loss: float


def train_recognition_network(
    faces: RecognitionFaces, params: RecognitionTrainingParams, *, log: Callable[[str], None], device: str = "cpu"
) -> tuple[FaceRecognitionNetwork, RecognitionMetrics]:
    """Return a network trained to classify the persons of ``faces``, in evaluation mode, with its metrics.

    Two runs on one type of machine return the same bytes. Faces are read a batch at a time, in each epoch again.
    Raises BadInput for fewer than two persons, and FacevoxError when the loss is no longer a number.
    """
    names = sorted(set(faces.persons))
    if len(names) < 2:
        raise BadInput(
            f"face recognition network: expected faces of 2 persons or more, found {len(faces.persons)} of {len(names)}"
        )
    is_holdout = choose_holdout(faces.persons, faces.origins, params.holdout_share, params.seed)
    train, holdout = np.flatnonzero(~is_holdout), np.flatnonzero(is_holdout)
    reader = _Reader(faces, names, device)
    with _reproducible(params.seed):
        network = FaceRecognitionNetwork(params.width)
        classifier = nn.Sequential(network, nn.Linear(network.feature_size, len(names)))
        classifier.to(device)
        loss = _train(classifier, reader, train, params, log)
        accuracy = _accuracy(classifier.eval(), reader, holdout)
    n_measured = len({faces.persons[row] for row in holdout.tolist()})
    return network.to("cpu"), RecognitionMetrics(
        n_persons=len(names),
        n_persons_without_holdout=len(names) - n_measured,
        n_train_faces=len(train) - len(reader.unreadable.intersection(train)),
        n_holdout_faces=len(holdout) - len(reader.unreadable.intersection(holdout)),
        n_unreadable_faces=len(reader.unreadable),
        holdout_accuracy=accuracy,
        train_loss=loss,
    )


class _Reader:
    """Reads batches of faces with their persons' numbers, and collects the rows that can't be read."""

    def __init__(self, faces: RecognitionFaces, names: Sequence[str], device: str) -> None:
        self._faces = faces
        self._number_of = {name: number for number, name in enumerate(names)}
        self._device = device
        self.unreadable: set[int] = set()

    def batch(self, rows: NDArray[np.intp]) -> tuple[FramesRGB, Tensor]:
        """Return (B, 224, 224, 3) faces and (B,) numbers of those rows that can be read."""
        read = {row: face for row in rows.tolist() if (face := self._faces.read(row)) is not None}
        self.unreadable.update(set(rows.tolist()) - read.keys())
        images = np.stack(list(read.values())) if read else np.empty((0, INPUT_PX, INPUT_PX, 3), np.uint8)
        numbers = [self._number_of[self._faces.persons[row]] for row in read]
        return images, torch.tensor(numbers, dtype=torch.int64, device=self._device)


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Fixed seed and one thread inside, the caller's afterwards.

    Two threads would train at most 1.7 times as fast, end in other last bits, and on a busy machine wait for each
    other: ten times as long was measured.
    """
    with single_thread(), torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _train(
    classifier: nn.Module,
    reader: _Reader,
    train: NDArray[np.intp],
    params: RecognitionTrainingParams,
    log: Callable[[str], None],
) -> float:
    """Return the mean cross-entropy of the last epoch, under augmentation."""
    generator = torch.Generator().manual_seed(params.seed)
    optimizer = torch.optim.SGD(
        classifier.parameters(), params.lr, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    n_steps = params.epochs * math.ceil(len(train) / params.batch)
    schedule = OneCycleLR(optimizer, params.lr, total_steps=n_steps, pct_start=WARM_UP_SHARE)
    mean_loss = math.nan
    classifier.train()
    for epoch, size_px in enumerate(_sizes_px(params.epochs), start=1):
        total_loss, n_faces = 0.0, 0
        order = train[torch.randperm(len(train), generator=generator).numpy()]
        for rows in np.split(order, range(params.batch, len(order), params.batch)):
            images, labels_B = reader.batch(rows)
            if not len(images):
                continue
            faces_BCHW = augment(preprocess_framed(images), size_px, generator)
            loss = functional.cross_entropy(classifier(_to_device(faces_BCHW, labels_B)), labels_B)
            if not math.isfinite(loss.item()):
                where = f"the loss became {loss.item()} in epoch {epoch}"
                raise FacevoxError(f"face recognition network: {where}: lower pretrain_identity.lr (now {params.lr})")
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total_loss += loss.item() * len(images)
            n_faces += len(images)
        if not n_faces:
            raise BadInput("face recognition network: expected faces to train on, found no picture that can be read")
        mean_loss = total_loss / n_faces
        log(f"face recognition network: epoch {epoch} of {params.epochs}, {size_px} px: loss {mean_loss:.3f}")
    return mean_loss


def _sizes_px(epochs: int) -> list[int]:
    n_full = max(1, round(FULL_SIZE_SHARE * epochs))
    return [HALF_PX] * (epochs - n_full) + [INPUT_PX] * n_full


def augment(faces_BCHW: Tensor, size_px: int, generator: torch.Generator) -> Tensor:
    """Return (B, 3, size_px, size_px): each face shifted, zoomed and changed in brightness and contrast at random, half
    of them mirrored.
    """
    if size_px != faces_BCHW.shape[-1]:
        faces_BCHW = functional.adaptive_avg_pool2d(faces_BCHW, size_px)
    n_faces = len(faces_BCHW)

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n_faces, generator=generator) * 2 - 1) * limit

    zoom, mirror = 1 + uniform(MAX_ZOOM), torch.sign(uniform(1.0))
    zero = torch.zeros(n_faces)
    map_x = torch.stack([zoom * mirror, zero, uniform(MAX_SHIFT)], dim=1)
    map_y = torch.stack([zero, zoom, uniform(MAX_SHIFT)], dim=1)
    grid = functional.affine_grid(torch.stack([map_x, map_y], dim=1), list(faces_BCHW.shape), align_corners=False)
    moved = functional.grid_sample(faces_BCHW, grid, padding_mode="border", align_corners=False)
    return moved * (1 + uniform(MAX_CONTRAST)).view(-1, 1, 1, 1) + uniform(MAX_BRIGHTNESS).view(-1, 1, 1, 1)


def _accuracy(classifier: nn.Module, reader: _Reader, holdout: NDArray[np.intp]) -> float | None:
    n_correct, n_faces = 0, 0
    with torch.inference_mode():
        for rows in np.split(holdout, range(EVALUATION_BATCH, len(holdout), EVALUATION_BATCH)):
            images, labels_B = reader.batch(rows)
            if len(images):
                predicted_B = classifier(_to_device(preprocess_framed(images), labels_B)).argmax(dim=1)
                n_correct += int((predicted_B == labels_B).sum())
                n_faces += len(images)
    return n_correct / n_faces if n_faces else None


def _to_device(faces_BCHW: Tensor, like: Tensor) -> Tensor:
    """Return faces on the device of ``like``, in the memory format that trains fastest."""
    return faces_BCHW.to(like.device, memory_format=torch.channels_last)
