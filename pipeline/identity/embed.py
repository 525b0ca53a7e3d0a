"""Identity labels of cropped faces, with the same bits whatever the company a face is embedded in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.arrays import ImageRGB
from pipeline.identity.checkpoint import load_label_network
from pipeline.identity.resnet import LabelNetwork, preprocess


@contextmanager
def single_thread() -> Iterator[None]:
    """Compute on one thread inside, as before outside: sums split over threads end in other last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Embedder:
    """The label network of ``checkpoint``, loaded at the first use in each process; pickles as its path."""

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint

    def __reduce__(self) -> tuple[type["Embedder"], tuple[Path]]:
        return Embedder, (self.checkpoint,)

    @cached_property
    def network(self) -> LabelNetwork:
        """The network in evaluation mode."""
        return load_label_network(self.checkpoint).eval()

    def embed(self, faces: Sequence[ImageRGB]) -> NDArray[np.float32]:
        """Return (N, D) float32 features >= 0, not normalised, of N square RGB faces (the 256 px crops).

        The network sees one face at a time. A batch of 16 picks other kernels than one of 8, which changes
        the last bits; a batch of one always picks the same, wastes nothing on padding, and at width 1 it is
        no slower on one thread (111 ms a face; 133 ms a face in a batch of 16).
        """
        features = np.empty((len(faces), self.network.feature_size), dtype=np.float32)
        with single_thread(), torch.inference_mode():
            for row, face in enumerate(faces):
                features[row] = self.network(preprocess(face[None]))[0].numpy()
        return features
