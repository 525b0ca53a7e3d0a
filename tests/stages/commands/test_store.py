"""Commands on the store: its size, damage found, and the removal of what no checkout uses."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.subject import StretchSound, TrackEmbedding, VoiceEmbedding
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.manifest import write_manifest
from pipeline.core.storage.used_items import checkouts_of, record_used
from stages.commands.store import _text, app
from tests.face.tracks import a_stretch_sound

STEPS = ("download", "detect", "crop", "audio", "recognise", "identify")
STATE = f"000000100-{hashlib.sha256(bytes(2_000_000)).hexdigest()[:16]}.ended.pt"
KEYS = [f"{number}{'0' * 63}" for number in range(4)]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four items of 1000 bytes of the step detect, two trainings, weights, an unfinished download."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("FACEVOX_CACHE", str(cache))
    store = ItemStore(cache / "items")
    for key in KEYS:
        with store.adding("detect", key) as folder:
            write(folder / "faces" / "content", 1000)
    for name in ("pretrain_voice-01", "train-02"):
        write(cache / "training" / name / STATE, 2_000_000)
    write(cache / "weights" / "network.onnx", 5_000_000)
    write(cache / "unfinished" / "ab" / "video.part", 300)
    return cache


@pytest.fixture
def checkout(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, whose last runs used two of the items and one training."""
    checkout = checkout_in(tmp_path / "checkout", "[a]")
    monkeypatch.chdir(checkout)
    record_used(cache / "items", "detect", checkout, "detect@a", KEYS[:2])
    record_used(cache / "training", "train", checkout, "train", ["train-02"])
    return checkout


def checkout_in(folder: Path, datasets: str) -> Path:
    folder.mkdir()
    (folder / "params.yaml").write_text(f"datasets: {datasets}\n")
    return folder


def write(path: Path, n_bytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(n_bytes))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def rows(output: str) -> list[list[str]]:
    """Return the lines of a table, as words."""
    return [line.split() for line in output.splitlines()]


def keys(cache: Path) -> list[str]:
    return sorted(ItemStore(cache / "items").keys("detect"))


def test_the_size_is_by_step_training_weights_and_unfinished_downloads(cache: Path) -> None:
    shown = rows(run("size").output)
    assert shown[0] == [str(cache)]
    assert ["training", "pretrain_voice", "1", "2.0", "MB"] in shown
    assert ["weights", "network.onnx", "1", "5.0", "MB"] in shown
    assert ["unfinished", "download", "1", "300", "bytes"] in shown
    (of_items,) = [row for row in shown if row[:2] == ["items", "detect"]]
    assert (of_items[2], of_items[4]) == ("4", "kB")
    assert 4.0 <= float(of_items[3]) < 5.0  # 1000 bytes each, and their lists of files


def test_an_empty_cache_has_no_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "none"))
    assert rows(run("size").output)[-1] == ["all", "0", "0", "bytes"]
    assert run("verify").output == "0 results, all as they were written.\n"


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB")]
    + [(5 * 10**15, "5,000.0 TB")],
)
def test_a_size_is_a_number_below_a_thousand_and_its_unit(n_bytes: int, text: str) -> None:
    assert _text(n_bytes) == text


def test_verify_removes_an_item_with_one_bit_flipped_and_says_which(cache: Path) -> None:
    path = ItemStore(cache / "items").folder("detect", KEYS[1]) / "faces" / "content"
    times = path.stat()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    result = run("verify")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"detect: {KEYS[1]} is damaged and will be removed: faces/content: other content than was written.",
        "1 of 4 results were damaged; a run that needs one of them computes it again.",
    ]
    assert keys(cache) == [KEYS[0], *KEYS[2:]]
    result = run("verify")
    assert (result.exit_code, result.stdout) == (0, "3 results, all as they were written.\n")


def test_what_no_run_of_the_checkout_used_is_shown_and_removed_only_with_yes(cache: Path, checkout: Path) -> None:
    shown = run("gc").output
    assert shown.splitlines()[0] == f"Kept: what these runs in {checkout} used: detect@a, train."
    assert shown.splitlines()[-1].startswith("Nothing is removed yet: 'facevox store gc --yes'")
    assert ["training", "pretrain_voice", "1", "2.0", "MB"] in rows(shown)
    assert [row[2] for row in rows(shown) if row[:2] == ["items", "detect"]] == ["2"]
    assert keys(cache) == KEYS
    removed = run("gc", "--yes").output
    assert keys(cache) == KEYS[:2]
    assert [path.name for path in (cache / "training").glob("*-*")] == ["train-02"]
    assert list((cache / "unfinished").iterdir()) == []
    assert (cache / "weights" / "network.onnx").is_file()
    assert [row for row in rows(removed) if len(row) == 5] == [row for row in rows(shown) if len(row) == 5]
    assert run("gc", "--yes").output.splitlines()[1:] == ["Nothing is unused."]


def test_a_download_that_a_killed_process_was_removing_is_removed(cache: Path, checkout: Path) -> None:
    write(cache / "unfinished" / ".ab.77.old.tmp" / "media.mp4", 7000)
    assert ["unfinished", "left", "by", "ended", "processes", "1", "7.0", "kB"] in rows(run("size").output)
    assert ["unfinished", "left", "by", "ended", "processes", "1", "7.0", "kB"] in rows(run("gc", "--yes").output)
    assert list((cache / "unfinished").iterdir()) == []


def test_results_of_all_checkouts_named_are_kept_and_others_are_pointed_out(
    cache: Path, checkout: Path, tmp_path: Path
) -> None:
    other = checkout_in(tmp_path / "other", "[a]")
    record_used(cache / "items", "detect", other, "detect@a", KEYS[2:3])
    assert run("gc").output.splitlines()[1] == (
        f"Not kept, unless you name these checkouts too: what only they use: {other}."
    )
    run("gc", str(checkout), str(other), "--yes")
    assert keys(cache) == KEYS[:3]


def test_runs_of_a_dataset_that_the_params_no_longer_list_keep_nothing(cache: Path, checkout: Path) -> None:
    record_used(cache / "items", "detect", checkout, "detect@b", KEYS[2:])
    run("gc", "--yes")
    assert keys(cache) == KEYS[:2]


def test_a_checkout_that_has_recorded_nothing_is_an_error_and_nothing_is_removed(
    cache: Path, checkout: Path, tmp_path: Path
) -> None:
    other = checkout_in(tmp_path / "other", "[a]")
    with pytest.raises(BadInput, match=r"other: no run here has recorded .* 'dvc repro --force'"):
        run("gc", str(checkout), str(other), "--yes")
    with pytest.raises(BadParams, match=r"params.yaml: not found"):
        run("gc", str(tmp_path), "--yes")
    assert keys(cache) == KEYS


@pytest.fixture
def in_use(cache: Path) -> Iterator[None]:
    """Another process works on detect."""
    descriptor = os.open(cache / "items" / "detect", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    yield
    os.close(descriptor)


@pytest.mark.usefixtures("in_use")
def test_what_a_running_process_uses_is_left(cache: Path, checkout: Path) -> None:
    shown = run("gc", "--yes").output
    assert "items of detect: left as they are, because a running process uses them." in shown
    assert keys(cache) == KEYS
    assert [path.name for path in (cache / "training").glob("*-*")] == ["train-02"]


def test_what_ended_processes_left_is_removed(cache: Path, checkout: Path) -> None:
    left = cache / "items" / "detect" / "12" / ".1234.tmp"
    write(left / "half", 700)
    assert ["items", "left", "by", "ended", "processes", "1", "700", "bytes"] in rows(run("gc", "--yes").output)
    assert not left.exists()


def damage(cache: Path, key: str) -> Path:
    path = ItemStore(cache / "items").folder("detect", key) / "faces" / "content"
    path.chmod(0o644)
    path.write_bytes(bytes(999))
    return path


def test_verify_skips_an_item_that_another_process_has_removed_meanwhile(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = ItemStore.fault

    def remove_first(store: ItemStore, step: str, key: str, *, check_hashes: bool = False) -> str:
        if key == KEYS[2]:
            store.remove(step, key)
        return fault(store, step, key, check_hashes=check_hashes)

    monkeypatch.setattr(ItemStore, "fault", remove_first)
    result = run("verify")
    assert (result.exit_code, result.stdout) == (0, "3 results, all as they were written.\n")


def test_verify_names_what_is_damaged_and_cannot_be_removed_and_goes_on(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(cache, KEYS[0])
    damage(cache, KEYS[1])

    def remove(store: ItemStore, step: str, key: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(ItemStore, "remove", remove)
    result = run("verify")
    lines = result.stdout.splitlines()
    assert (result.exit_code, len(lines)) == (1, 5)
    for key in KEYS[:2]:
        (said, failed) = [line for line in lines if line.startswith(f"detect: {key}")]
        assert said.startswith(f"detect: {key} is damaged and will be removed: content: ")
        assert failed.startswith(f"detect: {key} is damaged (content: ")
        assert failed.endswith(") and can't be removed: Read-only file system.")


def test_verify_removes_damaged_states_of_trainings(cache: Path) -> None:
    state = cache / "training" / "train-02" / STATE
    write(state, 1_999_999)
    result = run("verify")
    assert (result.exit_code, state.exists()) == (1, False)
    assert result.stdout.splitlines() == [
        f"training: {state} is damaged and will be removed: its bytes are not those that were written; the training "
        "goes on from the state before, or starts anew."
    ]
    assert (cache / "training" / "pretrain_voice-01" / state.name).exists()


def write_ledger(checkout: Path, step: str, *drops: Dropped | None) -> None:
    rows = [ledger_row(step, f"clip{number}", drop) for number, drop in enumerate(drops)]
    path = Layout(checkout).ledger(step, "a")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_manifest(path, LedgerRow, rows)


def test_a_copy_of_a_checkout_that_has_run_one_step_is_refused_and_nothing_is_removed(
    cache: Path, checkout: Path
) -> None:
    for step in STEPS:
        write_ledger(checkout, step, None)
    for step in STEPS[:4]:
        record_used(cache / "items", step, checkout, f"{step}@a", KEYS[:1])
    named = "'recognise@a', 'identify@a'"
    with pytest.raises(BadInput) as error:
        run("gc", "--yes")
    assert str(error.value) == (
        f"{checkout}: {named} has not recorded here what it uses in {cache}, and that would be removed: run 'dvc repro "
        "--force' or 'python -m stages recognise a', 'python -m stages identify a' first (finished items cost seconds)."
    )
    assert keys(cache) == KEYS
    for step in STEPS[4:]:
        record_used(cache / "items", step, checkout, f"{step}@a", [])
    run("gc", "--yes")
    assert keys(cache) == KEYS[:1]


def test_a_training_whose_log_is_there_needs_a_record(cache: Path, checkout: Path) -> None:
    write(checkout / "data" / "training" / "pretrain_voice" / "losses.tsv", 1)
    with pytest.raises(BadInput, match=r"'pretrain_voice' has not recorded .* 'python -m stages pretrain_voice' first"):
        run("gc", "--yes")


def test_steps_without_items_or_a_network_need_no_record(cache: Path, checkout: Path) -> None:
    write_ledger(checkout, "download")
    write_ledger(checkout, "recognise", Dropped.filtered("no_network", ""))
    write_ledger(checkout, "identify", Dropped.filtered("no_recognition_network", ""))
    run("gc", "--yes")
    assert keys(cache) == KEYS[:2]
    write_ledger(checkout, "identify", Dropped.filtered("no_recognition_network", ""), Dropped.filtered("no_face", ""))
    with pytest.raises(BadInput, match=r"'identify@a' has not recorded"):
        run("gc", "--yes")


@pytest.mark.parametrize("of_sound", [False, True])
def test_subjects_need_a_record_where_anything_was_measured_of_a_clip(
    of_sound: bool, cache: Path, checkout: Path
) -> None:
    at = Layout(checkout)
    write_ledger(checkout, "subjects", None)
    write_manifest(at.track_embeddings("a"), TrackEmbedding, [])
    write_manifest(at.voice_embeddings("a"), VoiceEmbedding, [])
    sounds = [a_stretch_sound("a/clip", 0.0, 2.0, 0.0)] if of_sound else []
    write_manifest(at.stretch_sounds("a"), StretchSound, sounds)
    if not of_sound:
        run("gc", "--yes")
        assert keys(cache) == KEYS[:2]
        return
    with pytest.raises(BadInput, match=r"'subjects@a' has not recorded"):
        run("gc", "--yes")


def test_params_other_than_those_of_the_last_run_are_refused(cache: Path, checkout: Path) -> None:
    (checkout / "params.yaml").write_text("datasets: [a]\ndetect: {min_score: 1}\n")
    with pytest.raises(BadInput) as error:
        run("gc", "--yes")
    assert str(error.value) == (
        f"{checkout}: params.yaml has changed since 'detect@a' last ran here: run 'python -m stages detect a' first "
        "(finished items cost seconds)."
    )
    assert keys(cache) == KEYS
    record_used(cache / "items", "detect", checkout, "detect@a", KEYS[2:])
    run("gc", "--yes")
    assert keys(cache) == KEYS[2:]


def test_params_of_a_step_without_a_network_are_not_compared(cache: Path, checkout: Path) -> None:
    record_used(cache / "items", "recognise", checkout, "recognise@a", [])
    (checkout / "params.yaml").write_text("datasets: [a]\nrecognise: {network: null}\n")
    with pytest.raises(BadInput, match=r"since 'recognise@a' last ran here"):
        run("gc", "--yes")
    write_ledger(checkout, "recognise")
    run("gc", "--yes")
    assert keys(cache) == KEYS[:2]


def test_records_of_checkouts_that_are_gone_are_removed_only_with_yes(
    cache: Path, checkout: Path, tmp_path: Path
) -> None:
    gone = checkout_in(tmp_path / "gone", "[a]")
    for name in ("items", "training"):
        record_used(cache / name, "detect", gone, "detect@a", [])
    (gone / "params.yaml").unlink()
    gone.rmdir()
    run("gc")
    assert [checkouts_of(cache / name) for name in ("items", "training")] == [[checkout, gone]] * 2
    run("gc", "--yes")
    assert [checkouts_of(cache / name) for name in ("items", "training")] == [[checkout]] * 2
