"""Compare a training step with one written the released way, in turn, at the paper's width on a processor.

    python -m benchmarks.speed.training_step [--steps 8] [--threads 2]

Both load a batch of four, compute the released code's losses and update both networks, in float32. Prints the seconds
of each step and the median of the ratios of pairs; the first pair, which warms up, is left out.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from benchmarks.gpu.data import generated_split
from benchmarks.gpu.networks import Trainings, start_networks
from benchmarks.gpu.released import FloatSamples
from benchmarks.gpu.scale import ON_PROCESSOR
from benchmarks.gpu.training import VARIANTS, released_step
from benchmarks.timing import seconds
from model.training.distributed import TrainingProcess
from model.training.placement import batch_to_device

BATCH = 4


def main() -> None:
    """Print each pair's seconds, and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8, help="pairs of steps")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    scale = replace(ON_PROCESSOR, n_persons=2, faces_of_person=2)
    process = TrainingProcess(device=torch.device("cpu"), n_loader_workers=0)
    trainings = Trainings(data=generated_split(scale), networks=start_networks(scale), process=process, scale=scale)
    params = trainings.params(BATCH, VARIANTS["eager"])
    task, released = trainings.task(params), released_step(trainings)
    float_samples = FloatSamples(task.samples)
    ways: dict[str, Callable[[int], object]] = {
        "released": lambda step: released.step(released.move(float_samples.load(_numbers(step)))),
        "facevox": lambda step: task.step(
            step + 1, batch_to_device(task.samples.load(_numbers(step)), params.train, process)
        ),
    }
    pairs = []
    for step in range(options.steps + 1):
        pairs.append({name: seconds(partial(take, step)) for name, take in ways.items()})
        print(", ".join(f"{name} {taken_s:.2f} s" for name, taken_s in pairs[-1].items()), flush=True)
    ratios = sorted(pair["released"] / pair["facevox"] for pair in pairs[1:])
    speed = {name: BATCH / statistics.median(pair[name] for pair in pairs[1:]) for name in ways}
    print(", ".join(f"{name} {images_per_s:.2f} images/s" for name, images_per_s in speed.items()))
    print(f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f}, n = {len(ratios)})")


def _numbers(step: int) -> range:
    return range(BATCH * step, BATCH * (step + 1))


if __name__ == "__main__":
    main()
