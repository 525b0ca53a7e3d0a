"""Link the tracks of generated interviews by truth or by the network, and decide again who speaks when.

Generated people have axes and limits of their own, chosen on the interviews of seeds 101 to 104, 90 s each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from benchmarks.accuracy.interviews.axes import Axes
from benchmarks.accuracy.interviews.truth import NOBODY, Interview, people_of_tracks, shows_most
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import from_table
from pipeline.core.records.subject import StretchSound, TrackEmbedding, VoiceEmbedding
from pipeline.core.records.track import ActiveSpeaker
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.identity.subjects.clips import DatasetSubjects, Embedded
from pipeline.identity.subjects.settings import SubjectsParams

TRUE_NETWORK = "truth"
TRUE_LIMIT = 0.5  # between embeddings of one person, 1, and of two, 0
# Tracks of these seeds are linked alike from 0.55 to 0.75.
FACE_LIMITS = {"same_subject_above": 0.65}
VOICE_LIMITS = {"same_voice_above": 0.5, "voice_cosine": 0.5, "voice_log_odds": 5.0}

_Embedding = TypeVar("_Embedding", TrackEmbedding, VoiceEmbedding)


@dataclass(frozen=True, slots=True)
class OwnAxes:
    """The axes of generated people: of their faces and of their voices."""

    faces: Axes
    voices: Axes


def relink(dataset: str, truths: Mapping[str, Interview] | None, axes: OwnAxes | None, at: Layout) -> None:
    """Link the tracks of every clip anew, and decide again who speaks when; the stages up to subjects have run.

    ``truths``: the truth of each clip, by id, for links by truth; None: by the embeddings of the stage. ``axes``:
    along which embeddings are compared, with limits of their own; None: as the stage does.
    """
    params = load_params(SubjectsParams, "subjects", at.params)
    limits: dict[str, float] = {}
    if axes is not None:
        limits |= FACE_LIMITS | VOICE_LIMITS
    if truths is not None:
        limits["same_subject_above"] = TRUE_LIMIT
    tracks = ClipRows(at.track_embeddings(dataset), TrackEmbedding)
    voices = ClipRows(at.voice_embeddings(dataset), VoiceEmbedding)
    sounds = ClipRows(at.stretch_sounds(dataset), StretchSound)
    active = ClipRows(at.active_speakers(dataset), ActiveSpeaker)
    frames = ClipRows(at.frames(dataset), Frame)

    def embedded_of(clip_id: str) -> Embedded:
        of_voices = from_table(VoiceEmbedding, voices.of(clip_id))
        if truths is not None:
            people = people_of_tracks(from_table(Frame, frames.of(clip_id)), truths[clip_id])
            of_tracks = true_embeddings(clip_id, people)
        else:
            of_tracks = from_table(TrackEmbedding, tracks.of(clip_id))
            of_tracks = of_tracks if axes is None else _along(axes.faces, of_tracks)
        return Embedded(
            tracks=of_tracks,
            voices=of_voices if axes is None else _along(axes.voices, of_voices),
            sounds=from_table(StretchSound, sounds.of(clip_id)),
            active=from_table(ActiveSpeaker, active.of(clip_id)),
        )

    DatasetSubjects(dataset, embedded_of, params.model_copy(update=limits), at).write([])


def _along(axes: Axes, rows: Sequence[_Embedding]) -> list[_Embedding]:
    """Return rows with their embeddings along ``axes``."""
    if not rows:
        return []
    moved = axes(np.stack([row.embedding for row in rows]).astype(np.float64))
    return [replace(row, embedding=vector) for row, vector in zip(rows, moved, strict=True)]


def true_embeddings(clip_id: str, people: Mapping[str, Mapping[int, int]]) -> list[TrackEmbedding]:
    """Return an embedding of each track, by id: the axis of the person that it shows most; of nobody: none.

    ``people``: in how many frames a track shows whom, as of ``people_of_tracks``.
    """
    shown = {track_id: shows_most(counts) for track_id, counts in people.items()}
    axes = np.eye(1 + max(shown.values(), default=NOBODY), dtype=np.float32)
    return [
        TrackEmbedding(
            track_id=track_id,
            clip_id=clip_id,
            network=TRUE_NETWORK,
            n_faces=sum(people[track_id].values()),
            spherical_variance=0.0,
            embedding=axes[person],
        )
        for track_id, person in sorted(shown.items())
        if person != NOBODY
    ]
