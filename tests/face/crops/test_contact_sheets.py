"""The contact sheets of a dataset: 60 faces each in the order of their ids, standard ones or all."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import decode_png, encode_png
from pipeline.core.base.layout import Layout
from pipeline.core.records.face import Face, SelectedFace
from pipeline.core.records.schema import Image, to_table
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.core.storage.shards import write_shards
from pipeline.face.crops.contact_sheets import draw_sheets
from pipeline.face.crops.sheet import Tile, draw_sheet
from stages.__main__ import app
from tests.face.faces import face

SET = "set"
OTHERS = ("se", "set-2", "set2")
N_FACES = 62


def picture(number: int) -> np.ndarray:
    return np.full((16, 16, 3), 2 * number, np.uint8)


def is_standard(number: int) -> bool:
    return number % 2 == 1


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """A dataset of 62 faces, a millisecond apart; every other one is standard. Others have faces of the same names."""
    at = Layout(tmp_path)
    measures = [asdict(face(number / 1000, mesh_yaw_deg=float(-number))) for number in range(N_FACES)]
    nowhere = {"landmarks_px": np.zeros(136, np.float32), "alignment": np.zeros(6, np.float32)}
    faces = [
        Face(**one, **nowhere, image_sha256="", image=Image(encode_png(picture(number)), "face.png"))
        for number, one in enumerate(measures)
    ]
    selected = [
        SelectedFace(
            **one, is_standard=is_standard(number), is_resting=False, reason="" if is_standard(number) else "yaw"
        )
        for number, one in enumerate(measures)
    ]
    write_shards(at.faces_folder(SET), Face, [f"{SET}/clip"], lambda _: to_table(Face, faces))
    others = [
        replace(one, face_id=one.face_id.replace(SET, other), clip_id=f"{other}/clip")
        for other in OTHERS
        for one in selected
    ]
    write_manifest(at.selected_faces, SelectedFace, [*selected, *others])
    return at


def sheet_of(numbers: list[int]) -> np.ndarray:
    """The sheet of the faces with these numbers, each with what is known of it."""
    return draw_sheet(
        [
            Tile(
                picture(number),
                (
                    f"clip-t00-{number:08d}",
                    f"yaw {-number:+d} pitch +0 roll +0",
                    "lip gap 0.000 parted -4.0 eyes shut -4.0",
                    "standard" if is_standard(number) else "yaw",
                ),
            )
            for number in numbers
        ]
    )


def test_the_standard_faces_are_drawn_in_the_order_of_their_ids(at: Layout, tmp_path: Path) -> None:
    (path,) = draw_sheets(SET, tmp_path / "out", standard_only=True, at=at)
    assert path == tmp_path / "out" / "set-standard-000.png"
    assert np.array_equal(decode_png(path.read_bytes()), sheet_of([*range(1, N_FACES, 2)]))


def test_the_command_draws_all_faces_sixty_to_a_sheet(at: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(at.root)
    result = CliRunner().invoke(app, ["sheet", SET, "--all", "--out", "here"])
    assert result.output.splitlines() == ["here/set-faces-000.png", "here/set-faces-001.png"]
    first, second = (decode_png(Path(line).read_bytes()) for line in result.output.splitlines())
    assert np.array_equal(first, sheet_of([*range(60)]))
    assert np.array_equal(second, sheet_of([60, 61]))


def test_a_face_that_its_shard_lacks_is_left_out_and_the_others_move_up(at: Layout, tmp_path: Path) -> None:
    selected = read_manifest(at.selected_faces, SelectedFace)
    write_manifest(
        at.selected_faces, SelectedFace, [*selected, replace(selected[1], face_id=f"{selected[1].face_id}x")]
    )
    (path,) = draw_sheets(SET, tmp_path / "out", standard_only=True, at=at)
    assert np.array_equal(decode_png(path.read_bytes()), sheet_of([*range(1, N_FACES, 2)]))


def test_a_dataset_without_a_standard_face_is_an_error(at: Layout, tmp_path: Path) -> None:
    selected = read_manifest(at.selected_faces, SelectedFace)
    write_manifest(at.selected_faces, SelectedFace, [one for one in selected if one.clip_id != f"{SET}/clip"])
    with pytest.raises(BadInput, match="dataset 'set' has no standard faces to draw"):
        draw_sheets(SET, tmp_path / "out", standard_only=True, at=at)
    assert not (tmp_path / "out").exists()
