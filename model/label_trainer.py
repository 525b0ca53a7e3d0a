"""Train a label network on the dataset's own persons, for runs without published label-network weights."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR

from pipeline.arrays import FramesRGB, ImageRGB
from pipeline.errors import BadInput, FacevoxError
from pipeline.identity.embed import single_thread
from pipeline.identity.resnet import INPUT_PX, LabelNetwork, preprocess
from pipeline.params import Params

HALF_PX = INPUT_PX // 2
FULL_SIZE_SHARE = 0.15
"""Most epochs see half-size faces, at a third of the cost; the last ones see the size of later use."""

MAX_SHIFT = 0.08
MAX_ZOOM = 0.08
MAX_BRIGHTNESS = 30.0
MAX_CONTRAST = 0.2
"""Augmentation: shares of half the picture, share of its size, grey levels of 255, share of the contrast."""

MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
WARM_UP_SHARE = 0.2
JUDGED_AT_ONCE = 16


class LabelTrainerParams(Params):
    """Section ``pretrain_identity`` of params.yaml.

    ``weights`` is a name, a path, or null: null trains a network, and only then the other values matter.
    """

    weights: str | None
    width: float = Field(gt=0, le=1)
    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)
    lr: float = Field(gt=0)
    holdout_share: float = Field(ge=0, lt=1)
    seed: int


@dataclass(frozen=True, slots=True)
class LabelMetrics:
    """How the training went.

    ``holdout_accuracy`` is the share of held-out faces given to the right person among all persons (None when
    no face is held out). Faces of one clip can stand on both sides: it says whether the network tells these
    persons apart, not how well it knows one again in another clip. ``train_loss`` is the last epoch's mean
    cross-entropy in nats.
    """

    n_persons: int
    n_train_faces: int
    n_holdout_faces: int
    holdout_accuracy: float | None
    train_loss: float


def train_label_network(
    faces: FramesRGB | Sequence[ImageRGB],
    persons: Sequence[str],
    params: LabelTrainerParams,
    *,
    report: Callable[[str], None],
    device: str = "cpu",
) -> tuple[LabelNetwork, LabelMetrics]:
    """Return a network trained to tell ``persons`` apart, in evaluation mode, and how the training went.

    ``faces[i]`` is a (256, 256, 3) crop of ``persons[i]``. Two runs on one type of machine give the same
    bytes. Holds N x 150 kB of shrunk faces. Raises FacevoxError when the loss is no longer a number.
    """
    names = sorted(set(persons))
    if len(faces) != len(persons) or len(names) < 2:
        found = f"{len(faces)} faces and {len(persons)} names of {len(names)} persons"
        raise BadInput(f"label network: expected a person's name for each face and 2 persons or more, found {found}")
    is_holdout = choose_holdout(faces, persons, params.holdout_share, params.seed)
    labels_N = torch.tensor([names.index(person) for person in persons], device=device)
    images = _shrink(faces)
    with _reproducible(params.seed):
        network = LabelNetwork(params.width)
        classifier = nn.Sequential(network, nn.Linear(network.feature_size, len(names)))
        classifier.to(device)
        train, holdout = np.flatnonzero(~is_holdout), np.flatnonzero(is_holdout)
        loss = _train(classifier, images[train], labels_N[train], params, report)
        accuracy = _accuracy(classifier.eval(), images[holdout], labels_N[holdout])
    return network.to("cpu"), LabelMetrics(len(names), len(train), len(holdout), accuracy, loss)


def choose_holdout(
    faces: FramesRGB | Sequence[ImageRGB], persons: Sequence[str], share: float, seed: int
) -> NDArray[np.bool_]:
    """Return (N,) True for the ``share`` of each person's faces with the lowest hash of seed and pixels.

    One face of each person stays in training. The choice doesn't depend on the order of the faces, and one
    more person disturbs nobody else's.
    """
    hashes = [hashlib.sha256(f"{seed}:".encode() + np.ascontiguousarray(face).tobytes()).digest() for face in faces]
    rows_of: dict[str, list[int]] = {}
    for row in sorted(range(len(persons)), key=lambda row: hashes[row]):
        rows_of.setdefault(persons[row], []).append(row)
    is_holdout = np.zeros(len(persons), dtype=np.bool_)
    for rows in rows_of.values():
        is_holdout[rows[: min(int(share * len(rows) + 0.5), len(rows) - 1)]] = True
    return is_holdout


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Fixed seed and one thread inside, the caller's afterwards.

    Two threads would train at most 1.7 times as fast, end in other last bits, and on a busy machine wait for
    each other: ten times as long was seen.
    """
    with single_thread(), torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _shrink(faces: FramesRGB | Sequence[ImageRGB]) -> FramesRGB:
    """Return (N, 224, 224, 3): resized once, not once an epoch."""
    images = np.empty((len(faces), INPUT_PX, INPUT_PX, 3), dtype=np.uint8)
    for image, face in zip(images, faces, strict=True):
        cv2.resize(face, (INPUT_PX, INPUT_PX), dst=image, interpolation=cv2.INTER_AREA)
    return images


def _train(
    classifier: nn.Module,
    images: FramesRGB,
    labels_N: Tensor,
    params: LabelTrainerParams,
    report: Callable[[str], None],
) -> float:
    """Return the mean cross-entropy of the last epoch, under augmentation."""
    generator = torch.Generator().manual_seed(params.seed)
    optimizer = torch.optim.SGD(
        classifier.parameters(), params.lr, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    n_steps = params.epochs * math.ceil(len(images) / params.batch)
    schedule = OneCycleLR(optimizer, params.lr, total_steps=n_steps, pct_start=WARM_UP_SHARE)
    mean_loss = math.nan
    classifier.train()
    for epoch, size_px in enumerate(_sizes_px(params.epochs), start=1):
        total_loss = 0.0
        order = torch.randperm(len(images), generator=generator).numpy()
        for rows in np.split(order, range(params.batch, len(order), params.batch)):
            faces_BCHW = augment(preprocess(images[rows]), size_px, generator)
            loss = functional.cross_entropy(classifier(_placed(faces_BCHW, labels_N)), labels_N[rows])
            if not math.isfinite(loss.item()):
                where = f"the loss became {loss.item()} in epoch {epoch}"
                raise FacevoxError(f"label network: {where}: lower pretrain_identity.lr (now {params.lr})")
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total_loss += loss.item() * len(rows)
        mean_loss = total_loss / len(images)
        report(f"label network: epoch {epoch} of {params.epochs}, {size_px} px: loss {mean_loss:.3f}")
    return mean_loss


def _sizes_px(epochs: int) -> list[int]:
    n_full = max(1, round(FULL_SIZE_SHARE * epochs))
    return [HALF_PX] * (epochs - n_full) + [INPUT_PX] * n_full


def augment(faces_BCHW: Tensor, size_px: int, generator: torch.Generator) -> Tensor:
    """Return faces of ``size_px``, half of them mirrored, each a little moved, zoomed, lit and faded."""
    if size_px != faces_BCHW.shape[-1]:
        faces_BCHW = functional.adaptive_avg_pool2d(faces_BCHW, size_px)
    n_faces = len(faces_BCHW)

    def within(limit: float) -> Tensor:
        return (torch.rand(n_faces, generator=generator) * 2 - 1) * limit

    zoom, mirror = 1 + within(MAX_ZOOM), torch.sign(within(1.0))
    zero = torch.zeros(n_faces)
    map_x = torch.stack([zoom * mirror, zero, within(MAX_SHIFT)], dim=1)
    map_y = torch.stack([zero, zoom, within(MAX_SHIFT)], dim=1)
    grid = functional.affine_grid(torch.stack([map_x, map_y], dim=1), list(faces_BCHW.shape), align_corners=False)
    moved = functional.grid_sample(faces_BCHW, grid, padding_mode="border", align_corners=False)
    return moved * (1 + within(MAX_CONTRAST)).view(-1, 1, 1, 1) + within(MAX_BRIGHTNESS).view(-1, 1, 1, 1)


def _accuracy(classifier: nn.Module, images: FramesRGB, labels_N: Tensor) -> float | None:
    if not len(images):
        return None
    n_right = 0
    with torch.inference_mode():
        for first in range(0, len(images), JUDGED_AT_ONCE):
            faces_BCHW = _placed(preprocess(images[first : first + JUDGED_AT_ONCE]), labels_N)
            guesses = classifier(faces_BCHW).argmax(dim=1)
            n_right += int((guesses == labels_N[first : first + JUDGED_AT_ONCE]).sum())
    return n_right / len(images)


def _placed(faces_BCHW: Tensor, like: Tensor) -> Tensor:
    """On the device of ``like``, in the memory order that trains fastest."""
    return faces_BCHW.to(like.device, memory_format=torch.channels_last)
