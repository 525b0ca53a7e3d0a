"""Cap, pair and count what all stages gave, audit the split, and print the paper's Table 1 for this run."""

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.base.layout import Layout
from pipeline.base.params import load_params, read_section
from pipeline.dataset.build import Dataset, DatasetParams, audit_split, build
from pipeline.dataset.table1 import count, render, totals
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


def main(at: Layout = Layout()) -> None:
    """Run the stage for all datasets listed in params.yaml."""
    params = load_params(DatasetParams, "dataset", at.params)
    names = read_section("datasets", at.params)
    clip_persons = {clip_person.clip_id: clip_person for clip_person in read_manifest(at.clip_persons, ClipPerson)}
    faces = [face for name in names for face in _faces(name, at, clip_persons)]
    segments = [segment for name in names for segment in read_segments(name, at, clip_persons)]
    built = build(clip_persons.values(), faces, segments, params)
    audit_split(built.identities)
    _write(built, at)
    counts = count(built.identities, names)
    write_text(
        at.stats, json.dumps({**counts, "total": {**totals(counts), "pairs": len(built.pairs)}}, indent=2) + "\n"
    )
    print(f"\nTable 1 of this run, {len(built.pairs):,} pairs:\n{render(counts)}\n")


def _faces(dataset: str, at: Layout, clip_persons: dict[str, ClipPerson]) -> Iterator[DatasetFace]:
    """Yield the faces of one dataset, each with its owner and the shard where its picture stands."""
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


def read_segments(dataset: str, at: Layout, clip_persons: dict[str, ClipPerson]) -> Iterator[DatasetSegment]:
    """Yield the segments of one dataset, each with its owner, its clip's main face and where its log-mel stands."""
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


def _name(path: Path, at: Layout) -> str:
    return path.relative_to(at.root).as_posix()


def _write(built: Dataset, at: Layout) -> None:
    write_manifest(at.dataset("identities"), Identity, built.identities)
    write_manifest(at.dataset("faces"), DatasetFace, built.faces)
    write_manifest(at.dataset("audio"), DatasetSegment, built.segments)
    write_manifest(at.dataset("pairs"), Pair, built.pairs)
    ends = [ledger_row("dataset", item_id, dropped) for item_id, dropped in [*built.ends, *built.segment_ends]]
    write_manifest(at.ledger("dataset"), LedgerRow, ends)
