"""Pairs of clips: what the stage persons merged of those of one person, and of others; its inputs, made up of faces."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.figures import Figure
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.media import Media
from pipeline.core.records.person import SubjectPerson
from pipeline.core.records.subject import Subject, Turn, VoiceEmbedding, main_subject_id
from pipeline.core.records.track import Fingerprint, Track
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.network.subject_embedding import embedding_of

TARGET_PRECISION, TARGET_RECALL = 99.0, 95.0


def one_embedding(clip_id: str, network: str, features: NDArray[np.float32]) -> SubjectEmbedding:
    found = embedding_of(main_subject_id(clip_id), network, features)
    assert isinstance(found, list)
    return found[0]


def grey_of(picture: ImageRGB) -> Any:
    import cv2

    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def a_clip(dataset: str, clip_id: str, identity: str) -> Clip:
    return Clip(
        clip_id=clip_id,
        dataset=dataset,
        identity=identity,
        address=clip_id,
        start_s=None,
        end_s=None,
        **NO_CROP,
        published_split="",
        range_fps=None,
        licence="",
        origin="benchmark",
        content_hash="",
    )


def write_faces_alone(at: Layout, dataset: str, clips: Sequence[Clip], embeddings: Sequence[SubjectEmbedding]) -> None:
    """Write what the stage persons reads of a dataset of which there are faces and nothing else."""
    write_manifest(at.clips(dataset), Clip, clips)
    write_manifest(at.subject_embeddings(dataset), SubjectEmbedding, embeddings)
    write_manifest(at.media(dataset), Media, [])
    write_manifest(at.subjects(dataset), Subject, [])
    write_manifest(at.voice_embeddings(dataset), VoiceEmbedding, [])
    write_manifest(at.fingerprints(dataset), Fingerprint, [])
    write_manifest(at.tracks(dataset), Track, [])
    write_manifest(at.turns(dataset), Turn, [])


def merging_figures(
    what: str, subject_persons: Iterable[SubjectPerson], truth: Mapping[str, str], names: Mapping[str, str]
) -> list[Figure]:
    """Return pairwise precision and recall of clips merged into one person, and the persons in both train and test.

    A dropped clip belongs to no person, so that its pairs are missed.
    """
    found = {subject_person.clip_id: subject_person for subject_person in subject_persons}
    predicted = {clip_id: found[clip_id].person_id if clip_id in found else clip_id for clip_id in truth}
    precision, recall = pairwise_precision_recall(predicted, truth)
    by_name = pairwise_precision_recall({clip_id: names[clip_id] for clip_id in truth}, truth)
    print(f"{what} by name alone: precision {by_name[0]:.1f} %, recall {by_name[1]:.1f} %")
    splits: dict[str, set[str]] = defaultdict(set)
    for clip_id, person in truth.items():
        if clip_id in found:
            splits[person].add(found[clip_id].split)
    both = sum(len(one) > 1 for one in splits.values())
    return [
        Figure(f"{what}: pairs of merged clips, precision", precision, TARGET_PRECISION, True, "%"),
        Figure(f"{what}: pairs of merged clips, recall", recall, TARGET_RECALL, True, "%"),
        Figure(f"{what} in train and test", both, 0, False),
    ]


def pairwise_precision_recall(predicted: Mapping[str, str], truth: Mapping[str, str]) -> tuple[float, float]:
    """Return pairwise precision and recall, percent, of ``predicted`` groups against the true ones."""
    merged = {pair for pair in combinations(sorted(truth), 2) if predicted[pair[0]] == predicted[pair[1]]}
    same = {pair for pair in combinations(sorted(truth), 2) if truth[pair[0]] == truth[pair[1]]}
    correct = len(merged & same)
    return 100 * correct / max(1, len(merged)), 100 * correct / max(1, len(same))
