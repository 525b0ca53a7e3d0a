"""The persons of all clips as they are held in memory, and the audit of several datasets."""

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.media import Media
from pipeline.core.records.person import TEST, TRAIN
from pipeline.core.records.subject import main_subject_id
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.persons.identities import main_subjects
from pipeline.identity.persons.persons import split_of
from pipeline.identity.persons.result import PersonsResult, audit_persons, decide_persons
from tests.identity.clips import clip, media
from tests.identity.persons.decided import NONE, PARAMS

CLIPS_PER_PERSON = 20
SIZE = 128


def decided(n_persons: int) -> PersonsResult:
    """Persons of 20 clips each, none of whom looks like another."""
    clips = (clip("set", f"p{n:05d}", f"p{n:05d}-{i:02d}") for n in range(n_persons) for i in range(CLIPS_PER_PERSON))
    return decide_persons(main_subjects(clips), _embeddings(n_persons), NONE, PARAMS)


def _embeddings(n_persons: int) -> Iterator[SubjectEmbedding]:
    for n in range(n_persons):
        face = np.random.default_rng(n).normal(size=SIZE).astype(np.float32)
        for i in range(CLIPS_PER_PERSON):
            clip_id = f"set/p{n:05d}-{i:02d}"
            yield SubjectEmbedding(
                subject_id=main_subject_id(clip_id),
                clip_id=clip_id,
                network="n",
                n_faces=1,
                spherical_variance=0.0,
                embedding=face,
            )


def held_and_peak_bytes(n_persons: int) -> tuple[int, int]:
    """Return what the result takes, and the most that Python objects and NumPy arrays took while it was decided."""
    gc.collect()  # what earlier tests left would be freed while this one measures
    arrow_bytes = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        result = decided(n_persons)
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
        assert len(result.subject_persons) == n_persons * CLIPS_PER_PERSON
        return held + pa.total_allocated_bytes() - arrow_bytes, peak
    finally:
        tracemalloc.stop()


def test_a_clip_takes_few_bytes_of_memory() -> None:
    decided(2)  # what is made once
    (held, peak), (held_of_more, peak_of_more) = held_and_peak_bytes(100), held_and_peak_bytes(500)
    n_more_clips = 400 * CLIPS_PER_PERSON
    assert (held_of_more - held) / n_more_clips < 200
    assert (peak_of_more - peak) / n_more_clips < 100


def test_values_of_several_datasets_are_those_of_their_clips(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    names = {side: next(n for n in map(str, range(99)) if split_of(n, 0.2, 1) == side) for side in (TRAIN, TEST)}
    # In the order of ids, all of 'a-b' are before all of 'a'.
    clips = {
        "a": [clip("a", names[TRAIN], "1"), clip("a", names[TRAIN], "3"), clip("a", names[TEST], "4")],
        "a-b": [clip("a-b", names[TEST], "1"), clip("a-b", names[TEST], "2"), clip("a-b", names[TEST], "5")],
    }
    contents = {"a/1": "one", "a/4": "four", "a-b/1": "a-b", "a-b/2": "one", "a-b/5": "five", "a-b/9": "of no clip"}
    for dataset, of_dataset in clips.items():
        write_manifest(at.clips(dataset), Clip, of_dataset)
        known = [
            clip(dataset, "", clip_id.partition("/")[2]) for clip_id in contents if clip_id.startswith(f"{dataset}/")
        ]
        write_manifest(at.media(dataset), Media, [media(one, contents[one.clip_id]) for one in known])
    result = decide_persons(main_subjects([*clips["a"], *clips["a-b"]]), [], NONE, PARAMS)
    audit = audit_persons(result, ["a", "a-b"], PARAMS, at)
    assert audit.leaks == [
        f"media content: a/1 of '{names[TRAIN]}' (train) and a-b/2 of '{names[TEST]}' (test) share one"
    ]
    seen = {check.what: (check.n_compared, check.n_unseen) for check in audit.checks}
    assert (seen["media content"], seen["source video"]) == ((4, 1), (6, 0))
