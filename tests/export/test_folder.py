"""The folder holds what the paper's released code looks for, where it looks for it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core.base.errors import BadInput
from pipeline.core.records.dataset import DatasetFace, DatasetSegment
from pipeline.core.records.person import TEST, TRAIN
from pipeline.export.folder import export_folder
from pipeline.export.names import safe_name
from tests.built_dataset import Made
from tests.export.conftest import LABEL_SIZE, N_FRAMES, N_MELS, files_in


@pytest.fixture(scope="module")
def exported(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("folder") / "export"
    export_folder(made.open(), to, pictures="png")
    return to


def place_of(kind: str, row: DatasetFace | DatasetSegment, item_id: str, ending: str) -> str:
    name = safe_name(item_id.partition("/")[2])
    return f"{row.dataset}/{kind}/{row.split.capitalize()}/{safe_name(row.person_id)}/{name}.{ending}"


def under(folder: Path, kind: str) -> set[str]:
    return {name for name in files_in(folder) if name.split("/")[1:2] == [kind]}


def test_standard_faces_keep_their_pixels(made: Made, exported: Path) -> None:
    faces = {place_of("Images", face, face.face_id, "png"): face for face in made.rows.faces if face.is_standard}
    assert under(exported, "Images") == set(faces)
    for name, face in faces.items():
        with Image.open(exported / name) as picture:
            assert np.array_equal(np.asarray(picture), made.pictures[face.face_id])


def test_log_mels_are_one_by_mels_by_frames(made: Made, exported: Path) -> None:
    segments = {place_of("Audios", one, one.segment_id, "npy"): one for one in made.rows.segments}
    assert under(exported, "Audios") == set(segments)
    for name, segment in segments.items():
        log_mel = np.load(exported / name)
        assert (log_mel.dtype, log_mel.shape) == (np.float32, (1, N_MELS, N_FRAMES))
        assert np.array_equal(log_mel[0], made.log_mels[segment.segment_id])


def test_labels_are_flat_and_those_of_the_faces_that_are_there(made: Made, exported: Path) -> None:
    faces = {
        place_of("IDFeat", face, face.face_id, "npy"): face
        for face in made.rows.faces
        if face.is_standard and face.is_labelled
    }
    assert under(exported, "IDFeat") == set(faces)
    for name, face in faces.items():
        label = np.load(exported / name)
        assert (label.dtype, label.shape) == (np.float32, (LABEL_SIZE,))
        assert np.array_equal(label, made.labels[face.face_id])


def test_names_that_are_paths_stay_within_the_folder(exported: Path) -> None:
    persons = {tuple(name.split("/")[2:4]) for name in under(exported, "Images")}
    assert persons == {
        ("Train", "ana"),
        ("Train", "=2E=2E=2Fetc"),
        ("Test", "=63on"),
        ("Test", "=E6=9D=8E=20a=2Eb=2Fc"),
    }


def test_a_pictures_name_up_to_the_first_dot_is_unique_within_a_dataset(exported: Path) -> None:
    pictures = [name for name in under(exported, "Images") if name.startswith("one/")]
    assert len({Path(name).name.split(".")[0] for name in pictures}) == len(pictures)


def test_the_released_codes_pictures_are_jpeg_and_nearly_the_same(made: Made, tmp_path: Path) -> None:
    counts = export_folder(made.open(TEST), tmp_path / "export")
    faces = [face for face in made.faces(TEST) if face.is_standard]
    assert counts == {TEST: {"Images": 8, "Audios": 8, "IDFeat": 4}}
    for face in faces:
        with Image.open(tmp_path / "export" / place_of("Images", face, face.face_id, "jpg")) as picture:
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            apart = np.abs(np.asarray(picture, np.int16) - made.pictures[face.face_id])
        assert apart.max() <= 4  # pictures of noise: no harder ones exist


def test_all_faces_come_when_asked_for(made: Made, tmp_path: Path) -> None:
    counts = export_folder(made.open(), tmp_path / "export", pictures="png", all_faces=True)
    assert counts[TRAIN] == {"Images": 18, "Audios": 12, "IDFeat": 12}
    assert under(tmp_path / "export", "Images") == {
        place_of("Images", face, face.face_id, "png") for face in made.rows.faces
    }


def test_persons_that_would_share_a_folder_are_refused_and_nothing_is_left(make, tmp_path: Path) -> None:
    made = make((("one", "Ana", TRAIN), ("one", "ana", TEST)))
    with pytest.raises(BadInput, match=r"^'Ana' and 'ana' would share a folder"):
        export_folder(made.open(), tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


def test_the_same_dataset_gives_the_same_bytes(made: Made, exported: Path, tmp_path: Path) -> None:
    export_folder(made.open(), tmp_path / "export", pictures="png")
    assert files_in(tmp_path / "export") == files_in(exported)
