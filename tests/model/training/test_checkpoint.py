"""A state comes back as it was, old ones go, and a training's folder is its own."""

import errno
import fcntl
import hashlib
import os
import pickle
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import nn

from model.training import code_version as code_version_module
from model.training.checkpoint import (
    Checkpoints,
    TrainingState,
    checkpoints_of,
    damaged_states,
    digest_of,
    open_checkpoints,
)
from model.training.code_version import code_version
from model.training.context import TrainingContext
from pipeline.core.base.hashing import sha256_of
from pipeline.core.storage.used_items import unused, used_keys
from tests.model.training.toy_task import PARAMS

INPUTS = {"data": "d", "voice": "v"}
CODE = Path(code_version_module.__file__)


def state_of(step: int) -> TrainingState:
    network = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(network.parameters(), 0.1, fused=True)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return TrainingState(
        step=step,
        modules={"network": network.state_dict()},
        optimizers={"network": optimizer.state_dict()},
        loss_sums={"l1": 1 / 3},
        n_summed=2,
        reports=[(3, {"l1": 2 / 3})],
        seconds=1.5,
        waited_s=0.25,
    )


def names_in(folder: Path) -> list[str]:
    """The names in ``folder``, states without their hashes."""
    return sorted(re.sub("-[0-9a-f]{16}", "", path.name) for path in folder.iterdir())


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    written = state_of(5)
    Checkpoints(tmp_path).write(written, is_end=False)
    found = Checkpoints(tmp_path).latest(5)
    assert found is not None
    for one in fields(TrainingState):
        if one.name not in ("modules", "optimizers"):
            assert getattr(found, one.name) == getattr(written, one.name)
    for name, tensor in written.modules["network"].items():
        assert torch.equal(found.modules["network"][name], tensor)
    assert found.optimizers["network"]["param_groups"] == written.optimizers["network"]["param_groups"]
    for place, moments in written.optimizers["network"]["state"].items():
        for name, tensor in moments.items():
            assert torch.equal(found.optimizers["network"]["state"][place][name], tensor)


def test_no_state_is_found_where_none_was_written(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "none").latest(99) is None


def test_a_later_state_takes_the_place_of_earlier_ones_but_not_of_those_a_training_ended_at(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step, is_end in ((5, False), (7, True), (10, False), (15, False)):
        checkpoints.write(state_of(step), is_end=is_end)
    assert names_in(tmp_path) == ["000000007.ended.pt", "000000015.pt"]


@pytest.mark.parametrize("is_end", [False, True])
def test_a_state_takes_the_place_of_one_of_the_same_step_and_kind(tmp_path: Path, is_end: bool) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(state_of(5), is_end=not is_end)
    first = checkpoints.write(state_of(5), is_end=is_end)
    second = checkpoints.write(state_of(5), is_end=is_end)
    assert first != second
    assert not first.exists()
    assert names_in(tmp_path) == ["000000005.ended.pt", "000000005.pt"]
    same = TrainingState(step=6)
    assert checkpoints.write(same, is_end=True) == checkpoints.write(same, is_end=True)
    assert checkpoints.latest(6) == same


@pytest.mark.parametrize(("is_end", "ending"), [(False, ".pt"), (True, ".ended.pt")])
def test_the_name_of_a_state_has_the_hash_of_its_bytes(tmp_path: Path, is_end: bool, ending: str) -> None:
    path = Checkpoints(tmp_path).write(state_of(5), is_end=is_end)
    assert path.name == f"000000005-{sha256_of(path)[:16]}{ending}"


def test_the_bytes_of_a_state_are_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, list[str]]] = []

    def sync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, [path.name for path in tmp_path.glob("[0-9]*")]))

    monkeypatch.setattr(os, "fsync", sync)
    path = Checkpoints(tmp_path).write(state_of(5), is_end=False)
    assert synced == [(path.stat().st_ino, [])]


@pytest.mark.parametrize(("at_most", "step"), [(6, None), (7, 7), (14, 7), (15, 15), (99, 15)])
def test_the_latest_state_up_to_a_step_is_found(tmp_path: Path, at_most: int, step: int | None) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(state_of(7), is_end=True)
    checkpoints.write(state_of(15), is_end=False)
    found = checkpoints.latest(at_most)
    assert (found.step if found else None) == step


def flip_a_bit(path: Path) -> None:
    """With the time of before, as a disk does it."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


DAMAGES = [
    pytest.param(flip_a_bit, id="a flipped bit"),
    pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-1]), id="cut short"),
    pytest.param(lambda path: path.write_bytes(b""), id="empty"),
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("before", "start"), [(3, "step 3"), (None, "the start")])
@pytest.mark.parametrize("is_end", [False, True])
def test_a_damaged_state_is_removed_and_the_one_before_is_taken(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], object],
    before: int | None,
    start: str,
    is_end: bool,
) -> None:
    checkpoints = Checkpoints(tmp_path)
    kept = [] if before is None else [checkpoints.write(state_of(before), is_end=True)]
    path = checkpoints.write(state_of(5), is_end=is_end)
    damage(path)
    found = checkpoints.latest(5)
    assert (found.step if found else None) == before
    assert list(tmp_path.iterdir()) == kept
    assert capsys.readouterr().out == f"{path}: is damaged and was removed; the training goes on from {start}\n"


def test_a_damaged_state_beyond_the_training_s_end_is_left_to_the_training_that_needs_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(state_of(5), is_end=True)
    flip_a_bit(checkpoints.write(state_of(6), is_end=True))
    found = checkpoints.latest(5)
    assert found is not None and found.step == 5
    assert names_in(tmp_path) == ["000000005.ended.pt", "000000006.ended.pt"]


def test_other_than_the_writer_passes_over_a_damaged_state_and_removes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Checkpoints(tmp_path).write(state_of(3), is_end=True)
    flip_a_bit(Checkpoints(tmp_path).write(state_of(5), is_end=False))
    found = Checkpoints(tmp_path, is_writer=False).latest(5)
    assert found is not None and found.step == 3
    assert names_in(tmp_path) == ["000000003.ended.pt", "000000005.pt"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a torch file", id="text"),
        pytest.param(pickle.dumps({"step": print}, protocol=2), id="code"),
    ],
)
def test_nothing_is_run_in_a_file_that_is_no_state_though_its_name_has_its_hash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"000000005-{hashlib.sha256(content).hexdigest()[:16]}.pt"
    path.write_bytes(content)
    assert Checkpoints(tmp_path).latest(5) is None
    assert not path.exists()


@pytest.mark.parametrize(("number", "is_lost"), [(errno.EIO, True), (errno.EACCES, False), (errno.EMFILE, False)])
def test_only_a_fault_of_the_disk_makes_a_file_that_can_t_be_read_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_lost: bool
) -> None:
    path = Checkpoints(tmp_path).write(state_of(5), is_end=False)

    def fail(path: Path) -> str:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("model.training.checkpoint.sha256_of", fail)
    if is_lost:
        assert Checkpoints(tmp_path).latest(5) is None
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            Checkpoints(tmp_path).latest(5)
    assert path.exists() != is_lost


def test_the_damaged_states_of_all_trainings_are_found_and_left(tmp_path: Path) -> None:
    assert list(damaged_states(tmp_path / "none")) == []
    expected = []
    for name, damage in (("b-1", flip_a_bit), ("a-1", lambda path: path.write_bytes(b"")), ("c-1", None)):
        checkpoints = Checkpoints(tmp_path / name)
        checkpoints.write(state_of(3), is_end=True)
        path = checkpoints.write(state_of(5), is_end=False)
        if damage:
            damage(path)
            expected.append(path)
    assert list(damaged_states(tmp_path)) == sorted(expected)
    assert all(path.exists() for path in expected)


def test_an_unfinished_file_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the disk is full half way."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(state_of(5), is_end=False)

    def write_half(content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", write_half)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.write(state_of(10), is_end=False)
    assert names_in(tmp_path) == ["000000005.pt"]


def folder_of(root: Path, inputs: dict[str, str] = INPUTS, section: str = "toy", **changes: object) -> str:
    return open_checkpoints(root, section, PARAMS.model_copy(update=changes), inputs, CODE).folder.name


def test_a_training_has_one_folder_whatever_its_length(tmp_path: Path) -> None:
    name = folder_of(tmp_path)
    assert folder_of(tmp_path, steps=99) == name
    assert name.startswith("toy-")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_whatever_changes_a_result_changes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other_params = {
        "lr": 0.02,
        "lr_halved_every": 9,
        "batch": 2,
        "beta1": 0.1,
        "beta2": 0.1,
        "precision": "bfloat16",
        "channels_last": True,
        "compile": True,
        "fused": True,
        "threads": 2,
        "seed": 2,
        "report_every": 1,
    }
    assert other_params.keys() | {"steps"} == PARAMS.model_dump().keys()
    names = {folder_of(tmp_path), folder_of(tmp_path, section="other"), folder_of(tmp_path, {**INPUTS, "data": "e"})}
    names |= {folder_of(tmp_path, **{key: value}) for key, value in other_params.items()}
    monkeypatch.setattr("model.training.checkpoint.code_version", lambda path: "other code")
    names.add(folder_of(tmp_path))
    assert len(names) == 4 + len(other_params)


def test_a_folder_describes_its_training(tmp_path: Path) -> None:
    text = (tmp_path / folder_of(tmp_path) / "training.json").read_text(encoding="utf-8")
    assert '"lr": 0.01' in text
    assert '"voice": "v"' in text


def test_other_than_the_writer_writes_nothing(tmp_path: Path) -> None:
    open_checkpoints(tmp_path, "toy", PARAMS, INPUTS, CODE, is_writer=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_writer", [True, False])
def test_the_writer_removes_what_a_killed_process_left_of_a_state_that_is_not_written_again(
    is_writer: bool, tmp_path: Path
) -> None:
    """The training goes on from the state, which had its name already when the process was killed."""
    folder = tmp_path / folder_of(tmp_path)
    left, held = folder / ".000000001.pt.99.scratch.tmp", folder / ".000000002.pt.98.scratch.tmp"
    for temporary in (left, held):
        temporary.mkdir()
        (temporary / "state.pt").write_bytes(b"half a state")
    descriptor = os.open(held, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    open_checkpoints(tmp_path, "toy", PARAMS, INPUTS, CODE, is_writer=is_writer)
    os.close(descriptor)
    assert (left.exists(), held.exists()) == (not is_writer, True)


def test_the_trainings_that_a_checkout_used_are_recorded(tmp_path: Path) -> None:
    root, checkout = tmp_path / "training", tmp_path / "checkout"
    names = []
    for changes in ({}, {"lr": 0.02}):  # another run, with other params
        context = TrainingContext(checkpoint_root=root, checkout=checkout)
        opened = checkpoints_of(context, "toy", PARAMS.model_copy(update=changes), lambda: INPUTS, CODE)
        assert opened is not None and context.trainings == [opened.folder.name]
        names.append(opened.folder.name)
    assert used_keys(root, "toy", [checkout]) == {names[1]} != {names[0]}
    checkpoints_of(TrainingContext(checkpoint_root=root), "toy", PARAMS, lambda: INPUTS, CODE)
    assert used_keys(root, "toy", [checkout]) == {names[1]}
    with unused(root / names[1]) as is_free:
        assert not is_free


def test_the_digest_of_a_network_is_that_of_its_weights() -> None:
    torch.manual_seed(0)
    one, other = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    assert digest_of(one) == digest_of(other)
    other.running_mean[0] = 1e-7
    assert digest_of(one) != digest_of(other)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own: ``train`` imports ``draw`` through ``loss``, inside a function, and never ``lonely``."""
    (tmp_path / "model").mkdir()
    (tmp_path / "pipeline" / "core" / "base").mkdir(parents=True)
    (tmp_path / "model" / "train.py").write_text("import torch\nfrom model import loss\nRATE = 1\n")
    (tmp_path / "model" / "loss.py").write_text(
        "def loss():\n    from pipeline.core.base.draws import x\n    return x\n"
    )
    (tmp_path / "pipeline" / "core" / "base" / "draws.py").write_text(
        "from model import train\nfrom pipeline.core.base import errors\nx = 1\n"
    )
    (tmp_path / "pipeline" / "core" / "base" / "errors.py").write_text("TEXT = 'sorry'\n")
    (tmp_path / "model" / "lonely.py").write_text("y = 1\n")
    monkeypatch.setattr(code_version_module, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", ["model/train.py", "model/loss.py", "pipeline/core/base/draws.py"])
def test_code_has_another_version_when_it_or_what_it_imports_changes(project: Path, file: str) -> None:
    before = code_version(project / "model" / "train.py")
    (project / file).write_text((project / file).read_text() + "z = 2\n")
    assert code_version(project / "model" / "train.py") != before


def test_texts_layout_and_files_that_compute_nothing_do_not_change_the_version(project: Path) -> None:
    before = code_version(project / "model" / "train.py")
    code = '"""What."""\n# Why.\nimport torch\n\nfrom model import loss\n\nRATE = (1)\n"""How fast."""\n'
    (project / "model" / "train.py").write_text(code)
    (project / "model" / "loss.py").write_text(
        'def loss():\n    """Why."""\n    from pipeline.core.base.draws import x\n    return x\n'
    )
    (project / "model" / "lonely.py").write_text("y = 2\n")
    (project / "pipeline" / "core" / "base" / "errors.py").write_text("TEXT = 'oh'\n")
    assert code_version(project / "model" / "train.py") == before
