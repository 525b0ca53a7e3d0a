"""Contact sheets of a dataset: its faces side by side, each with its id, angles, lip measures and drop reason."""

from pathlib import Path

import numpy as np

from pipeline.base.errors import BadInput
from pipeline.base.images import decode_png, encode_png
from pipeline.base.layout import Layout
from pipeline.face.crops.sheet import Tile, draw_sheet
from pipeline.records.face import Face, SelectedFace
from pipeline.storage.manifest import read_manifest
from pipeline.storage.shards import iterate_batches

_TILES_PER_SHEET = 60


def draw_sheets(dataset: str, out: Path, *, standard_only: bool, at: Layout = Layout()) -> list[Path]:
    """Write sheets of 60 faces in id order into ``out``; return their paths. Raises BadInput without faces."""
    faces = {
        face.face_id: face
        for face in read_manifest(at.selected_faces(dataset), SelectedFace)
        if face.is_standard or not standard_only
    }
    tiles = [
        _tile(faces[row["face_id"]], row["image"]["bytes"])
        for batch in iterate_batches(at.faces_folder(dataset), Face, ["face_id", "image"])
        for row in batch.to_pylist()
        if row["face_id"] in faces
    ]
    if not tiles:
        raise BadInput(f"dataset '{dataset}' has no {'standard ' if standard_only else ''}faces to draw")
    tiles.sort(key=lambda tile: tile.caption[0])
    out.mkdir(parents=True, exist_ok=True)
    kind = "standard" if standard_only else "faces"
    paths = []
    for number, start in enumerate(range(0, len(tiles), _TILES_PER_SHEET)):
        path = out / f"{dataset}-{kind}-{number:03d}.png"
        path.write_bytes(encode_png(draw_sheet(tiles[start : start + _TILES_PER_SHEET])))
        paths.append(path)
    return paths


def _tile(face: SelectedFace, png: bytes) -> Tile:
    angles = f"yaw {face.yaw_deg:+.0f} pitch {face.pitch_deg:+.0f} roll {face.roll_deg:+.0f}"
    opening = np.nan if face.lip_opening_max is None else face.lip_opening_max
    motion = np.nan if face.lip_motion is None else face.lip_motion
    lips = f"lip {opening:.3f} motion {motion:.3f}"
    return Tile(decode_png(png), (face.face_id.partition("/")[2], angles, lips, face.reason or "standard"))
