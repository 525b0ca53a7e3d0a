"""The device on which networks train and run: the setting FACEVOX_DEVICE."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pipeline.core.base.errors import BadInput

if TYPE_CHECKING:
    import torch

DEVICE_VARIABLE = "FACEVOX_DEVICE"
Item = TypeVar("Item")
Result = TypeVar("Result")

GPU_BATCH = 32
"""Inputs that a network takes at once on a GPU."""


def device_name() -> str | None:
    """Return the setting, None where it is not set; raise BadInput for no device's name. Imports nothing heavy."""
    name = os.environ.get(DEVICE_VARIABLE) or None
    if name is not None and not re.fullmatch(r"cpu|cuda(:[0-9]{1,3})?", name):
        raise BadInput(f"{DEVICE_VARIABLE}={name}: expected cpu, cuda, or cuda:N for GPU N, from 0")
    return name


def read_device() -> "torch.device":
    """Return the device of the setting; by default the first GPU where torch finds one, else the processor.

    Raises BadInput for no device's name, and for a GPU that torch does not find.
    """
    name = device_name()
    import torch

    n_gpus = torch.cuda.device_count()
    if name is None:
        return torch.device("cuda" if n_gpus else "cpu")
    kind, _, number = name.partition(":")
    if kind == "cuda" and int(number or 0) >= n_gpus:
        found = f"{n_gpus or 'no'} {'GPU' if n_gpus == 1 else 'GPUs'}"
        raise BadInput(f"{DEVICE_VARIABLE}={name}: torch finds {found} here")
    return torch.device(name)


def usable_processors() -> int:
    """Return on how many processors this process may run."""
    return len(os.sched_getaffinity(0))


def inferred_in_threads(function: Callable[[Item], Result], items: Iterable[Item], n: int) -> list[Result]:
    """Return ``function`` of each item, of ``n`` at once, without gradients, each on the caller's threads of torch.

    Torch itself would have all threads wait for each other in each layer, which costs most where others compute too.
    """
    import torch

    def infer(item: Item) -> Result:
        with torch.inference_mode():  # which each thread enters for itself
            return function(item)

    if n == 1:
        return [infer(item) for item in items]
    with ThreadPoolExecutor(n) as threads:
        return list(threads.map(infer, items))


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a network computes embeddings: the name of a device, and how many threads of the processor.

    ``at_once``: how many inputs a processor takes at once, each on ``threads`` threads; it changes no bit.
    """

    device: str = "cpu"
    threads: int = 1
    at_once: int = 1

    @property
    def key(self) -> dict[str, str | int]:
        """What of it changes last bits: the kind of device, and the threads."""
        return {"device": self.device.partition(":")[0], "threads": self.threads}

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Compute without gradients on the threads within the block, and on a GPU in whole float32."""
        import torch

        from pipeline.core.base.torch_threads import torch_threads

        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch_threads(self.threads), torch.inference_mode(), exact:
            yield

    def compute(self, network: "Callable[..., torch.Tensor]", *inputs: "Sequence[torch.Tensor]") -> "torch.Tensor":
        """Return the results (N, ...) on the processor of ``network`` for N inputs; of several, each takes N.

        An item's result is the same bits whatever the others are and however many: on a processor the network takes
        one at a time, on a GPU always 32, the last ones filled up with the last. N is 1 or more.
        """
        import torch

        n_inputs = len(inputs[0])

        def compute_one(place: int) -> "torch.Tensor":
            return network(*(one[place][None] for one in inputs))

        if not self.device.startswith("cuda"):
            with self.inference():
                return torch.cat(inferred_in_threads(compute_one, range(n_inputs), self.at_once))
        results = []
        with self.inference():
            for first in range(0, n_inputs, GPU_BATCH):
                places = [min(place, n_inputs - 1) for place in range(first, first + GPU_BATCH)]
                batch = [torch.stack([one[place] for place in places]).to(self.device) for one in inputs]
                results.append(network(*batch)[: n_inputs - first].cpu())
        return torch.cat(results)
