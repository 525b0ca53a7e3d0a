"""Precomputed faces are returned for the right clip and frame, in pixels of the given picture."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from pipeline.core.base.errors import BadInput, BadMedia, BadParams
from pipeline.core.base.hashing import sha256_of
from pipeline.face.backends.interface import FrameReference
from pipeline.face.backends.precomputed_backend import POINTS, PrecomputedBackend, read_face_table
from pipeline.face.backends.registry import backend_content, build_backend
from pipeline.face.measures.boxes import Box
from pipeline.face.tracking.search import find_faces
from tests.face.faces import picture, points_in

LEFT, RIGHT = Box(100, 200, 200, 200), Box(700, 240, 160, 160)
ROWS = [(0.0, LEFT, 0.9), (0.0, RIGHT, 0.95), (0.04, LEFT, 0.8)]
WIDTH_PX = 1280


def face_table(rows: list[tuple[float, Box, float]], **changes: object) -> pa.Table:
    points = np.array([points_in(box).ravel() for _, box, _ in rows]).reshape(len(rows), len(POINTS))
    columns = {
        "time_s": [time_s for time_s, _, _ in rows],
        "score": [score for _, _, score in rows],
        **dict(zip(POINTS, points.T, strict=True)),
    }
    return pa.table({name: column for name, column in {**columns, **changes}.items() if column is not None})


def write(table: pa.Table, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)
    return path


@pytest.fixture
def backend(tmp_path: Path) -> PrecomputedBackend:
    write(face_table(ROWS), tmp_path / "set" / "clip.csv")
    write(face_table([]), tmp_path / "set" / "empty.parquet")
    return PrecomputedBackend(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_is_read_from_csv_and_from_parquet_alike(suffix: str, tmp_path: Path) -> None:
    table = read_face_table(write(face_table(ROWS[::-1]), tmp_path / f"clip{suffix}"))
    assert table.times_s.tolist() == [0.0, 0.0, 0.04]
    assert table.scores.tolist() == [0.95, 0.9, 0.8]
    np.testing.assert_allclose(table.points[2], points_in(LEFT), atol=1e-3)


def test_without_a_score_column_every_face_scores_one(tmp_path: Path) -> None:
    assert read_face_table(write(face_table(ROWS, score=None), tmp_path / "a.csv")).scores.tolist() == [1, 1, 1]


def test_columns_that_are_not_described_are_not_read(tmp_path: Path) -> None:
    path = write(face_table(ROWS, face_id=["a", "b", "c"]), tmp_path / "a.csv")
    assert len(read_face_table(path).times_s) == 3


def at(time_s: float, clip_id: str = "set/clip") -> FrameReference:
    return FrameReference(clip_id, time_s, WIDTH_PX)


def test_the_faces_of_the_frame_are_returned_best_first(backend: PrecomputedBackend) -> None:
    found = backend.detect(picture(size=(WIDTH_PX, 720)), at(0.0))
    assert [one.score for one in found] == [0.95, 0.9]
    assert found[0].box == backend.box_around(points_in(RIGHT))


@pytest.mark.parametrize(("time_s", "n_faces"), [(0.0, 2), (0.004, 2), (0.006, 0), (0.0351, 1), (0.04, 1), (0.08, 0)])
def test_a_frame_has_the_rows_within_five_milliseconds(
    backend: PrecomputedBackend, time_s: float, n_faces: int
) -> None:
    assert len(backend.detect(picture(), at(time_s))) == n_faces


def test_points_are_in_pixels_of_the_given_picture(backend: PrecomputedBackend) -> None:
    points = backend.landmarks(picture(size=(WIDTH_PX // 2, 360)), LEFT.scaled(0.5), at(0.04))
    assert points is not None
    np.testing.assert_allclose(points, points_in(LEFT) / 2, atol=1e-3)


def test_the_search_finds_the_faces_at_every_level(backend: PrecomputedBackend) -> None:
    for level_px in (160, 80, 40):
        (found,) = find_faces(backend, picture(size=(WIDTH_PX, 720)), level_px, 0.0, at(0.04))
        assert found.box.x == pytest.approx(backend.box_around(points_in(LEFT)).x, abs=0.01)


def test_the_points_are_those_of_the_face_that_overlaps_the_box_most(backend: PrecomputedBackend) -> None:
    points = backend.landmarks(picture(size=(WIDTH_PX, 720)), Box(600, 200, 200, 200), at(0.0))
    assert points is not None
    np.testing.assert_allclose(points, points_in(RIGHT), atol=1e-3)


def test_where_no_face_overlaps_the_box_there_are_no_points(backend: PrecomputedBackend) -> None:
    assert backend.landmarks(picture(size=(WIDTH_PX, 720)), RIGHT, at(0.04)) is None


def test_a_table_without_rows_is_a_clip_without_faces(backend: PrecomputedBackend) -> None:
    assert backend.detect(picture(), at(0.0, "set/empty")) == []
    assert backend.landmarks(picture(), LEFT, at(0.0, "set/empty")) is None


def test_each_clip_has_its_own_table(backend: PrecomputedBackend) -> None:
    assert backend.detect(picture(), at(0.0, "set/empty")) == []
    assert len(backend.detect(picture(), at(0.0))) == 2
    assert backend.detect(picture(), at(0.0, "set/empty")) == []


def test_a_table_is_read_once_for_all_frames_of_its_clip(backend: PrecomputedBackend, tmp_path: Path) -> None:
    assert len(backend.detect(picture(), at(0.0))) == 2
    (tmp_path / "set" / "clip.csv").unlink()
    assert len(backend.detect(picture(), at(0.04))) == 1


def test_a_clip_without_a_table_ends_as_a_ledger_row(backend: PrecomputedBackend, tmp_path: Path) -> None:
    with pytest.raises(BadMedia, match=rf"neither {tmp_path}/set/other\.parquet nor other\.csv exists") as caught:
        backend.detect(picture(), at(0.0, "set/other"))
    assert caught.value.reason == "no_precomputed_faces"


def test_a_picture_without_a_frame_reference_is_refused(backend: PrecomputedBackend) -> None:
    with pytest.raises(BadInput, match="reads frames of clips only: no frame reference"):
        backend.detect(picture())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_s": None}, "expected columns time_s, x_0, .* it lacks time_s$"),
        ({"x_3": None, "y_67": None}, "it lacks x_3, y_67$"),
        ({"y_5": ["a", "b", "c"]}, "column 'y_5': expected numbers, found string"),
        ({"x_0": [1.0, float("nan"), 2.0]}, "column 'x_0', row 2: expected a finite number"),
        ({"score": [1.0, 0.5, None]}, "column 'score', row 3: expected a finite number"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_another_form_is_refused(
    changes: dict[str, object], message: str, suffix: str, tmp_path: Path
) -> None:
    path = write(face_table(ROWS, **changes), tmp_path / f"clip{suffix}")
    with pytest.raises(BadInput, match=message):
        read_face_table(path)


@pytest.mark.parametrize("name", ["clip.csv", "clip.parquet"])
def test_a_file_that_is_no_table_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadInput, match=name):
        read_face_table(tmp_path / name)


def test_the_name_in_params_carries_the_folder(tmp_path: Path) -> None:
    built = build_backend(f"precomputed:{tmp_path}")
    assert isinstance(built, PrecomputedBackend)
    with pytest.raises(BadInput, match="no such folder"):
        build_backend(f"precomputed:{tmp_path}/gone")
    with pytest.raises(BadParams, match=r"'precomputed:': expected 'dlib', .*'precomputed:FOLDER'"):
        build_backend("precomputed:")


def test_the_table_is_part_of_what_determines_a_clips_result(tmp_path: Path) -> None:
    path = write(face_table(ROWS), tmp_path / "set" / "clip.csv")
    assert backend_content(f"precomputed:{tmp_path}", "set/clip") == (sha256_of(path),)
    assert backend_content(f"precomputed:{tmp_path}", "set/other") == ("no table",)
    assert backend_content("dlib", "set/clip") == ()
