"""A real run of all data stages: what is there afterwards, and what runs again when something changes."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.conftest import Checkout, stages_run

pytestmark = pytest.mark.slow

AFTER_SELECT = ["select", "dataset"]


def test_a_second_run_finds_nothing_to_do(small: Checkout) -> None:
    assert stages_run(small.run("dvc", "repro", "dataset")) == []


def test_clearing_the_store_leaves_a_finished_run_finished(small: Checkout) -> None:
    store = small.root.parent / "store"
    store.rename(store.with_name("put-aside"))
    output = small.run("dvc", "repro", "dataset")
    store.with_name("put-aside").rename(store)
    assert stages_run(output) == []


def test_every_clip_comes_to_an_end_in_every_stage(small: Checkout) -> None:
    ledgers = {path.stem: pd.read_parquet(path) for path in (small.root / "manifests/ledger").rglob("*.parquet")}
    assert {stage: len(rows) for stage, rows in ledgers.items() if stage != "select"} == {
        "sources": 6,
        "download": 6,
        "detect": 6,
        "subjects": 6,
        "crop": 6,
        "audio": 12,  # six clips, and one segment of each
        "recognise": 0,  # generated talkers are not embedded
        "identify": 6,
        "persons": 6,
        "dataset": 9,  # three persons, and six segments
    }
    assert set(pd.concat(ledgers.values()).status) <= {"ok", "filtered"}


def test_a_threshold_moves_only_what_follows_it(small: Checkout) -> None:
    small.facevox("profile", "--set", "select.max_lip_gap=0.0165")
    assert stages_run(small.run("dvc", "repro", "dataset")) == AFTER_SELECT


def test_an_experiment_in_place_and_one_in_a_copy_decide_anew_without_looking_anew(small: Checkout) -> None:
    in_place = stages_run(small.run("dvc", "exp", "run", "dataset", "-S", "select.max_yaw_deg=3", "-n", "in-place"))
    in_a_copy = small.run("dvc", "exp", "run", "dataset", "--temp", "-S", "select.max_yaw_deg=0.9", "-n", "in-a-copy")
    assert in_place == AFTER_SELECT
    # A copy has no links to the media: they are made again, and every item comes from the store.
    assert stages_run(in_a_copy) == ["download@demo", *AFTER_SELECT]
    assert "6 items, 0 computed, 6 from the store" in in_a_copy
    shown = {row["Experiment"]: row for row in csv.DictReader(small.run("dvc", "exp", "show", "--csv").splitlines())}
    standard = {name: int(shown[name]["standard faces"] or 0) for name in ("in-place", "in-a-copy")}
    print(f"standard faces by max_yaw_deg: 3: {standard['in-place']}, 0.9: {standard['in-a-copy']}")
    assert standard["in-a-copy"] < standard["in-place"]


def test_manifests_and_shards_open_in_the_libraries_of_the_field(
    small: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    frames = small.root / "manifests/sets/demo/frames.parquet"
    n_rows = len(pd.read_parquet(frames))
    assert len(polars.read_parquet(frames)) == n_rows > 0
    assert duckdb.sql(f"select count(*) from '{frames}'").fetchall() == [(n_rows,)]
    load = {"split": "train", "cache_dir": str(tmp_path)}
    faces = datasets.load_dataset("parquet", data_files=str(small.root / "data/faces/demo/*.parquet"), **load)
    sound = datasets.load_dataset("parquet", data_files=str(small.root / "data/audio/demo/*.parquet"), **load)
    assert (faces[0]["image"].size, faces[0]["image"].mode) == ((256, 256), "RGB")
    assert (len(sound[0]["log_mel"]), sound.features["log_mel"].length) == (64_000, 64_000)


def test_git_sees_nothing_but_the_params_that_were_changed(small: Checkout) -> None:
    output = {line[3:] for line in small.run("git", "status", "--porcelain").splitlines()}
    assert output <= {"params.yaml", "dvc.lock"}


def test_stats_are_the_numbers_of_table_1(small: Checkout) -> None:
    stats = json.loads((small.root / "manifests/dataset/stats.json").read_text())
    identities = pd.read_parquet(small.root / "manifests/dataset/identities.parquet")
    assert stats["total"]["identities"] == len(identities)
    assert stats["total"]["standard faces"] == identities.n_standard_faces.sum()


def test_another_clone_pulls_from_a_remote_what_a_run_pushed(small: Checkout, tmp_path: Path) -> None:
    small.run("dvc", "remote", "add", "-f", "-d", "results", str(tmp_path / "remote"))
    small.run("git", "add", "-f", "dvc.lock", ".dvc/config")
    small.run("git", "commit", "-q", "-m", "results")
    small.run("dvc", "push")
    clone = Checkout(tmp_path / "clone")
    small.run("git", "clone", "-q", ".", str(clone.root))
    clone.run("dvc", "pull", "--allow-missing", "dataset", "--with-deps")
    for name in ("manifests/dataset/pairs.parquet", "manifests/persons.parquet", "data/faces/demo", "data/audio/demo"):
        written, pulled = small.root / name, clone.root / name
        files = [""] if written.is_file() else [path.name for path in written.iterdir()]
        assert files
        assert all((pulled / one).read_bytes() == (written / one).read_bytes() for one in files)
    assert not (clone.root / "data/media").exists()
