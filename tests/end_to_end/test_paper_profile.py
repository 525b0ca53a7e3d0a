"""The paper's settings: every data stage runs on six clips with a face recognition network of full width."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.small_run import SMALL
from stages.__main__ import STAGES
from tests.end_to_end.conftest import Checkout, stages_run

pytestmark = pytest.mark.slow

MODEL_STAGES = {"pretrain_voice", "pretrain_audio_face", "train", "evaluate", "report"}


def released_format(path: Path) -> Path:
    """Write made-up weights as the VGGFace2 release does: a pickled dict of numpy arrays, with a classifier."""
    import torch

    from pipeline.identity.network.resnet import FaceRecognitionNetwork

    torch.manual_seed(0)
    arrays = {name: tensor.numpy() for name, tensor in FaceRecognitionNetwork(1.0).state_dict().items()}
    arrays["fc.weight"] = torch.randn(10, 2048).numpy()
    with path.open("wb") as file:
        pickle.dump(arrays, file, protocol=2)
    return path


def test_the_papers_settings_run_end_to_end(make_checkout: Callable[..., Checkout], tmp_path: Path) -> None:
    weights = released_format(tmp_path / "resnet50_ft_weight.pkl")
    checkout = make_checkout("paper", *SMALL[:4], "crop.n_candidates=2", f"pretrain_identity.weights={weights}")
    output = checkout.run("dvc", "repro", "dataset")
    print(output[output.index("Table 1") :])
    labels = pd.read_parquet(checkout.root / "manifests/labels/demo/embeddings.parquet")
    sound = pd.read_parquet(checkout.root / "data/audio/demo")
    note = json.loads((checkout.root / "manifests/recognition_network.json").read_text())
    others = MODEL_STAGES | {"inputs", "face_videos", "released_audioface"}
    assert {name.partition("@")[0] for name in stages_run(output)} == set(STAGES) - others
    assert set(labels.embedding.map(len)) == {2048}
    assert set(zip(sound.n_mels, sound.n_frames, sound.profile, strict=True)) == {(64, 1000, "paper")}
    assert note["recognition_network"].startswith("resnet50_ft_weight.pkl-")
    assert note["embedding_size"] == 2048


def test_without_the_weights_a_sentence_says_so_and_the_rest_goes_on(make_checkout: Callable[..., Checkout]) -> None:
    checkout = make_checkout("paper", *SMALL[:4], "sources.demo.clips_per_person=1", "crop.n_random=2")
    output = checkout.run("dvc", "repro", "dataset")
    faces = pd.read_parquet(checkout.root / "manifests/dataset/faces.parquet")
    ledger = pd.read_parquet(checkout.root / "manifests/ledger/demo/identify.parquet")
    assert "weights 'vggface2_resnet50'" in output
    assert "all else goes on" in output
    assert set(ledger.reason) == {"no_recognition_network"}
    assert len(faces) > 0
    assert not faces.is_labelled.any()
