"""What datasets.load_dataset opens is what the manifests and shards hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pipeline.core.records.person import TEST, TRAIN
from pipeline.export import parquet
from pipeline.export.huggingface import export_huggingface
from tests.built_dataset import Made
from tests.export.conftest import LABEL_SIZE, LICENCES, N_FRAMES, N_MELS, PEOPLE, SIDE_PX, files_in

pytestmark = pytest.mark.slow

datasets = pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def exported(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("huggingface") / "export"
    export_huggingface(made.open(), to)
    return to


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def load(folder: Path, *config: str, **options: Any) -> Any:
        return datasets.load_dataset(str(folder), *config, cache_dir=str(tmp_path / "cache"), **options)

    return load


def test_without_a_config_the_pairs_open_with_both_splits(made: Made, exported: Path, load: Callable) -> None:
    opened = load(exported)
    assert {split: rows["pair_id"][:] for split, rows in opened.items()} == {
        split: [pair.pair_id for pair in made.pairs(split)] for split in (TRAIN, TEST)
    }


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_faces_have_their_pixels_labels_and_persons(made: Made, exported: Path, load: Callable, split: str) -> None:
    rows = {row["face_id"]: row for row in load(exported, "faces", split=split)}
    assert sorted(rows) == [face.face_id for face in made.faces(split)]
    for face in made.faces(split):
        row = rows[face.face_id]
        assert np.array_equal(np.asarray(row["image"]), made.pictures[face.face_id])
        assert (row["image"].mode, row["image"].size) == ("RGB", (SIDE_PX, SIDE_PX))
        label = made.labels.get(face.face_id)
        assert row["label"] == (None if label is None else label.tolist())
        assert (row["label"] is not None) == face.is_labelled
        assert (row["person_id"], row["dataset"], row["split"]) == (face.person_id, face.dataset, split)
        assert (row["is_standard"], row["sampled_by"]) == (face.is_standard, face.sampled_by)
        assert (row["licence"], row["standardness"]) == (LICENCES[face.dataset], None)
        assert row["landmarks_px"] == list(range(136))


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_log_mels_come_as_mels_by_frames(made: Made, exported: Path, load: Callable, split: str) -> None:
    rows = {row["segment_id"]: row for row in load(exported, "audio", split=split).with_format("numpy")}
    assert sorted(rows) == [segment.segment_id for segment in made.segments(split)]
    for segment in made.segments(split):
        log_mel = rows[segment.segment_id]["log_mel"]
        assert (log_mel.dtype, log_mel.shape) == (np.float32, (N_MELS, N_FRAMES))
        assert np.array_equal(log_mel, made.log_mels[segment.segment_id])
        assert rows[segment.segment_id]["n_valid_frames"] == segment.n_valid_frames
        assert rows[segment.segment_id]["person_id"] == segment.person_id


def test_sizes_are_fixed_in_the_schema_so_that_batches_stack(exported: Path, load: Callable) -> None:
    audio = load(exported, "audio", split=TRAIN)
    faces = load(exported, "faces", split=TRAIN)
    assert (audio.features["log_mel"].length, audio.features["log_mel"].feature.length) == (N_MELS, N_FRAMES)
    assert faces.features["label"].length == LABEL_SIZE
    assert audio.with_format("numpy")[:3]["log_mel"].shape == (3, N_MELS, N_FRAMES)


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_a_pair_names_the_rows_of_its_face_and_its_segment(
    made: Made, exported: Path, load: Callable, split: str
) -> None:
    pairs, faces, audio = (load(exported, config, split=split) for config in ("pairs", "faces", "audio"))
    assert [(row["face_id"], row["segment_id"], row["same_clip"]) for row in pairs] == [
        (pair.face_id, pair.segment_id, pair.same_clip) for pair in made.pairs(split)
    ]
    face_ids, segment_ids = faces["face_id"][:], audio["segment_id"][:]
    assert [face_ids[row] for row in pairs["face_row"]] == pairs["face_id"][:]
    assert [segment_ids[row] for row in pairs["segment_row"]] == pairs["segment_id"][:]


def test_rows_hold_across_many_files(
    made: Made, load: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "FILE_BYTES", 1)
    monkeypatch.setattr("pipeline.export.huggingface._PAYLOAD_ROWS", 1)
    export_huggingface(made.open(TRAIN), tmp_path / "export")
    n_faces = len(made.faces(TRAIN))
    names = [f"train-{number:05d}.parquet" for number in range(n_faces)]
    assert sorted(path.name for path in (tmp_path / "export/faces").iterdir()) == names
    pairs, faces = (load(tmp_path / "export", config, split=TRAIN) for config in ("pairs", "faces"))
    assert n_faces > 10
    assert [faces[row]["face_id"] for row in pairs["face_row"]] == pairs["face_id"][:]


def test_it_streams(made: Made, exported: Path, load: Callable) -> None:
    row = next(iter(load(exported, "audio", split=TEST, streaming=True).with_format("numpy")))
    assert np.array_equal(row["log_mel"], made.log_mels[str(row["segment_id"])])


def test_one_split_alone_has_no_row_of_the_other(made: Made, load: Callable, tmp_path: Path) -> None:
    counts = export_huggingface(made.open(TEST), tmp_path / "export")
    opened = load(tmp_path / "export", "faces")
    assert list(opened) == list(counts) == [TEST]
    assert set(opened[TEST]["person_id"]) == {person for _, person, split in PEOPLE if split == TEST}


def test_log_mels_of_several_lengths_keep_theirs(make: Callable[..., Made], load: Callable, tmp_path: Path) -> None:
    made = make(PEOPLE[:2], padded=False)
    export_huggingface(made.open(), tmp_path / "export")
    rows = load(tmp_path / "export", "audio", split=TRAIN)
    assert {row["segment_id"]: np.float32(row["log_mel"]).tolist() for row in rows} == {
        segment_id: log_mel.tolist() for segment_id, log_mel in made.log_mels.items()
    }
    assert {len(row["log_mel"][0]) for row in rows} == {5, 6}


def test_without_a_recognition_network_labels_are_null(
    make: Callable[..., Made], load: Callable, tmp_path: Path
) -> None:
    made = make(PEOPLE[:1], labelled=False)
    export_huggingface(made.open(), tmp_path / "export")
    assert set(load(tmp_path / "export", "faces", split=TRAIN)["label"]) == {None}
    assert "- **Labels**: none" in (tmp_path / "export/README.md").read_text()


def test_the_card_counts_names_the_terms_and_lists_what_the_folder_holds(made: Made, exported: Path) -> None:
    _, front, card = (exported / "README.md").read_text().split("---\n", 2)
    configs = yaml.safe_load(front)["configs"]
    named = {path for config in configs for split in config["data_files"] for path in split["path"]}
    assert named == {name for name in files_in(exported) if name.endswith(".parquet")}
    assert [config["config_name"] for config in configs if config.get("default")] == ["pairs"]
    assert "| one | CC BY 4.0 | 6 |" in card
    assert "| two | ask &#124; &lt;the> owner | 4 |" in card
    assert "6 values a face, by `tiny-0123456789ab`" in card
    assert "## What it is not for" in card


def test_the_code_of_the_card_runs(exported: Path, made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    code = (exported / "README.md").read_text().split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code.replace("path/of/this/folder", str(exported)), names)
    pair = made.pairs(TRAIN)[0]
    assert np.array_equal(np.asarray(names["picture"]), made.pictures[pair.face_id])
    assert np.array_equal(names["log_mel"], made.log_mels[pair.segment_id])


def test_the_same_dataset_gives_the_same_bytes(made: Made, exported: Path, tmp_path: Path) -> None:
    export_huggingface(made.open(), tmp_path / "export")
    assert files_in(tmp_path / "export") == files_in(exported)
