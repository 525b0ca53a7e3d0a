"""Measure how many pairs of real clips are right, by labels made by eye: person, voice, lips and split.

``python -m benchmarks.accuracy.real_pairs FOLDER...`` runs the stages download to dataset on the videos of the folders,
draws ``--n`` pairs, equally many of each person where there are so many, and prints the share in which all is right,
with the 95 % interval over persons, and the numbers of pairs an hour of footage gives. ``--at FOLDER`` keeps the run.

A face is right by ``labels/verified_faces.csv`` (see standard_faces.py), a segment if all of it is the voice of the
person whose face goes with it by ``labels/voices.csv``: file, from_s, to_s and person, the one who is seen and heard
there; empty: nobody seen, several at once, or no voice. A split is right if all of that person is in it. Pairs whose
face has no label are counted and left out.
"""

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.accuracy.pairs import MAX_OTHER_S, interval_over_persons, run_stages, segment_parts
from benchmarks.accuracy.standard_faces import LABELS, file_names, labelled_faces, link_videos
from benchmarks.accuracy.turns import DATASET
from pipeline.audio.segment import Interval, seconds_within
from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import DatasetSegment, Pair
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import read_table

PARTS = ("lips", "voice", "split")
SEED = 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of videos")
    parser.add_argument("--n", type=int, default=150, help="pairs to draw")
    parser.add_argument("--at", type=Path, help="a folder for the results, or one that has them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        at = Layout(options.at or Path(work))
        if not at.dataset("pairs").exists():
            run_stages(at, link_videos(options.folders, at), "one")
        print(report(judged_pairs(at, read_voices()), options.n, footage_s(at)))


def read_voices() -> pd.DataFrame:
    """Return the rows of ``labels/voices.csv``; ``person`` is empty where the voice is nobody's who is seen."""
    table: pd.DataFrame = pd.read_csv(LABELS / "voices.csv", dtype={"person": str}, keep_default_na=False)
    return table


def judged_pairs(at: Layout, voices: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each pair: its ids, the face's ``person``, ``is_labelled``, and whether each part is right."""
    faces = labelled_faces(at).set_index("face_id")
    kept = read_table(at.dataset("audio"), DatasetSegment, ["segment_id", "clip_id"]).to_pandas()
    files, parts_s = file_names(at), segment_parts(DATASET, at)
    heard = {
        segment_id: voice_in(voices[voices.file == files[clip_id]], parts_s[segment_id])
        for segment_id, clip_id in kept.itertuples(index=False, name=None)
    }
    columns = ["pair_id", "face_id", "segment_id", "split"]
    pairs: pd.DataFrame = read_table(at.dataset("pairs"), Pair, columns).to_pandas()
    of_face = faces.loc[pairs.face_id, ["person", "is_labelled", "is_right"]].reset_index(drop=True)
    pairs = pd.concat([pairs, of_face.rename(columns={"is_right": "lips"})], axis=1)
    pairs["voice"] = pairs.segment_id.map(heard) == pairs.person
    pairs["split"] = pairs.groupby("person").split.transform("nunique") == 1
    pairs["is_right"] = pairs[list(PARTS)].all(axis=1)
    return pairs


def voice_in(labels: pd.DataFrame, parts_s: Iterable[Interval]) -> str:
    """Return the person whose voice the parts are, but for MAX_OTHER_S; empty where there is none."""
    parts_s = list(parts_s)
    whole_s = sum(end_s - start_s for start_s, end_s in parts_s)
    for person in sorted(set(labels.person) - {""}):
        spans_s = labels[labels.person == person][["from_s", "to_s"]].itertuples(index=False, name=None)
        own_s = sum(seconds_within(from_s, to_s, parts_s) for from_s, to_s in spans_s)
        if whole_s - own_s <= MAX_OTHER_S:
            return str(person)
    return ""


def drawn_pairs(pairs: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return ``n`` pairs, or all there are: in turn one of each person, in an order drawn by ``SEED``."""
    mixed: pd.DataFrame = pairs.sort_values("pair_id").sample(frac=1, random_state=np.random.RandomState(SEED))
    turn = mixed.groupby("person").cumcount()
    return mixed.iloc[np.argsort(turn.to_numpy(), kind="stable")].head(n)


def footage_s(at: Layout) -> float:
    """Return the length of all videos that were fetched, seconds."""
    return float(sum(read_table(at.media(DATASET), Media, ["duration_s"])["duration_s"].to_pylist()))


def report(pairs: pd.DataFrame, n: int, duration_s: float) -> str:
    """Return the figures."""
    judged = pairs[pairs.is_labelled]
    lines = [
        f"{len(pairs)} pairs of {pairs.person.nunique()} persons in {duration_s:.0f} s of footage; "
        f"{len(pairs) - len(judged)} are left out, as their face has no label"
    ]
    for name, some in (("drawn", drawn_pairs(judged, n)), ("all", judged)):
        low, high = interval_over_persons([*zip(some.person, some.is_right, strict=True)])
        wrong = ", ".join(f"{part} {int((~some[part]).sum())}" for part in PARTS)
        lines.append(
            f"{name}: {int(some.is_right.sum())} of {len(some)} right, {100 * some.is_right.mean():.1f} % (95 % "
            f"interval over {some.person.nunique()} persons {100 * low:.1f} to {100 * high:.1f} %); wrong: {wrong}"
        )
    lines.append(f"right pairs for an hour of this footage: {3600 * judged.is_right.sum() / duration_s:.0f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
