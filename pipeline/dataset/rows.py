"""The rows of the dataset: read from all stages' manifests, and written as the dataset's own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.base.layout import Layout
from pipeline.dataset.build import Dataset
from pipeline.dataset.table1 import Counts, totals
from pipeline.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.records.face import Face, SelectedFace
from pipeline.records.label import Label
from pipeline.records.ledger import LedgerRow, ledger_row
from pipeline.records.person import ClipPerson
from pipeline.records.segment import Segment
from pipeline.records.track import Track
from pipeline.storage.atomic import write_text
from pipeline.storage.manifest import read_manifest, read_table, write_manifest
from pipeline.storage.shards import shard_paths


def read_faces(dataset: str, at: Layout, clip_persons: Mapping[str, ClipPerson]) -> Iterator[DatasetFace]:
    """Yield each face of one dataset with its person and the shard that holds its picture.

    ``clip_persons`` maps clip id to person; faces of clips that it lacks are skipped.
    """
    labelled = set(read_table(at.labels(dataset), Label, ["face_id"]).column("face_id").to_pylist())
    shards = {
        face_id: _name(path, at)
        for path in shard_paths(at.faces_folder(dataset))
        for face_id in read_table(path, Face, ["face_id"]).column("face_id").to_pylist()
    }
    for face in read_manifest(at.selected_faces(dataset), SelectedFace):
        clip_person = clip_persons.get(face.clip_id)
        if clip_person is not None:
            yield DatasetFace(
                face_id=face.face_id,
                dataset=dataset,
                person_id=clip_person.person_id,
                split=clip_person.split,
                clip_id=face.clip_id,
                sampled_by=face.sampled_by,
                is_standard=face.is_standard,
                is_labelled=face.face_id in labelled,
                shard=shards[face.face_id],
            )


def read_segments(dataset: str, at: Layout, clip_persons: Mapping[str, ClipPerson]) -> Iterator[DatasetSegment]:
    """Yield the segments of one dataset, each with its person, its clip's main track and the shard of its log-mel."""
    columns = ["segment_id", "clip_id", "voiced_s", "n_valid_frames", "face_seen_share"]
    main_tracks = {track.clip_id: track for track in read_manifest(at.tracks(dataset), Track) if track.is_main}
    for path in shard_paths(at.audio_folder(dataset)):
        for row in read_table(path, Segment, columns).to_pylist():
            clip_person = clip_persons.get(row["clip_id"])
            track = main_tracks.get(row["clip_id"])
            if clip_person is not None:
                yield DatasetSegment(
                    **row,
                    av_covered_s=track.av_covered_s if track else 0.0,
                    av_zscore=track.av_zscore if track else None,
                    dataset=dataset,
                    person_id=clip_person.person_id,
                    split=clip_person.split,
                    shard=_name(path, at),
                )


def write_dataset(built: Dataset, at: Layout) -> None:
    """Write the dataset's manifests and ledger."""
    write_manifest(at.dataset("identities"), Identity, built.identities)
    write_manifest(at.dataset("faces"), DatasetFace, built.faces)
    write_manifest(at.dataset("audio"), DatasetSegment, built.segments)
    write_manifest(at.dataset("pairs"), Pair, built.pairs)
    ends = [ledger_row("dataset", item_id, dropped) for item_id, dropped in [*built.ends, *built.segment_ends]]
    write_manifest(at.ledger("dataset"), LedgerRow, ends)


def write_stats(counts: Counts, pairs: Sequence[Pair], at: Layout) -> None:
    """Write the counts of Table 1, their totals and the number of pairs, JSON; the headlines are the last two."""
    headlines = {**totals(counts), "pairs": len(pairs)}
    write_text(at.stats, json.dumps({**counts, "total": headlines}, indent=2) + "\n")
    write_text(at.dataset_headlines, json.dumps(headlines, indent=2) + "\n")


def _name(path: Path, at: Layout) -> str:
    return path.relative_to(at.root).as_posix()
