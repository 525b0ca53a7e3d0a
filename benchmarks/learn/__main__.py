"""See whether the generator learns faces from voices: on synthetic persons, five of whose traits drive both.

Run as ``make learn``, or ``python -m benchmarks.learn``; ``--quick`` goes through everything in a minute and learns
nothing. The project's own trainings make, from the persons of benchmarks/learn/learn.yaml, the face recognition network psi, the voice
network, and three generators: the full model, ``base``, which hears nothing, and the full model with each person's
voice exchanged for another's. They are judged on persons who were held out from everything:

- how far a inpainted face is from the true one inside the mask, and how far by psi, and by MobileFaceNet where its
  weights can be had: the full model against ``base``;
- whether the traits inside the mask follow the voice, when a face is inpainted by another person's.

Traits are read from pictures by a meter (benchmarks/learn/trait_meter.py), which is itself judged first. Two processes
train side by side; FACEVOX_DEVICE says on what.
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

from benchmarks.accuracy.figures import Figure, tell
from benchmarks.learn.compare import (
    InpaintedFaces,
    Moves,
    draw_swaps,
    estimate,
    identity_distances,
    inpaint_held_out,
    judges_of_identity,
    masked_errors,
    measure_moves,
    probe_voices,
    read_inpainted_faces,
    released_mask,
)
from benchmarks.learn.data import People, flat, make_people, open_people
from benchmarks.learn.params import LearnParams, read_learn_params
from benchmarks.learn.ridge import Reals
from benchmarks.learn.train import (
    BASE,
    FULL,
    SHUFFLED,
    Contestant,
    learn_audio_face,
    learn_recognition,
    learn_to_inpaint,
    learn_voice,
)
from benchmarks.learn.trait_meter import TraitMeter, fit_meter, order_shares, seen_traits
from model.evaluation.metrics.intervals import Estimate
from model.evaluation.picture_table import draw_table, masked
from model.inference.marked_pictures import write_marked
from pipeline.synthetic.script.traits import HEARD

CONTESTANTS = (FULL, BASE, SHUFFLED)
LEAST_ORDERED, LEAST_FOLLOWING = 95.0, 80.0
MOST_FROM_CHANCE = 10.0  # of 50 % of cases
N_SHOWN = 6


def main() -> None:
    """Train, judge, and print the figures; fail when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two steps of every training, on ten persons")
    parser.add_argument("--picture", type=Path, default=Path("build/learn.png"), help="where inpainted_faces are shown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _two_processes() as workers:
        figures = learn(read_learn_params(quick=options.quick), Path(folder), workers, options.picture)
    tell(figures)


def learn(params: LearnParams, folder: Path, workers: Executor, picture: Path) -> list[Figure]:
    """Do the whole experiment in ``folder``, draw its ``picture``, and return the figures."""
    told = _Clock()
    make_people(params.people, params.audio, folder, workers)
    told.line(f"{params.people.n_train} persons to learn from, {params.people.n_held_out} held out")
    train(params, folder, workers, told)
    return judge(params, folder, picture, told)


def train(params: LearnParams, folder: Path, workers: Executor, told: "_Clock") -> None:
    """Train everything, and let the generators inpaint the held-out persons.

    Each work starts once its inputs are there, in an order in which both processes end about together.
    """

    def start(work: Callable[..., str], *of: Contestant) -> Future[str]:
        return workers.submit(work, *of, params, folder)

    recognition, voice, base = start(learn_recognition), start(learn_voice), start(learn_to_inpaint, BASE)
    told.line(voice.result())
    audio_face, shuffled_audio_face = (start(learn_audio_face, one) for one in (FULL, SHUFFLED))
    told.lines([recognition, audio_face])
    full = start(learn_to_inpaint, FULL)
    told.line(shuffled_audio_face.result())
    told.lines([base, full, start(learn_to_inpaint, SHUFFLED)])
    told.lines([start(inpaint_held_out, one) for one in CONTESTANTS])


def judge(params: LearnParams, folder: Path, picture: Path, told: "_Clock") -> list[Figure]:
    """Measure what was inpainted, and return the figures."""
    known, people = open_people(params.people, folder)
    meter = fit_meter(flat(known.faces), np.repeat(seen_traits(known.heard), known.faces.shape[1], axis=0))
    inpainted_faces = {one: read_inpainted_faces(one, folder) for one in CONTESTANTS}
    _draw(inpainted_faces, people, params, picture)
    told.line(f"inpainted_faces of held-out persons are shown in {picture}")
    _tell_probe(probe_voices(params, folder))
    moves = {one: measure_moves(inpainted_faces[one], people, meter, params.judge) for one in CONTESTANTS}
    for one in CONTESTANTS:
        _tell_moves(one, moves[one])
    return [
        *_meter_figures(meter, people, params),
        *_distance_figures(inpainted_faces, people, params, folder),
        *_move_figures(moves),
    ]


def _meter_figures(meter: TraitMeter, people: People, params: LearnParams) -> Iterator[Figure]:
    readings = meter.read(flat(people.faces)).reshape(*people.faces.shape[:2], len(HEARD))
    ordered = order_shares(readings, seen_traits(people.heard), params.judge.meter_apart)
    for name, one in zip(HEARD, ordered, strict=True):
        about = f"meter: {one.n_pairs} pairs {params.judge.meter_apart:g} apart in {name} put in order"
        yield Figure(about, 100 * one.share, LEAST_ORDERED, True, "%")


def _distance_figures(
    inpainted_faces: dict[Contestant, InpaintedFaces], people: People, params: LearnParams, folder: Path
) -> Iterator[Figure]:
    mask = released_mask(params)
    full, base = (masked_errors(inpainted_faces[one].own, people, mask) for one in (FULL, BASE))
    yield _gain_figure("L1 in the mask, grey levels", full, base, people, params)
    for name, judge in judges_of_identity(folder).items():
        full, base = (identity_distances(inpainted_faces[one].own, people, judge) for one in (FULL, BASE))
        yield _gain_figure(f"identity distance, 1 - cosine by {name}", full, base, people, params)


def _gain_figure(what: str, full: Reals, base: Reals, people: People, params: LearnParams) -> Figure:
    """Print both means, and return by how much the full model is better at the least, with pairs of the same face."""
    compared = {"full": full, "base": base, "base - full": base - full}
    means = {name: estimate(values, people.face_persons, params.judge) for name, values in compared.items()}
    for name, mean in means.items():
        print(f"{what}, {name}: {_in_words(mean)}")
    low = means["base - full"].low
    return Figure(f"{what}: base - full, low end", float("nan") if low is None else low, 0.0, True)


def _move_figures(moves: dict[Contestant, Moves]) -> Iterator[Figure]:
    share = {one: 100 * moves[one].share.value for one in CONTESTANTS}
    yield Figure("cases that follow the voice, full", share[FULL], LEAST_FOLLOWING, True, "%")
    for one in (BASE, SHUFFLED):
        from_chance = abs(share[one] - 50)
        yield Figure(f"cases that follow the voice, {one.name}: from 50 %", from_chance, MOST_FROM_CHANCE, False, "%")


def _tell_probe(explained: dict[str, float]) -> None:
    told = ", ".join(f"{name} {share:.2f}" for name, share in explained.items())
    print(f"share of variance (R^2) that a linear probe reads from held-out voices: {told}")


def _tell_moves(one: Contestant, moves: Moves) -> None:
    print(f"{one.name}: {_in_words(moves.share, 100)} % of cases follow the voice; cases, and by how much of the way:")
    for name in HEARD:
        share, n_cases = moves.trait_shares[name], moves.n_cases[name]
        print(f"  {name:10} {100 * share:6.1f} % of {n_cases:4d} {moves.ways[name]:7.3f}")


def _in_words(one: Estimate, scale: float = 1.0) -> str:
    if one.low is None or one.high is None:
        return f"{scale * one.value:.3f}"
    return f"{scale * one.value:.3f} ({scale * one.low:.3f} to {scale * one.high:.3f})"


def _draw(
    inpainted_faces: dict[Contestant, InpaintedFaces], people: People, params: LearnParams, picture: Path
) -> None:
    """Show some held-out persons: by their own voice by each generator, and by others' by the full model."""
    mask, n_faces = released_mask(params), people.faces.shape[1]
    swaps = draw_swaps(len(people.traits), params.judge)
    rows = []
    for person in range(min(N_SHOWN, len(people.traits))):
        true = people.faces[person, 0]
        swap = int(np.flatnonzero(swaps.face == person)[0])
        rows.append(
            [
                true,
                masked(true, mask),
                *(inpainted_faces[one].own[person * n_faces] for one in CONTESTANTS),
                inpainted_faces[FULL].swapped[swap],
                people.faces[swaps.voice[swap], 0],
            ]
        )
    heads = ["true", "given", *(one.name for one in CONTESTANTS), "full, other's voice", "that voice's person"]
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_marked(draw_table(heads, rows), picture)


class _Clock:
    """Prints lines with the minutes since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def line(self, text: str) -> None:
        """Print one line."""
        print(f"after {(time.monotonic() - self._start) / 60:.1f} min: {text}", flush=True)

    def lines(self, ending: list[Future[str]]) -> None:
        """Print what each work returns when it has ended; raises what it raised."""
        for one in as_completed(ending):
            self.line(one.result())


@contextmanager
def _two_processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        yield pool


if __name__ == "__main__":
    main()
