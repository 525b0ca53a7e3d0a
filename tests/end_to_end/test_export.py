"""A real run's dataset, exported in every form: as many items as the run has, and its pictures as they are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.core.base.images import decode_png
from tests.end_to_end.conftest import Checkout

pytestmark = pytest.mark.slow


@pytest.fixture
def listed(small: Checkout) -> dict[str, pd.DataFrame]:
    folder = small.root / "manifests/dataset"
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("faces", "audio", "pairs")}


def test_huggingface_opens_what_the_run_has(
    small: Checkout, listed: dict[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    small.facevox("export", "huggingface", "--to", str(tmp_path / "export"))
    opened = {
        name: datasets.load_dataset(str(tmp_path / "export"), name, cache_dir=str(tmp_path / "cache"))
        for name in listed
    }
    assert {name: sum(map(len, splits.values())) for name, splits in opened.items()} == {
        name: len(rows) for name, rows in listed.items()
    }
    shards = pd.concat(map(pd.read_parquet, (small.root / "data/faces/demo").glob("*.parquet")))
    pictures = {row.face_id: row.image["bytes"] for row in shards.itertuples()}
    face = opened["faces"]["train"][0]
    assert np.array_equal(np.asarray(face["image"]), decode_png(pictures[face["face_id"]]))
    assert len(face["label"]) == 256
    assert opened["audio"]["train"].with_format("numpy")[0]["log_mel"].shape == (64, 1000)


def test_webdataset_and_folder_hold_what_the_run_has(
    small: Checkout, listed: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    n_standard = int(listed["faces"].is_standard.sum())
    output = small.facevox("export", "folder", "--to", str(tmp_path / "folder"))
    endings = [path.suffix for path in (tmp_path / "folder/demo").rglob("*.*")]
    assert endings.count(".jpg") == n_standard > 0
    assert endings.count(".npy") == n_standard + len(listed["audio"])
    assert output.startswith(f"{tmp_path / 'folder'}:\ntrain: ")
    output = small.facevox("export", "webdataset", "--to", str(tmp_path / "tar"))
    samples = [int(line.split(": ")[1].split()[0]) for line in output.splitlines()[1:3]]
    assert sum(samples) == len(listed["pairs"])
    assert sorted(path.name for path in (tmp_path / "tar").glob("*.tar")) == ["test-000000.tar", "train-000000.tar"]
