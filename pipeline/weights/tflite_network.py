"""Run a network stored in TensorFlow Lite's format, by LiteRT."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.errors import BadInput

_STDERR = 2


class TfliteNetwork:
    """A network of one input; computes on one thread, so that its results and its cost are the same in every run."""

    def __init__(self, content: bytes, outputs: Sequence[str], what: str) -> None:
        """Load the file ``content``; ``outputs`` are the names of its outputs, ``what`` names it in messages.

        Raises BadInput for what LiteRT can't read. The file's structure is not checked: use bytes of a known sha256
        only.
        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            with _without_notices():
                self._network = Interpreter(model_content=content, num_threads=1)
                self._network.allocate_tensors()
        except ValueError as error:
            raise BadInput(f"{what}: expected a network in TensorFlow Lite's format: {error}") from None
        places = {one["name"]: one["index"] for one in self._network.get_output_details()}
        missing = sorted(set(outputs) - places.keys())
        if missing:
            raise BadInput(f"{what}: expected a network with the output '{missing[0]}', found none")
        self._outputs, self._what = [places[name] for name in outputs], what
        of_input = self._network.get_input_details()[0]
        self._input, self._shape = of_input["index"], tuple(of_input["shape"])

    def run(self, picture: NDArray[np.float32], sizes: Sequence[int]) -> list[NDArray[np.float32]]:
        """Return the outputs, each flat, float32, for one (1, H, W, C) float32 input.

        Raises BadInput when they have not ``sizes`` numbers.
        """
        if picture.shape != self._shape:
            self._network.resize_tensor_input(self._input, picture.shape)
            self._network.allocate_tensors()
            self._shape = picture.shape
        self._network.set_tensor(self._input, picture)
        self._network.invoke()
        found = [self._network.get_tensor(one).reshape(-1) for one in self._outputs]
        if [one.size for one in found] != list(sizes):
            raise BadInput(
                f"{self._what}: expected outputs of {list(sizes)} numbers, found {[one.size for one in found]}"
            )
        return found


@contextmanager
def _without_notices() -> Iterator[None]:
    """Leave out what is written to the standard error: LiteRT states there, unasked, how it will compute.

    Errors are raised as exceptions all the same.
    """
    before, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(before, _STDERR)
        os.close(before)
        os.close(nowhere)
