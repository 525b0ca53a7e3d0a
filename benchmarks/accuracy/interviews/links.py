"""Link the tracks of generated interviews to subjects: by truth, or by the network with limits for generated faces."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from benchmarks.accuracy.interviews.faces import FaceAxes
from benchmarks.accuracy.interviews.truth import NOBODY, Interview, people_of_tracks
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table
from pipeline.core.records.subject import TrackEmbedding, VoiceEmbedding
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.vectors import mean_direction
from pipeline.identity.subjects.clips import DatasetSubjects, Embedded
from pipeline.identity.subjects.settings import SubjectsParams

TRUE_NETWORK = "truth"
TRUE_LIMIT = 0.5  # between embeddings of one person, 1, and of two, 0
# Of two tracks of one talker 98 % are more alike; chosen on the interviews of seeds 101 to 104, 90 s each.
NETWORK_LIMIT = 0.75

TracksOf = Callable[[str], list[TrackEmbedding]]
"""Returns the embeddings of the tracks of a clip, by id."""


def relink(dataset: str, tracks_of: TracksOf, limit: float, at: Layout) -> None:
    """Link the tracks of every clip anew by these embeddings, and decide again who speaks when.

    The stages up to subjects have run in ``at``.
    """
    params = load_params(SubjectsParams, "subjects", at.params).model_copy(update={"same_subject_above": limit})
    voices = ClipRows(at.voice_embeddings(dataset), VoiceEmbedding)

    def embedded_of(clip_id: str) -> Embedded:
        return Embedded(tracks_of(clip_id), from_table(VoiceEmbedding, voices.of(clip_id)))

    DatasetSubjects(dataset, embedded_of, params, at).write([])


def linked_by_truth(dataset: str, interviews: Mapping[str, Interview], at: Layout) -> None:
    """Link the tracks of every clip, whose truth is in ``interviews`` by id, by whom they show."""
    frames = ClipRows(at.frames(dataset), Frame)

    def tracks_of(clip_id: str) -> list[TrackEmbedding]:
        people = people_of_tracks(from_table(Frame, frames.of(clip_id)), interviews[clip_id])
        return true_embeddings(clip_id, people)

    relink(dataset, tracks_of, TRUE_LIMIT, at)


def linked_by_network(dataset: str, axes: FaceAxes, at: Layout) -> None:
    """Link the tracks of every clip by the embeddings of the stage subjects, along ``axes``."""
    tracks = ClipRows(at.track_embeddings(dataset), TrackEmbedding)

    def tracks_of(clip_id: str) -> list[TrackEmbedding]:
        rows = from_table(TrackEmbedding, tracks.of(clip_id))
        moved = axes(np.stack([row.embedding for row in rows]).astype(np.float64)) if rows else ()
        return [replace(row, embedding=vector) for row, vector in zip(rows, moved, strict=True)]

    relink(dataset, tracks_of, NETWORK_LIMIT, at)


def true_embeddings(clip_id: str, people: Mapping[str, Mapping[int, int]]) -> list[TrackEmbedding]:
    """Return an embedding of each track, by id, with an axis for each person that it shows; of nobody: none.

    ``people``: in how many frames a track shows whom, as of ``people_of_tracks``.
    """
    n_people = 1 + max((person for counts in people.values() for person in counts), default=-1)
    rows = []
    for track_id, counts in sorted(people.items()):
        seen = [person for person, n in counts.items() for _ in range(n) if person != NOBODY]
        found = mean_direction(np.eye(n_people)[np.array(seen, int)])
        if found is not None:
            rows.append(
                TrackEmbedding(
                    track_id=track_id,
                    clip_id=clip_id,
                    network=TRUE_NETWORK,
                    n_faces=len(seen),
                    spherical_variance=found[1],
                    embedding=found[0],
                )
            )
    return rows
