"""A dataset in the authors' layout is read as it is: what facevox exported trains and evaluates to the same numbers."""

import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from model.data.split import open_split
from pipeline.core.base.errors import BadInput, SplitLeak
from pipeline.core.base.images import encode_png
from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity
from pipeline.core.records.face import RANDOM
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.segment import Segment
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import read_manifest
from pipeline.dataset.npy_file import LARGEST_FILE_BYTES
from pipeline.export.folder import export_folder
from pipeline.export.names import safe_name
from pipeline.identity.network.weights_file import write_recognition_network
from pipeline.sources.lists.released_audioface import text_of
from stages import dataset, evaluate, pretrain_audio_face, pretrain_voice, released_audioface, train
from tests.built_dataset import FaceKind, Made, make_dataset_in
from tests.model.conftest import PLAN
from tests.model.params_of import AUDIO_FACE, MASK, TRAIN, VOICE
from tests.model.training.networks_to_train import WIDTH, make_networks

STEPS = 3
LIMITS = {
    "max_faces_per_person": 1,
    "max_standard_faces_per_person": 1,
    "max_segments_per_person": 1,
    "standard_faces": "drawn",
    "min_face_seen_share": 0.5,
    "min_av_zscore": 2.7,
    "full_av_covered_s": 6.0,
    "min_turn_log_odds": 1.0,
    "max_overlap_share": 0.2,
    "max_music_share": None,
    "seed": 1,
}
"""Caps and limits that would leave nothing of a dataset as it is made here."""
NO_NETWORKS = dict.fromkeys(("lpips", "inception", "arcface", "cosface", "sphereface", "vggface", "mobilefacenet"))
EVALUATE = {
    "max_faces_per_person": 4,
    "n_bootstrap": 20,
    "confidence": 0.9,
    "n_swap_persons": 2,
    "n_grid_faces": 2,
    "landmarks_doubled": False,
    "jpeg_quality": None,
    "threads": 1,
    "networks": NO_NETWORKS,
    "seed": 1,
}


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("FACEVOX_DEVICE", "cpu")
    monkeypatch.setenv("FACEVOX_LOADER_WORKERS", "0")
    monkeypatch.setenv("FACEVOX_WORKERS", "1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two datasets of four persons, all of whose faces are standard."""
    return make_dataset_in(tmp_path_factory.mktemp("made"), replace(PLAN, kinds=(FaceKind(RANDOM, True),) * 3))


def write_params(at: Layout, folder: Path | None, names: tuple[str, ...] = ("one", "two")) -> None:
    """Write params.yaml; ``folder`` holds the released datasets, None: there are none."""
    released = {name: {"input": str(folder / name), "licence": "ask"} for name in names} if folder else {}
    committed = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    sections = {
        **{name: committed[name] for name in ("audio", "crop")},  # which a trained network's file states
        "sources": {name: {"kind": "folder"} for name in names},
        "datasets": [] if folder else list(names),
        "released_audioface": released,
        "dataset": LIMITS,
        "model": {"width": WIDTH, "variant": "full", "avff_gain": 1.0},
        "mask": MASK,
        "pretrain_voice": VOICE | {"steps": STEPS},
        "pretrain_audio_face": AUDIO_FACE | {"steps": STEPS},
        "train": TRAIN | {"steps": STEPS},
        "evaluate": EVALUATE,
    }
    write_text(at.params, yaml.safe_dump(sections))


def read_back(folder: Path, root: Path, names: tuple[str, ...] = ("one", "two")) -> Layout:
    """Run the stage for the datasets in ``folder``, and then ``dataset``."""
    at = Layout(root)
    write_params(at, folder, names)
    for name in names:
        released_audioface.main(name, at)
    dataset.main(at)
    return at


@pytest.fixture
def exported(made: Made, tmp_path: Path) -> Path:
    to = tmp_path / "exported"
    export_folder(made.open(), to, pictures="png")
    return to


@pytest.mark.parametrize("text", ["ana", "../etc", "李 a.b/c", "con", "-x", "a=41", "WDA_Obama_000"])
def test_a_name_that_facevox_exported_is_read_as_the_text_it_was(text: str) -> None:
    assert text_of(safe_name(text)) == text


@pytest.mark.parametrize("name", ["a=zz", "=FF", "x=0A", "5=", "=2e"])
def test_a_name_that_facevox_did_not_export_stays(name: str) -> None:
    assert text_of(name) == name


def test_persons_split_ids_and_clips_are_read_back_and_no_cap_or_limit_acts(
    made: Made, exported: Path, tmp_path: Path
) -> None:
    at = read_back(exported, tmp_path / "back")

    def places(rows: list[DatasetFace] | list[DatasetSegment]) -> set[tuple[str, ...]]:
        ids = (getattr(one, "face_id", None) or getattr(one, "segment_id", "") for one in rows)
        return {(key, one.person_id, one.split, one.clip_id, one.dataset) for key, one in zip(ids, rows, strict=True)}

    assert read_manifest(at.dataset("identities"), Identity) == sorted(
        made.rows.identities, key=lambda one: one.dataset_person
    )
    assert places(read_manifest(at.dataset("faces"), DatasetFace)) == places(made.rows.faces)
    assert places(read_manifest(at.dataset("audio"), DatasetSegment)) == places(made.rows.segments)
    stats = json.loads(at.stats.read_text())
    assert stats["one"]["train"]["standard faces"] == stats["one"]["train"]["faces"] == 12
    assert {one.licence for one in read_manifest(at.clips("one"), Clip)} == {"ask"}
    ends = read_manifest(at.ledger("released_audioface", "one"), LedgerRow)
    assert {(one.item_id, one.status) for one in ends} == {
        (one.clip_id, "ok") for one in made.rows.faces if one.dataset == "one"
    }


@pytest.mark.slow
def test_what_is_read_back_trains_and_evaluates_to_the_same_numbers(made: Made, exported: Path, tmp_path: Path) -> None:
    at = Layout(Path(shutil.copytree(made.at.root, tmp_path / "made")))
    write_params(at, None)
    back = read_back(exported, tmp_path / "back")
    for one in (at, back):
        write_recognition_network(make_networks().recognition, one.recognition_network)
        write_text(one.recognition_network_note, json.dumps({"recognition_network": "tiny-0123", "reason": ""}))
        for stage in (pretrain_voice, pretrain_audio_face, train, evaluate):
            stage.main(one)
    metrics = json.loads(at.metrics.read_text())
    assert metrics["n_faces"] == 12 - 4
    assert json.loads(back.metrics.read_text()) == metrics
    for name in ("voice", "audio_face", "generator"):
        assert back.model(name).read_bytes() == at.model(name).read_bytes()


def test_the_order_of_samples_does_not_depend_on_the_number_of_shards(
    made: Made, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.core.storage.shards.CLIPS_PER_SHARD", 1)
    at = read_back(exported, tmp_path / "back")
    assert len(list(at.faces_folder("one").iterdir())) > 1
    split = open_split(at, tmp_path / "store", split="train", standard_only=True)
    assert [split.face_ids[row] for row in range(split.n_faces)] == [one.face_id for one in made.faces("train")]
    for row in range(split.n_faces):
        assert np.array_equal(split.face(row), made.pictures[split.face_ids[row]])
        assert np.array_equal(split.label(row), made.labels[split.face_ids[row]])
    for row in range(split.n_segments):
        assert np.array_equal(split.log_mel(row), made.log_mels[split.segment_ids[row]])


def test_jpegs_are_read_back_to_within_a_few_levels(made: Made, tmp_path: Path) -> None:
    """The released code reads JPEG alone: so many levels are what an export in its format loses."""
    export_folder(made.open(), tmp_path / "exported", pictures="jpg")
    at = read_back(tmp_path / "exported", tmp_path / "back")
    split = open_split(at, tmp_path / "store", split="test", standard_only=True)
    for row in range(split.n_faces):
        difference = np.abs(split.face(row).astype(int) - made.pictures[split.face_ids[row]])
        assert difference.max() <= 5
        assert difference.mean() < 0.6


# The authors' own names.


@dataclass(frozen=True)
class Folder:
    """A dataset of the authors' layout that is written file by file."""

    root: Path

    def face(self, place: str, colour: int = 90, side_px: int = 256) -> None:
        self.put(f"Images/{place}", encode_png(np.full((side_px, side_px, 3), colour, np.uint8)))

    def log_mel(self, place: str, values: np.ndarray | None = None) -> None:
        self.array(
            f"Audios/{place}", np.arange(4 * 10, dtype=np.float32).reshape(1, 4, 10) if values is None else values
        )

    def label(self, place: str, value: float = 1.0) -> None:
        self.array(f"IDFeat/{place}", np.full(5, value, np.float32))

    def array(self, place: str, values: np.ndarray, *, allow_pickle: bool = False) -> None:
        content = io.BytesIO()
        np.save(content, values, allow_pickle=allow_pickle)
        self.put(place, content.getvalue())

    def put(self, place: str, content: bytes) -> None:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """One training person and one of the test, with a face, a label and a log-mel each."""
    made = Folder(tmp_path / "Datasets" / "HDTF")
    for place in ("Train/WDA_A_000", "Test/WDA_B_000"):
        made.face(f"{place}/0.png")
        made.label(f"{place}/0.npy")
        made.log_mel(f"{place}/0.npy")
    return made


@pytest.fixture
def run(folder: Folder, tmp_path: Path) -> Callable[[], Layout]:
    return lambda: read_back(folder.root.parent, tmp_path / "back", ("HDTF",))


def reasons(at: Layout) -> dict[str, str]:
    ends = read_manifest(at.ledger("released_audioface", "HDTF"), LedgerRow)
    return {one.item_id: one.reason for one in ends if one.status != "ok"}


def test_all_files_of_a_person_are_one_clip_and_the_folders_name_is_the_person(run: Callable[[], Layout]) -> None:
    faces = read_manifest(run().dataset("faces"), DatasetFace)
    assert [(one.face_id, one.clip_id, one.person_id, one.split) for one in faces] == [
        ("HDTF/WDA_A_000-0", "HDTF/WDA_A_000", "WDA_A_000", "train"),
        ("HDTF/WDA_B_000-0", "HDTF/WDA_B_000", "WDA_B_000", "test"),
    ]


def test_a_file_that_is_none_costs_itself_alone(folder: Folder, run: Callable[[], Layout]) -> None:
    person = "Train/WDA_A_000"
    folder.put(f"Images/{person}/notes.txt", b"")
    folder.put(f"Images/{person}/damaged.jpg", b"\xff\xd8\xff")
    folder.put(f"Images/{person}/.hidden.png", b"")
    folder.face(f"{person}/small.png", side_px=63)
    folder.face(f"{person}/least.png", side_px=64)
    folder.put("Images/Train/stray.png", b"")
    folder.put(f"Audios/{person}/empty.npy", b"")
    folder.array(f"Audios/{person}/pickle.npy", np.array([{"a": 1}]), allow_pickle=True)
    folder.array(f"Audios/{person}/whole.npy", np.ones((1, 4, 10), np.int64))
    folder.log_mel(f"{person}/nan.npy", np.full((1, 4, 10), np.nan, np.float32))
    folder.log_mel(f"{person}/four.npy", np.ones((1, 2, 4, 10), np.float32))
    folder.put(f"Audios/{person}/large.npy", bytes(LARGEST_FILE_BYTES + 1))
    claimed = io.BytesIO()
    np.lib.format.write_array_header_1_0(claimed, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)})
    folder.put(f"Audios/{person}/claims.npy", claimed.getvalue())
    folder.label(f"{person}/nobody.npy")
    os.mkfifo(folder.root / "Audios" / person / "fifo.npy")
    at = run()
    assert reasons(at) == {
        f"HDTF/Images/{person}/notes.txt": "other_file",
        f"HDTF/Images/{person}/damaged.jpg": "unreadable",
        f"HDTF/Images/{person}/small.png": "unreadable",
        "HDTF/Images/Train/stray.png": "no_folder",
        f"HDTF/IDFeat/{person}/nobody.npy": "no_picture",
        **{
            f"HDTF/Audios/{person}/{name}.npy": "unreadable"
            for name in ("empty", "pickle", "whole", "nan", "four", "large", "claims", "fifo")
        },
    }
    faces = read_manifest(at.dataset("faces"), DatasetFace)
    assert [(one.face_id, one.is_labelled) for one in faces if one.split == "train"] == [
        ("HDTF/WDA_A_000-0", True),
        ("HDTF/WDA_A_000-least", False),
    ]


def test_labels_of_other_names_are_given_in_the_order_of_names(folder: Folder, run: Callable[[], Layout]) -> None:
    person = "Train/WDA_C_000"
    for name in ("a", "b"):
        folder.face(f"{person}/{name}.png")
    for value, name in enumerate(("feat_0", "feat_1", "feat_2")):
        folder.label(f"{person}/{name}.npy", float(value))
    folder.log_mel(f"{person}/0.npy")
    at = run()
    labels = {one.face_id: one.embedding[0] for one in read_manifest(at.labels("HDTF"), Label)}
    assert labels["HDTF/WDA_C_000-a"] == 0
    assert labels["HDTF/WDA_C_000-b"] == 1
    assert reasons(at) == {f"HDTF/IDFeat/{person}/feat_2.npy": "no_picture"}


def test_labels_are_written_a_bounded_number_at_a_time(
    run: Callable[[], Layout], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(released_audioface, "LABELS_IN_ROW_GROUP", 1)
    metadata = pq.read_metadata(run().labels("HDTF"))
    assert (metadata.num_rows, metadata.num_row_groups) == (2, 2)


def test_the_columns_that_repeat_are_not_sound(folder: Folder, run: Callable[[], Layout]) -> None:
    sound = np.random.default_rng(1).normal(size=(1, 4, 4)).astype(np.float32)
    folder.log_mel("Train/WDA_A_000/tiled.npy", np.tile(sound, 3)[:, :, :10])
    rows = read_manifest(run().dataset("audio"), DatasetSegment)
    assert {one.segment_id: one.n_valid_frames for one in rows if one.split == "train"} == {
        "HDTF/WDA_A_000-0": 10,
        "HDTF/WDA_A_000-tiled": 4,
    }


def test_log_mels_of_two_shapes_are_refused_in_one_sentence(folder: Folder, run: Callable[[], Layout]) -> None:
    folder.log_mel("Train/WDA_A_000/other.npy", np.ones((1, 4, 11), np.float32))
    with pytest.raises(BadInput, match=r"log-mels of 'HDTF' have 2 shapes, \(4, 10\), \(4, 11\): expected one"):
        run()


def test_labels_of_two_sizes_are_refused_in_one_sentence(folder: Folder, run: Callable[[], Layout]) -> None:
    folder.array("IDFeat/Train/WDA_A_000/0.npy", np.ones(6, np.float32))
    with pytest.raises(BadInput, match="labels of 'HDTF' have 2 shapes, 5, 6: expected one"):
        run()


def test_without_labels_a_sentence_says_so_and_the_rest_goes_on(
    folder: Folder, run: Callable[[], Layout], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder.root / "IDFeat")
    at = run()
    assert f"{folder.root} has no labels in IDFeat: faces have no identity label" in capsys.readouterr().out
    assert [one.is_labelled for one in read_manifest(at.dataset("faces"), DatasetFace)] == [False, False]


def test_a_folder_of_several_datasets_is_refused_in_one_sentence(folder: Folder, tmp_path: Path) -> None:
    at = Layout(tmp_path / "back")
    write_params(at, folder.root.parent.parent, ("Datasets",))
    with pytest.raises(BadInput, match=r"expected Images/Train/<person>/ or .* Name the folder of one dataset"):
        released_audioface.main("Datasets", at)


def test_a_person_in_train_and_test_is_refused(folder: Folder, run: Callable[[], Layout]) -> None:
    folder.face("Test/WDA_A_000/1.png")
    folder.log_mel("Test/WDA_A_000/1.npy")
    with pytest.raises(SplitLeak, match="'WDA_A_000' of dataset 'HDTF' is in both train and test"):
        run()


def test_a_person_in_train_of_one_dataset_and_in_test_of_another_is_refused(folder: Folder, tmp_path: Path) -> None:
    other = Folder(folder.root.parent / "FaceForensics")
    other.face("Test/WDA_A_000/0.png")
    other.log_mel("Test/WDA_A_000/0.npy")
    with pytest.raises(SplitLeak, match="1 persons are in both train and test: WDA_A_000"):
        read_back(folder.root.parent, tmp_path / "back", ("HDTF", "FaceForensics"))


def test_a_changed_file_is_read_anew_and_the_others_are_not(
    folder: Folder, run: Callable[[], Layout], capsys: pytest.CaptureFixture[str]
) -> None:
    run()
    folder.log_mel("Train/WDA_A_000/0.npy", np.full((1, 4, 10), 7, np.float32))
    at = run()
    assert "2 items, 1 computed, 1 from the store" in capsys.readouterr().out
    rows = [one for path in at.audio_folder("HDTF").iterdir() for one in read_manifest(path, Segment)]
    assert {one.clip_id: float(one.log_mel[0]) for one in rows} == {"HDTF/WDA_A_000": 7.0, "HDTF/WDA_B_000": 0.0}
