"""The stages of the model half on six short clips, from training to report; ablations as queued experiments."""

import csv
import json
from collections.abc import Callable

import pandas as pd
import pytest

from benchmarks.small_run import SMALL, TINY
from tests.end_to_end.conftest import Checkout, stages_run

pytestmark = pytest.mark.slow

MODEL_STAGES = ["pretrain_voice", "pretrain_audio_face", "train", "evaluate", "report"]
AFTER_MODEL_PARAMS = ["train", "evaluate", "report"]


@pytest.fixture(scope="module")
def trained(make_checkout: Callable[..., Checkout]) -> Checkout:
    """A finished run of all stages, whose store this module has for itself."""
    checkout = make_checkout(*SMALL, *TINY)
    output = checkout.run("dvc", "repro")
    assert stages_run(output)[-len(MODEL_STAGES) :] == MODEL_STAGES
    return checkout


def test_a_run_ends_with_a_trained_network_its_figures_and_a_page(trained: Checkout) -> None:
    note = json.loads((trained.root / "manifests/models/generator.json").read_text())
    metrics = json.loads((trained.root / "metrics.json").read_text())
    evaluated = pd.read_parquet(trained.root / "manifests/evaluation/faces.parquet")
    page = (trained.root / "report/index.html").read_text(encoding="utf-8")
    assert note["width"] == 8
    assert metrics["n_faces"] == len(evaluated) > 0
    assert metrics["psnr"] == pytest.approx(evaluated.psnr.mean())
    assert metrics["l1_masked"] == pytest.approx(evaluated.l1_masked.mean())
    assert "lpips" in metrics["unavailable"]
    assert "<script" not in page and "synthetic" in page


def test_a_finished_training_finds_nothing_to_do(trained: Checkout) -> None:
    assert stages_run(trained.run("dvc", "repro")) == []


def test_a_training_whose_outs_are_gone_comes_back_from_its_checkpoint(trained: Checkout) -> None:
    weights = trained.root / "data/models/generator.safetensors"
    before = weights.read_bytes()
    output = trained.run("dvc", "repro", "-f", "-s", "train")
    assert "train: had ended at step 2, nothing is left to do" in output
    assert weights.read_bytes() == before


def test_a_queue_of_two_ablations_runs_in_copies_and_is_compared(trained: Checkout) -> None:
    trained.run("dvc", "exp", "run", "--queue", "-S", "model.variant=base,audio_embedding")
    trained.run("dvc", "exp", "run", "--run-all", "--jobs", "1")
    shown = list(csv.DictReader(trained.run("dvc", "exp", "show", "--csv").splitlines()))
    by_variant = {row["model.variant"]: row for row in shown if row["Experiment"]}
    print({variant: (row["psnr"], row["l1_masked"]) for variant, row in by_variant.items()})
    assert by_variant.keys() == {"base", "audio_embedding"}
    assert all(float(row["psnr"]) > 0 for row in by_variant.values())
    assert by_variant["base"]["psnr"] != by_variant["audio_embedding"]["psnr"]
    trained.run("dvc", "plots", "diff", "workspace", "HEAD", "-o", str(trained.root.parent / "plots"))
