"""What webdataset reads is what the manifests and shards hold: a sample a pair."""

import re
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.base.draws import draw_order
from pipeline.core.records.person import TEST, TRAIN
from pipeline.export.names import safe_name
from pipeline.export.webdataset import export_webdataset
from tests.built_dataset import Made
from tests.export.conftest import LICENCES, PEOPLE, files_in

webdataset = pytest.importorskip("webdataset")

# The library leaves its files for the garbage collector to close.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def exported(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("webdataset") / "export"
    export_webdataset(made.open(), to)
    return to


def samples_of(folder: Path, split: str) -> list[dict[str, Any]]:
    """Return what the library makes of all shards of a split, in order."""
    shards = sorted(map(str, folder.glob(f"{split}-*.tar")))
    return list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))


@pytest.mark.parametrize("split", [TRAIN, TEST])
def test_a_sample_is_a_pair_with_its_pixels_log_mel_label_and_note(made: Made, exported: Path, split: str) -> None:
    samples = {sample["__key__"]: sample for sample in samples_of(exported, split)}
    pairs = {safe_name(pair.pair_id): pair for pair in made.pairs(split)}
    segments = {segment.segment_id: segment for segment in made.segments(split)}
    assert sorted(samples) == sorted(pairs)
    for key, pair in pairs.items():
        sample, segment = samples[key], segments[pair.segment_id]
        assert np.array_equal(sample["face.png"], made.pictures[pair.face_id])
        assert sample["logmel.npy"].dtype == np.float32
        assert np.array_equal(sample["logmel.npy"], made.log_mels[pair.segment_id])
        assert ("label.npy" in sample) == (pair.face_id in made.labels)
        assert np.array_equal(sample.get("label.npy", 0), made.labels.get(pair.face_id, 0))
        assert sample["json"] == {
            "pair_id": pair.pair_id,
            "face_id": pair.face_id,
            "segment_id": pair.segment_id,
            "dataset": pair.dataset,
            "person_id": pair.person_id,
            "split": split,
            "same_clip": pair.same_clip,
            "face_clip_id": pair.face_id.rpartition("-t00")[0],
            "face_licence": LICENCES[pair.dataset],
            "segment_clip_id": segment.clip_id,
            "segment_licence": LICENCES[pair.dataset],
            "voiced_s": segment.voiced_s,
            "n_valid_frames": segment.n_valid_frames,
        }


def test_samples_are_in_the_order_of_the_draw(made: Made, exported: Path) -> None:
    ids = [pair.pair_id for pair in made.pairs(TRAIN)]
    found = [sample["json"]["pair_id"] for sample in samples_of(exported, TRAIN)]
    assert found == sorted(ids, key=lambda one: draw_order(0, one))
    assert found != sorted(ids)


def test_members_are_sorted_and_carry_no_path_time_or_owner(exported: Path) -> None:
    with tarfile.open(exported / "train-000000.tar") as archive:
        members = archive.getmembers()
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    assert all(re.fullmatch(r"[\w=][\w=-]*\.(face\.png|json|label\.npy|logmel\.npy)", one.name) for one in members)
    first = [one.name.partition(".") for one in members][:4]
    endings = [ending for key, _, ending in first if key == first[0][0]]
    assert endings == sorted(endings)


@pytest.mark.parametrize("shard_bytes", [10_240, 20_480, 50_000])
def test_shards_are_at_most_of_the_given_size_and_as_full_as_can_be(
    made: Made, tmp_path: Path, shard_bytes: int
) -> None:
    counts = export_webdataset(made.open(TRAIN), tmp_path / "export", shard_bytes=shard_bytes)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "export").glob("*.tar"))]
    assert counts[TRAIN] == {"samples": len(made.pairs(TRAIN)), "shards": len(sizes)}
    assert len(sizes) > 1
    assert set(sizes[:-1]) == {shard_bytes // 10_240 * 10_240}
    assert sizes[-1] <= shard_bytes
    assert len(samples_of(tmp_path / "export", TRAIN)) == len(made.pairs(TRAIN))


def test_a_sample_larger_than_a_shard_has_one_of_its_own(made: Made, tmp_path: Path) -> None:
    counts = export_webdataset(made.open(TEST), tmp_path / "export", shard_bytes=1)
    assert counts[TEST] == {"samples": 32, "shards": 32}
    assert len(samples_of(tmp_path / "export", TEST)) == 32


def test_pairs_a_person_are_the_first_as_drawn(made: Made, tmp_path: Path) -> None:
    counts = export_webdataset(made.open(), tmp_path / "export", pairs_per_person=3)
    assert {split: of["samples"] for split, of in counts.items()} == {TRAIN: 9, TEST: 6}
    notes = [sample["json"] for split in (TRAIN, TEST) for sample in samples_of(tmp_path / "export", split)]
    assert Counter((note["dataset"], note["person_id"]) for note in notes) == {
        (dataset, person): 3 for dataset, person, _ in PEOPLE
    }
    ana = [pair.pair_id for pair in made.pairs(TRAIN) if (pair.dataset, pair.person_id) == ("one", "ana")]
    assert {note["pair_id"] for note in notes} & set(ana) == set(sorted(ana, key=lambda one: draw_order(0, one))[:3])


def test_keys_stay_apart_and_short_where_ids_are_long(make: Callable[..., Made], tmp_path: Path) -> None:
    made = make((("d" * 60, "ana", TRAIN),))
    export_webdataset(made.open(), tmp_path / "export")
    keys = [sample["__key__"] for sample in samples_of(tmp_path / "export", TRAIN)]
    assert len(set(keys)) == len(keys) == len(made.pairs(TRAIN))
    assert max(map(len, keys)) == 80


def test_the_code_of_the_card_runs(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(exported)
    names: dict[str, Any] = {}
    exec((exported / "README.md").read_text().split("```python\n")[1].split("```")[0], names)
    first = samples_of(exported, TRAIN)[0]
    assert names["note"] == first["json"]
    assert np.array_equal(np.asarray(names["picture"]), first["face.png"])
    assert np.array_equal(names["log_mel"], first["logmel.npy"])


def test_the_same_dataset_gives_the_same_bytes(made: Made, exported: Path, tmp_path: Path) -> None:
    export_webdataset(made.open(), tmp_path / "export")
    assert files_in(tmp_path / "export") == files_in(exported)
