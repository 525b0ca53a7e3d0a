"""The stage trains on the dataset's own crops or on a folder, or takes given weights, and notes the result."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from safetensors.torch import load_file

from pipeline.core.base.layout import Layout
from pipeline.core.records.person import SubjectPerson
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.identity.network.resnet import CAFFE, KERAS
from pipeline.identity.network.weights_file import load_recognition_network
from stages import pretrain_identity
from tests.built_dataset import make_dataset_in
from tests.export.conftest import PLAN
from tests.identity.keras_file import write_keras
from tests.model.params_of import IDENTITY

SECTION = IDENTITY | {"lr": 0.01, "holdout_share": 0.5}


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Five people in two datasets, two clips each, one person in both; three of them on the train side."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACEVOX_DEVICE", "cpu")
    monkeypatch.setenv("FACEVOX_LOADER_WORKERS", "0")
    made = make_dataset_in(tmp_path, PLAN.without_labels())
    write_manifest(made.at.subject_persons, SubjectPerson, made.subject_persons)
    return made.at


def run(at: Layout, **changes: object) -> dict:
    params = {"datasets": ["one", "two"], "pretrain_identity": SECTION | changes}
    at.params.write_text(yaml.safe_dump(params), encoding="utf-8")
    pretrain_identity.main(at)
    return json.loads(at.recognition_network_note.read_text(encoding="utf-8"))


def test_half_of_each_training_person_s_clips_is_held_out(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    """'ana' has four clips and '../etc' two, of three crops each."""
    training = run(at)["training"]
    assert (training["n_persons"], training["n_persons_without_holdout"]) == (2, 0)
    assert (training["n_train_faces"], training["n_holdout_faces"], training["n_unreadable_faces"]) == (9, 9, 0)
    right = f"in clips not trained on, {training['holdout_accuracy']:.1%} of 9 faces given to the right person"
    assert f"{right}; measured for 2 of 2 persons" in capsys.readouterr().out


def test_nothing_held_out_is_reported(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(at, holdout_share=0.0)["training"]["holdout_accuracy"] is None
    assert "no clips are held out: the accuracy of face recognition is not measured" in capsys.readouterr().out


def test_a_second_run_gives_the_same_bytes_and_losses(at: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    first, weights = run(at), at.recognition_network.read_bytes()
    curve = at.training_folder("pretrain_identity") / "plots" / "metrics" / "cross_entropy.tsv"
    losses = [line.split("\t") for line in curve.read_text(encoding="utf-8").splitlines()]
    assert losses[0] == ["step", "cross_entropy"]
    assert float(losses[-1][1]) == first["training"]["train_loss"]
    monkeypatch.setenv("FACEVOX_CACHE", str(at.root / "another_cache"))
    assert run(at) == first
    assert at.recognition_network.read_bytes() == weights
    assert [line.split("\t") for line in curve.read_text(encoding="utf-8").splitlines()] == losses


def test_a_training_that_ended_is_not_repeated(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(at)
    assert run(at) == first
    assert "pretrain_identity: had ended at step 2, nothing is left to do" in capsys.readouterr().out


def test_one_person_alone_leaves_no_network_and_all_else_goes_on(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_manifest(at.subject_persons, SubjectPerson)
    first = next(row.person_id for row in rows if row.split == "train")
    write_manifest(at.subject_persons, SubjectPerson, [row for row in rows if row.person_id == first])
    note = run(at)
    assert note.pop("reason").startswith("expected faces of 2 persons or more, found")
    assert note == {"recognition_network": None, "sha256": None, "embedding_size": 0}
    assert load_file(at.recognition_network) == {}
    found = capsys.readouterr().out
    assert "expected faces of 2 persons or more, found" in found
    assert found.endswith("Faces have no identity label, and all else goes on.\n")


def test_a_folder_of_pictures_takes_the_place_of_the_dataset_s_persons(at: Layout, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for person in ("n000001", "n000002", "n000003"):
        for place in range(2):
            path = tmp_path / "vggface2" / "train" / person / f"{place:04d}_01.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 256, (60, 50, 3), np.uint8)).save(path)
    training = run(at, faces=str(tmp_path / "vggface2"))["training"]
    assert (training["n_persons"], training["n_train_faces"], training["n_holdout_faces"]) == (3, 3, 3)


def test_given_weights_keep_their_geometry(at: Layout, tmp_path: Path, small_checkpoint: Path) -> None:
    state = {name: tensor.numpy() for name, tensor in load_recognition_network(small_checkpoint).state_dict().items()}
    write_keras(state, tmp_path / "notop.h5", has_top=False)
    for weights, geometry in ((tmp_path / "notop.h5", KERAS), (small_checkpoint, CAFFE)):
        assert run(at, weights=str(weights))["embedding_size"] == 256
        assert load_recognition_network(at.recognition_network).geometry == geometry
