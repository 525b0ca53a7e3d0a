"""The command line of the exports."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.core.base.errors import BadInput
from stages.__main__ import app
from tests.built_dataset import Made
from tests.export.conftest import files_in

pytestmark = pytest.mark.usefixtures("in_the_dataset")


@pytest.fixture
def in_the_dataset(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.at.root)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["export", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    ("kind", "printed"),
    [
        ("huggingface", "test: 32 pairs, 12 faces, 8 audio"),
        ("webdataset", "test: 32 samples, 1 shards"),
        ("folder", "test: 8 Images, 8 Audios, 4 IDFeat"),
    ],
)
def test_an_export_prints_and_notes_its_counts(kind: str, printed: str, tmp_path: Path) -> None:
    to = tmp_path / "export"
    assert run(kind, "--to", str(to), "--split", "test") == f"{to}:\n{printed}\n"
    note = json.loads((to / "facevox-export.json").read_text())
    assert note["export"] == kind
    assert list(note["counts"]) == ["test"]
    assert run(kind, "--to", str(to), "--force").splitlines()[2] == printed


def test_options_reach_the_export(tmp_path: Path) -> None:
    run("folder", "--to", str(tmp_path / "a"), "--pictures", "png", "--all")
    assert sum(name.endswith(".png") for name in files_in(tmp_path / "a")) == 30
    printed = run("webdataset", "--to", str(tmp_path / "b"), "--pairs-per-person", "2", "--shard-mb", "1")
    assert printed.splitlines()[1:] == ["train: 6 samples, 1 shards", "test: 4 samples, 1 shards"]


def test_without_a_built_dataset_the_error_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"the dataset is not built yet. Run 'dvc repro'"):
        run("folder", "--to", "export")
    assert list(tmp_path.iterdir()) == []
