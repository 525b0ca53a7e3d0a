"""Measure the training of the generator at the paper's width: python -m benchmarks.speed.training.

Eager single precision against the tuned settings (bfloat16, channels last, torch.compile, fused Adam), and the share of
time spent waiting for data. On a GPU also peak memory and a sweep of batch sizes.
"""

import os
import sys
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.timing import seconds
from model.data.split import DatasetSplit
from model.networks.voice import VoiceNetwork
from model.settings import MaskParams, ModelParams, TrainParams
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess
from model.training.run_settings import read_run_settings
from model.training.tasks.inpainting import GeneratorTrainingParams, StartNetworks, train_generator
from pipeline.core.base.params import PARAMS_FILE, read_section
from pipeline.identity.network.resnet import FaceRecognitionNetwork

PAPER_WIDTH, PAPER_BATCH = 64, 4
N_PERSONS, N_FACES = 8, 32
N_MELS, N_FRAMES = 64, 1000
FACE_PX = 256
GPU_BATCHES = (4, 8, 16, 32, 64)
N_STEPS = {"cpu": (1, 3), "cuda": (20, 80)}
"""Of a short training and a long one: their difference in time is that of steps alone, without start-up."""
LIGHT = {"precision": "bfloat16", "channels_last": True, "fused": True}
TUNED = {**LIGHT, "compile": True}
MAX_WAITED_SHARE, MIN_GPU_GAIN = 0.05, 2.5
BYTES_PER_GB = 10**9


class Speed(NamedTuple):
    """The speed of a training."""

    images_per_s: float
    waited_share: float


def measure_training() -> None:
    """Print images a second, and on a GPU memory."""
    settings = read_run_settings()
    process = TrainingProcess(device=settings.device, n_loader_workers=settings.n_loader_workers)
    kind = process.device.type
    name = torch.cuda.get_device_name(process.device) if kind == "cuda" else "one core"
    print(f"\ntraining the generator, width {PAPER_WIDTH}, all losses, face recognition network of full width, {name}")
    eager = _measure(process, PAPER_BATCH, {})
    _print_speed(f"eager float32, batch {PAPER_BATCH}", eager)
    light = _measure(process, PAPER_BATCH, LIGHT)
    _print_speed(
        f"tuned, not compiled, batch {PAPER_BATCH}", light, f", {light.images_per_s / eager.images_per_s:.2f} x eager"
    )
    tuned = _measure(process, PAPER_BATCH, TUNED)
    target = f" (target >= {MIN_GPU_GAIN})" if kind == "cuda" else ""
    _print_speed(
        f"tuned, batch {PAPER_BATCH}", tuned, f", {tuned.images_per_s / eager.images_per_s:.2f} x eager{target}"
    )
    if kind == "cuda":
        for batch in GPU_BATCHES:
            torch.cuda.reset_peak_memory_stats()
            speed = _measure(process, batch, TUNED)
            peak_gb = torch.cuda.max_memory_allocated() / BYTES_PER_GB
            _print_speed(f"tuned, batch {batch}", speed, f", {peak_gb:.1f} GB at most")


def _print_speed(name: str, speed: Speed, suffix: str = "") -> None:
    waited = f"waiting for data {speed.waited_share:.1%} of the time (target <= {MAX_WAITED_SHARE:.0%})"
    print(f"  {name:35} {speed.images_per_s:7.2f} images/s, {waited}{suffix}", flush=True)


def _measure(process: TrainingProcess, batch: int, changes: dict[str, object]) -> Speed:
    """Return the speed of the steps by which a long training exceeds a short one."""
    data = random_split()
    networks = StartNetworks(
        recognition=FaceRecognitionNetwork(1.0).eval(), voice=VoiceNetwork(N_MELS, PAPER_WIDTH).eval()
    )
    model = ModelParams(width=PAPER_WIDTH, variant="full", avff_gain=1.0)
    mask = MaskParams(kind="rectangle_released", size_px=FACE_PX // 2, image=None)
    section = read_section("train", PARAMS_FILE)

    def train(n_steps: int) -> tuple[float, float]:
        params = TrainParams(**{**section, **changes, "batch": batch, "steps": n_steps})
        quiet = params.model_copy(update={"report_every": n_steps, "sample_every": n_steps})
        all_params = GeneratorTrainingParams(model=model, mask=mask, train=quiet)
        context = TrainingContext(process=process, log=lambda _: None)
        _, result = train_generator(data, networks, all_params, context)
        return result.seconds, result.waited_share * result.seconds

    short, long = N_STEPS[process.device.type]
    train(short)  # compiles, loads kernels
    (short_s, short_waited_s), (long_s, long_waited_s) = train(short), train(long)
    return Speed(
        images_per_s=(long - short) * batch / (long_s - short_s),
        waited_share=max(0.0, long_waited_s - short_waited_s) / (long_s - short_s),
    )


def random_split() -> DatasetSplit:
    """Return faces and log-mels of noise: as costly as real ones, except for decoding PNG."""
    draw = np.random.default_rng(0)
    persons = [f"person_{number % N_PERSONS}" for number in range(N_FACES)]
    return DatasetSplit.from_arrays(
        faces=draw.integers(0, 256, (N_FACES, FACE_PX, FACE_PX, 3), np.uint8),
        face_persons=persons,
        labels=draw.normal(size=(N_FACES, FaceRecognitionNetwork(1.0).feature_size)).astype(np.float32),
        log_mels=draw.normal(size=(N_FACES, N_MELS, N_FRAMES)).astype(np.float32),
        segment_persons=persons,
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(f"whole measurement: {seconds(measure_training):.0f} s", file=sys.stderr)
