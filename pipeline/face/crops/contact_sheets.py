"""Contact sheets of a dataset: its faces side by side, each with its id, angles, lips, lids and drop reason."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import decode_png, encode_png
from pipeline.core.base.layout import Layout
from pipeline.core.records.face import Face, SelectedFace
from pipeline.core.records.schema import from_table
from pipeline.core.storage.row_groups import rows_of_dataset, rows_of_ids
from pipeline.core.storage.shards import shard_of, shard_paths
from pipeline.face.crops.sheet import Tile, draw_sheet

_TILES_PER_SHEET = 60
_ROWS_PER_PART = 1 << 12  # as objects a few megabytes


def draw_sheets(dataset: str, out: Path, *, standard_only: bool, at: Layout = Layout()) -> list[Path]:
    """Write sheets of 60 faces in id order into ``out``; return their paths. Raises BadInput without faces."""
    tiles = _tiles(at, dataset, standard_only=standard_only)
    kind = "standard" if standard_only else "faces"
    paths: list[Path] = []
    while page := list(itertools.islice(tiles, _TILES_PER_SHEET)):
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{dataset}-{kind}-{len(paths):03d}.png"
        path.write_bytes(encode_png(draw_sheet(page)))
        paths.append(path)
    if not paths:
        raise BadInput(f"dataset '{dataset}' has no {'standard ' if standard_only else ''}faces to draw")
    return paths


def _tiles(at: Layout, dataset: str, *, standard_only: bool) -> Iterator[Tile]:
    """Yield a tile of each face that is in its clip's shard, in id order."""
    shards: list[Path] = []
    for clip_id, faces in itertools.groupby(_faces(at, dataset, standard_only), key=lambda face: face.clip_id):
        shards = shards or shard_paths(at.faces_folder(dataset))
        of_clip = {face.face_id: face for face in faces}
        shard = shards[shard_of(clip_id, len(shards))]
        for table in rows_of_ids(shard, Face, of_clip, ["face_id", "image"]):
            for row in table.to_pylist():
                yield _tile(of_clip[row["face_id"]], row["image"]["bytes"])


def _faces(at: Layout, dataset: str, standard_only: bool) -> Iterator[SelectedFace]:
    path = at.selected_faces
    for table in rows_of_dataset(path, SelectedFace, dataset):
        wanted = table.filter(table.column("is_standard")) if standard_only else table
        for part in wanted.to_batches(_ROWS_PER_PART):
            yield from from_table(SelectedFace, pa.Table.from_batches([part]), str(path))


def _tile(face: SelectedFace, png: bytes) -> Tile:
    yaw_deg = face.yaw_deg if face.mesh_yaw_deg is None else face.mesh_yaw_deg
    pitch_deg = face.pitch_deg if face.mesh_pitch_deg is None else face.mesh_pitch_deg
    angles = f"yaw {yaw_deg:+.0f} pitch {pitch_deg:+.0f} roll {face.roll_deg:+.0f}"
    gap, parted, shut = (np.nan if one is None else one for one in (face.lip_gap, face.lips_parted, face.eyes_shut))
    lips = f"lip gap {gap:.3f} parted {parted:+.1f} eyes shut {shut:+.1f}"
    return Tile(decode_png(png), (face.face_id.partition("/")[2], angles, lips, face.reason or "standard"))
