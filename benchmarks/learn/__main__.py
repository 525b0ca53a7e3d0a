"""Measure whether the generator learns faces from voices, on talkers five of whose traits shape both.

Run as ``make learn``, or ``python -m benchmarks.learn``; ``--quick`` runs every step in a minute and learns nothing.
The project's own trainings train, on the talkers of benchmarks/learn/learn.yaml, a face recognition network, a voice
network, and three generators: the full model, ``base``, which uses no voice, and the full model with each person's
voice exchanged for another's. They are evaluated on persons held out from all trainings:

- the distance of inpainted and true face, by L1 inside the mask and by face recognition networks (the one trained here,
  and MobileFaceNet where its weights are available): the full model against ``base``;
- whether the traits inside the mask follow the voice, when a face is inpainted by another person's.

Traits are read from pictures by regression (benchmarks/learn/trait_regressor.py), which is evaluated first. Two
processes train side by side, on the device of FACEVOX_DEVICE.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from benchmarks.accuracy.figures import Figure, print_and_exit
from benchmarks.learn.compare import (
    InpaintedFaces,
    SwapEffect,
    draw_swaps,
    estimate,
    identity_distances,
    inpaint_held_out,
    load_recognisers,
    masked_errors,
    measure_swap_effect,
    probe_voices,
    read_inpainted_faces,
    released_mask,
)
from benchmarks.learn.data import Talkers, flat, make_talkers, open_talkers
from benchmarks.learn.params import LearnParams, read_learn_params
from benchmarks.learn.ridge import Reals
from benchmarks.learn.train import (
    BASE,
    FULL,
    SHUFFLED,
    ComparedGenerator,
    train_audio_face_decoder,
    train_compared_generator,
    train_recognition,
    train_voice_network,
)
from benchmarks.learn.trait_regressor import TraitRegressor, fit_trait_regressor, ordered_shares, visible_traits
from model.evaluation.metrics.intervals import Estimate
from model.evaluation.picture_table import draw_table, masked
from model.inference.marked_pictures import write_marked
from pipeline.synthetic.script.traits import VOICE_TRAITS

GENERATORS = (FULL, BASE, SHUFFLED)
MIN_ORDERED, MIN_FOLLOWING = 95.0, 80.0
MAX_FROM_CHANCE = 10.0  # of 50 % of cases
N_PICTURED = 6


def main() -> None:
    """Train, evaluate, and print the figures; fail when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two steps of every training, on ten persons")
    parser.add_argument(
        "--picture", type=Path, default=Path("build/learn.png"), help="where to write a picture of inpainted faces"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _two_processes() as workers:
        figures = run_experiment(read_learn_params(quick=options.quick), Path(folder), workers, options.picture)
    print_and_exit(figures)


def run_experiment(params: LearnParams, folder: Path, workers: Executor, picture: Path) -> list[Figure]:
    """Run the whole experiment in ``folder``, write its ``picture``, and return the figures."""
    log = _TimedLog()
    make_talkers(params.talkers, params.audio, folder, workers)
    log.line(f"{params.talkers.n_train} training persons, {params.talkers.n_held_out} held out")
    train_all(params, folder, workers, log)
    return evaluate(params, folder, picture, log)


def train_all(params: LearnParams, folder: Path, workers: Executor, log: "_TimedLog") -> None:
    """Train all networks, and inpaint the held-out persons by the generators.

    Each task starts once its inputs are ready, in an order in which both processes end at about the same time.
    """

    def start(task: Callable[..., str], *generator: ComparedGenerator) -> Future[str]:
        return workers.submit(task, *generator, params, folder)

    recognition, voice = start(train_recognition), start(train_voice_network)
    base = start(train_compared_generator, BASE)
    log.line(voice.result())
    audio_face, shuffled_audio_face = (start(train_audio_face_decoder, generator) for generator in (FULL, SHUFFLED))
    log.results([recognition, audio_face])
    full = start(train_compared_generator, FULL)
    log.line(shuffled_audio_face.result())
    log.results([base, full, start(train_compared_generator, SHUFFLED)])
    log.results([start(inpaint_held_out, generator) for generator in GENERATORS])


def evaluate(params: LearnParams, folder: Path, picture: Path, log: "_TimedLog") -> list[Figure]:
    """Measure the inpainted faces, and return the figures."""
    train, talkers = open_talkers(params.talkers, folder)
    traits = np.repeat(visible_traits(train.voice_traits), train.faces.shape[1], axis=0)
    regressor = fit_trait_regressor(flat(train.faces), traits)
    inpainted_faces = {generator: read_inpainted_faces(generator, folder) for generator in GENERATORS}
    _draw(inpainted_faces, talkers, params, picture)
    log.line(f"inpainted faces of held-out persons are in {picture}")
    _print_probe(probe_voices(params, folder))
    effects = {
        generator: measure_swap_effect(inpainted_faces[generator], talkers, regressor, params.evaluation)
        for generator in GENERATORS
    }
    for generator in GENERATORS:
        _print_effect(generator, effects[generator])
    return [
        *_regressor_figures(regressor, talkers, params),
        *_distance_figures(inpainted_faces, talkers, params, folder),
        *_effect_figures(effects),
    ]


def _regressor_figures(regressor: TraitRegressor, talkers: Talkers, params: LearnParams) -> Iterator[Figure]:
    readings = regressor.read(flat(talkers.faces)).reshape(*talkers.faces.shape[:2], len(VOICE_TRAITS))
    ordered = ordered_shares(readings, visible_traits(talkers.voice_traits), params.evaluation.ordering_min_difference)
    for name, pairs in zip(VOICE_TRAITS, ordered, strict=True):
        difference = params.evaluation.ordering_min_difference
        title = f"regressor: {pairs.n_pairs} pairs {difference:g} apart in {name} put in order"
        yield Figure(title, 100 * pairs.share, MIN_ORDERED, True, "%")


def _distance_figures(
    inpainted_faces: dict[ComparedGenerator, InpaintedFaces], talkers: Talkers, params: LearnParams, folder: Path
) -> Iterator[Figure]:
    mask = released_mask(params)
    full, base = (masked_errors(inpainted_faces[generator].own, talkers, mask) for generator in (FULL, BASE))
    yield _gain_figure("L1 in the mask, grey levels", full, base, talkers, params)
    for name, recogniser in load_recognisers(folder).items():
        full, base = (
            identity_distances(inpainted_faces[generator].own, talkers, recogniser) for generator in (FULL, BASE)
        )
        yield _gain_figure(f"identity distance, 1 - cosine by {name}", full, base, talkers, params)


def _gain_figure(metric: str, full: Reals, base: Reals, talkers: Talkers, params: LearnParams) -> Figure:
    """Print both means, and return the low end of the gain of the full model, over pairs of the same face."""
    compared = {"full": full, "base": base, "base - full": base - full}
    means = {name: estimate(values, talkers.face_persons, params.evaluation) for name, values in compared.items()}
    for name, mean in means.items():
        print(f"{metric}, {name}: {_format(mean)}")
    low = means["base - full"].low
    return Figure(f"{metric}: base - full, low end", float("nan") if low is None else low, 0.0, True)


def _effect_figures(effects: dict[ComparedGenerator, SwapEffect]) -> Iterator[Figure]:
    share = {generator: 100 * effects[generator].share.value for generator in GENERATORS}
    yield Figure("cases that follow the voice, full", share[FULL], MIN_FOLLOWING, True, "%")
    for generator in (BASE, SHUFFLED):
        from_chance = abs(share[generator] - 50)
        yield Figure(
            f"cases that follow the voice, {generator.name}: from 50 %", from_chance, MAX_FROM_CHANCE, False, "%"
        )


def _print_probe(explained_variance: dict[str, float]) -> None:
    shares = ", ".join(f"{name} {share:.2f}" for name, share in explained_variance.items())
    print(f"share of variance (R^2) that a linear probe explains from held-out voices: {shares}")


def _print_effect(generator: ComparedGenerator, effect: SwapEffect) -> None:
    print(f"{generator.name}: {_format(effect.share, 100)} % of cases follow the voice; by trait, with slope:")
    for name in VOICE_TRAITS:
        share, n_cases = effect.trait_shares[name], effect.n_cases[name]
        print(f"  {name:10} {100 * share:6.1f} % of {n_cases:4d} {effect.slopes[name]:7.3f}")


def _format(estimated: Estimate, scale: float = 1.0) -> str:
    if estimated.low is None or estimated.high is None:
        return f"{scale * estimated.value:.3f}"
    return f"{scale * estimated.value:.3f} ({scale * estimated.low:.3f} to {scale * estimated.high:.3f})"


def _draw(
    inpainted_faces: dict[ComparedGenerator, InpaintedFaces], talkers: Talkers, params: LearnParams, picture: Path
) -> None:
    """Draw some held-out persons, inpainted by each generator by their own voice, and by the full model by another."""
    mask, n_faces = released_mask(params), talkers.faces.shape[1]
    swaps = draw_swaps(len(talkers.traits), params.evaluation)
    rows = []
    for person in range(min(N_PICTURED, len(talkers.traits))):
        true = talkers.faces[person, 0]
        swap = int(np.flatnonzero(swaps.face == person)[0])
        rows.append(
            [
                true,
                masked(true, mask),
                *(inpainted_faces[generator].own[person * n_faces] for generator in GENERATORS),
                inpainted_faces[FULL].swapped[swap],
                talkers.faces[swaps.voice[swap], 0],
            ]
        )
    names = [generator.name for generator in GENERATORS]
    heads = ["true", "masked", *names, "full, other's voice", "that voice's person"]
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_marked(draw_table(heads, rows), picture)


class _TimedLog:
    """Prints lines with the minutes since its construction."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def line(self, text: str) -> None:
        """Print one line."""
        print(f"after {(time.monotonic() - self._start) / 60:.1f} min: {text}", flush=True)

    def results(self, futures: list[Future[str]]) -> None:
        """Print the message of each task when it ends; raises what it raised."""
        for future in as_completed(futures):
            self.line(future.result())


@contextmanager
def _two_processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield pool


if __name__ == "__main__":
    main()
