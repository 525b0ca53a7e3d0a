"""The GPU script runs whole on a processor, on next to nothing: all sections end well, and the JSON has figures."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu.__main__ import SECTIONS, run
from benchmarks.gpu.report import Report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run all sections; return the JSON."""
    out = tmp_path_factory.mktemp("gpu") / "gpu.json"
    run("cpu", True, out, list(SECTIONS))
    content: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return content


def test_every_section_ends_well(written: dict[str, Any]) -> None:
    assert {name: section["error"] for name, section in written["sections"].items()} == dict.fromkeys(SECTIONS)
    assert all(section["ok"] for section in written["sections"].values())
    assert written["machine"]["device"] == "cpu"


def test_each_variant_has_its_speed_and_waiting_share(written: dict[str, Any]) -> None:
    rows = written["sections"]["training"]["rows"]
    names = ("released way", "eager", "tuned, not compiled", "eager, paper's losses")
    assert list(rows) == [f"{name}, batch 2" for name in names]
    assert all(row["images_per_s"] > 0 and row["images_per_s_without_loader"] > 0 for row in rows.values())
    assert all(0 <= row["waiting_share"] < 1 and row["peak_gb"] is None for row in rows.values())
    compared = written["sections"]["compiled"]
    assert set(compared["gains"]) == {"over_eager", "over_released"}
    assert compared["best_images_per_s"].keys() == set(names)


def test_the_released_way_has_this_projects_losses_and_16_bits_are_near(written: dict[str, Any]) -> None:
    differences = written["sections"]["compiled"]["loss_differences"]
    assert differences["released way and eager"] < 1e-5
    assert 0 < differences["tuned, not compiled and eager"] < 0.05
    equality = written["sections"]["equality"]
    assert max(equality["released: the released way and ours, float32"]["differences"]) < 1e-3
    assert equality["paper: cpu and cpu, float32"]["differences"] == [0, 0, 0]


def test_a_killed_training_resumes_to_the_same_bits(written: dict[str, Any]) -> None:
    resume = written["sections"]["resume"]
    assert [resume[way]["is_bit_equal"] for way in ("as it trains", "deterministic kernels")] == [True, True]


def test_loader_evaluation_and_learning_have_figures(written: dict[str, Any]) -> None:
    sections = written["sections"]
    assert sections["loader"]["samples_per_s"]["0"] > 0
    evaluation = sections["evaluation"]
    assert evaluation["paper_faces_s"] == pytest.approx(1757 / evaluation["faces_per_s"], rel=0.1)
    face = sections["learning"]["means_of_first_and_last_tenth"]["face"]
    assert face["last"] < face["first"]


def test_a_section_that_raises_is_noted_and_the_next_one_runs(tmp_path: Path) -> None:
    def raises(report: Report) -> None:
        report.add("before", 1)
        raise RuntimeError("broken")

    report = Report(tmp_path / "gpu.json", torch.device("cpu"))
    report.run("first", raises)
    report.run("second", lambda report: report.add("figure", 2.0))
    sections = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))["sections"]
    assert (sections["first"]["before"], sections["first"]["error"]) == (1, "RuntimeError: broken")
    assert (sections["second"]["figure"], sections["second"]["ok"]) == (2.0, True)
    assert not report.is_ok
