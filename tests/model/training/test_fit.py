"""The loop trains as plain torch would, and resumes to the same bytes whatever stopped it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from model.settings import OptimizerParams
from model.training import stopwatch
from model.training.checkpoint import Checkpoints
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess
from pipeline.core.base import progress as progress_module
from pipeline.core.base.errors import BadInput, FacevoxError
from pipeline.core.base.images import decode_png
from pipeline.core.base.imports import ROOT
from pipeline.core.base.torch_threads import single_thread
from tests.model.training.toy_task import PARAMS, ToyBatch, ToySamples, ToyTask, bytes_of, toy_network, train_toy


class Killed(Exception):
    """What stops a training in these tests."""


def kill_at(step: int):
    def before_step(number: int) -> None:
        if number == step:
            raise Killed

    return before_step


def steps_of(folder: Path) -> list[str]:
    """The names of the states in ``folder`` without their hashes."""
    return sorted(re.sub("-[0-9a-f]{16}", "", path.name) for path in folder.iterdir())


def changed(**changes: object) -> OptimizerParams:
    return PARAMS.model_copy(update=changes)


@single_thread()
def plain_training(steps: int, lrs: Sequence[float] = ()) -> tuple[dict[str, bytes], list[float]]:
    """The same training without any of the loop, with learning rates by step if they are given: weights and losses."""
    torch.manual_seed(PARAMS.seed)
    network, samples, losses = toy_network(), ToySamples(PARAMS.seed), []
    optimizer = torch.optim.Adam(network.parameters(), PARAMS.lr, (PARAMS.beta1, PARAMS.beta2))
    for step in range(steps):
        x_B3, y_B2 = samples.load(range(step * PARAMS.batch, (step + 1) * PARAMS.batch))
        loss = functional.l1_loss(network(x_B3), y_B2)
        if lrs:
            optimizer.param_groups[0]["lr"] = lrs[step]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return bytes_of(network), losses


def test_training_is_what_plain_torch_makes_of_the_same_samples() -> None:
    task, result = train_toy(None)
    weights, losses = plain_training(12)
    assert bytes_of(task.network) == weights
    assert [step for step, _ in result.reports] == [3, 6, 9, 12]
    for step, means in result.reports:
        assert means == {
            "l1": pytest.approx(sum(losses[step - 3 : step]) / 3, rel=1e-12),
            "twice": pytest.approx(2 * sum(losses[step - 3 : step]) / 3, rel=1e-12),
        }
    assert result.losses == result.reports[-1][1]
    assert result.n_steps == 12


def test_the_learning_rate_is_halved_after_so_many_steps_and_again() -> None:
    task, _ = train_toy(None, changed(lr_halved_every=5))
    lr = PARAMS.lr
    assert bytes_of(task.network) == plain_training(12, [lr] * 5 + [lr / 2] * 5 + [lr / 4] * 2)[0]


def test_a_training_that_goes_on_keeps_to_its_learning_rates(tmp_path: Path) -> None:
    halved = changed(lr_halved_every=5)
    train_toy(tmp_path, halved.model_copy(update={"steps": 8}))
    assert bytes_of(train_toy(tmp_path, halved)[0].network) == bytes_of(train_toy(None, halved)[0].network)


def test_the_last_steps_are_reported_also_when_none_is_due() -> None:
    _, result = train_toy(None, changed(steps=7))
    _, losses = plain_training(7)
    assert result.reports[-1] == (7, {"l1": pytest.approx(losses[6]), "twice": pytest.approx(2 * losses[6])})


def test_another_seed_gives_other_weights() -> None:
    assert bytes_of(train_toy(None)[0].network) != bytes_of(train_toy(None, changed(seed=2))[0].network)


def test_a_training_leaves_the_caller_s_generator_and_threads_alone() -> None:
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    train_toy(None)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), before)


# Step 7 lies between two reports, and after the checkpoint of step 5; step 4 before any checkpoint; 11 after two.
@pytest.mark.parametrize("killed_at", [4, 6, 7, 11, 12])
def test_a_killed_training_goes_on_to_the_losses_and_bytes_of_an_unbroken_one(tmp_path: Path, killed_at: int) -> None:
    unbroken, expected = train_toy(None)
    with pytest.raises(Killed):
        train_toy(tmp_path, before_step=kill_at(killed_at))
    steps: list[int] = []
    task, result = train_toy(tmp_path, before_step=steps.append)
    assert steps[0] == killed_at - (killed_at - 1) % 5
    assert bytes_of(task.network) == bytes_of(unbroken.network)
    assert result.reports == expected.reports


@pytest.mark.slow
def test_a_process_killed_outright_after_a_checkpoint_costs_only_the_steps_since(tmp_path: Path) -> None:
    """SIGKILL: nothing is tidied up, as when power fails."""
    code = (
        "import os, signal, sys; from pathlib import Path; from tests.model.training.toy_task import train_toy\n"
        "def before_step(number):\n"
        "    if number == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "train_toy(Path(sys.argv[1]), before_step=before_step)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert steps_of(tmp_path) == ["000000005.pt"]
    steps: list[int] = []
    task, result = train_toy(tmp_path, before_step=steps.append)
    assert steps == [6, 7, 8, 9, 10, 11, 12]
    unbroken, expected = train_toy(None)
    assert bytes_of(task.network) == bytes_of(unbroken.network)
    assert result.reports == expected.reports


def test_a_training_that_ended_is_not_repeated(tmp_path: Path) -> None:
    first, expected = train_toy(tmp_path)
    lines: list[str] = []
    again, result = train_toy(tmp_path, before_step=kill_at(1), log=lines.append)
    assert bytes_of(again.network) == bytes_of(first.network)
    assert result == expected
    assert lines == ["toy: had ended at step 12, nothing is left to do"]


def test_a_longer_training_goes_on_where_a_shorter_one_ended_which_stays(tmp_path: Path) -> None:
    short, _ = train_toy(tmp_path, changed(steps=7))
    steps: list[int] = []
    longer, _ = train_toy(tmp_path, before_step=steps.append)
    assert steps == [8, 9, 10, 11, 12]
    assert bytes_of(longer.network) == plain_training(12)[0]
    again, _ = train_toy(tmp_path, changed(steps=7), before_step=kill_at(1))
    assert bytes_of(again.network) == bytes_of(short.network)


# The first is the latest state, the second one at which a shorter training ended.
@pytest.mark.parametrize(("steps", "goes_on_at"), [((10,), 8), ((10, 7), 1)])
def test_a_training_whose_latest_states_are_damaged_ends_with_the_bytes_of_an_unbroken_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], steps: tuple[int, ...], goes_on_at: int
) -> None:
    train_toy(tmp_path, changed(steps=7))
    with pytest.raises(Killed):
        train_toy(tmp_path, before_step=kill_at(11))
    for step in steps:
        (path,) = tmp_path.glob(f"{step:09d}-*.pt")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    done: list[int] = []
    task, _ = train_toy(tmp_path, before_step=done.append)
    assert done[0] == goes_on_at
    assert bytes_of(task.network) == plain_training(12)[0]
    assert capsys.readouterr().out.count("is damaged and was removed") == len(steps)


def test_workers_change_no_value() -> None:
    alone, expected = train_toy(None)
    helped, result = train_toy(None, process=TrainingProcess(n_loader_workers=2))
    assert bytes_of(helped.network) == bytes_of(alone.network)
    assert result.reports == expected.reports


def spoil(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the loss of ``step`` no number."""

    def step_with_nan(self: ToyTask, number: int, batch: ToyBatch) -> dict[str, Tensor]:
        losses = original(self, number, batch)
        return {**losses, "twice": losses["twice"] * float("nan" if number == step else 1)}

    original = ToyTask.step
    monkeypatch.setattr(ToyTask, "step", step_with_nan)


# That of step 8 is found when losses are reported after step 9, that of step 10 before it becomes a checkpoint.
@pytest.mark.parametrize("step", [8, 10])
def test_a_loss_that_is_no_number_stops_the_training_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as spoilt, pytest.raises(FacevoxError) as raised:
        spoil(step, spoilt)
        train_toy(tmp_path)
    assert str(raised.value) == (
        f"toy: the loss 'twice' was no longer a finite number in step {step} of 12. The last good checkpoint, of "
        f"step 5, is kept in {tmp_path}. Lower toy.lr (now 0.01): a new training starts."
    )
    assert steps_of(tmp_path) == ["000000005.pt"]
    task, _ = train_toy(tmp_path)
    assert bytes_of(task.network) == plain_training(12)[0]


def test_without_a_checkpoint_yet_the_error_says_so_and_names_the_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(2, monkeypatch)
    expected = r"in step 2 of 12\. There is no checkpoint of it\. Lower toy\.lr \(now 0\.01\) or set toy\.precision to"
    with pytest.raises(FacevoxError, match=expected):
        train_toy(tmp_path, changed(precision="bfloat16"))
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_no_numbers_are_no_checkpoint_though_the_loss_was_still_one(tmp_path: Path) -> None:
    """The loss of a step is known before its step is taken."""

    class Overflowing(ToyTask):
        def step(self, number: int, batch: ToyBatch) -> dict[str, Tensor]:
            losses = super().step(number, batch)
            if number == 10:
                self.network[0].weight.data[0, 0] = float("inf")
            return losses

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.model.training.toy_task.ToyTask", Overflowing)
        with pytest.raises(FacevoxError, match=r"'0\.weight' of the network was no longer finite after step 10 of 12"):
            train_toy(tmp_path)
    assert steps_of(tmp_path) == ["000000005.pt"]


def test_the_time_left_is_printed_in_plain_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(progress_module, "_LINE_EVERY_S", 0.0)
    train_toy(tmp_path, changed(steps=3))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["toy: 1 of 3, about 0 s left", "toy: 2 of 3, about 0 s left"]
    train_toy(tmp_path, changed(steps=5))
    assert capsys.readouterr().err.splitlines() == ["toy after step 3: 1 of 2, about 0 s left"]


def test_checkpoints_are_logged_with_the_last_mean_losses(tmp_path: Path) -> None:
    lines: list[str] = []
    _, result = train_toy(tmp_path, log=lines.append)
    losses = [f"l1 {means['l1']:.4g}, twice {means['twice']:.4g}" for _, means in result.reports]
    assert lines == [
        f"toy: step 5 of 12: {losses[0]}",
        f"toy: step 10 of 12: {losses[2]}",
        f"toy: step 12 of 12: {losses[3]}",
    ]


@pytest.mark.parametrize(("steps", "expected"), [(1, 50), (5_000, 50), (5_199, 51), (500_000, 5_000)])
def test_a_hundredth_of_a_training_but_at_least_fifty_steps_lie_between_checkpoints(steps: int, expected: int) -> None:
    assert TrainingContext().steps_between_checkpoints(steps) == expected
    assert TrainingContext(checkpoint_every=7).steps_between_checkpoints(steps) == 7


def test_how_often_a_checkpoint_is_written_changes_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, expected = train_toy(tmp_path / "seldom")
    monkeypatch.setattr("tests.model.training.toy_task.CHECKPOINT_EVERY", 1)
    again, result = train_toy(tmp_path / "often")
    assert bytes_of(again.network) == bytes_of(task.network)
    assert result.reports == expected.reports


class Clock:
    """Moves only when a test moves it."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def move(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of trainings."""
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", clock)
    return clock


def test_the_time_spent_waiting_for_data_is_measured(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(self: ToySamples, k: int) -> tuple[Tensor, Tensor]:
        clock.move(0.02)
        return original(self, k)

    original = ToySamples.__getitem__
    with monkeypatch.context() as patch:
        patch.setattr(ToySamples, "__getitem__", slow)
        _, result = train_toy(None)
    assert result.seconds == pytest.approx(12 * 4 * 0.02)
    assert result.waited_share == pytest.approx(1)
    assert result.samples_per_s == pytest.approx(1 / 0.02)
    _, result = train_toy(None, before_step=lambda number: clock.move(0.05))
    assert result.seconds == pytest.approx(12 * 0.05)
    assert result.waited_share == 0


def test_the_time_of_all_attempts_is_counted(clock: Clock, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train_toy(tmp_path, before_step=lambda number: (clock.move(0.05), kill_at(7)(number)))
    _, result = train_toy(tmp_path, before_step=lambda number: clock.move(0.02))
    assert result.seconds == pytest.approx(5 * 0.05 + 7 * 0.02)


def test_a_batch_that_the_processes_cannot_share_is_refused() -> None:
    with pytest.raises(BadInput, match=r"toy\.batch = 4: expected a multiple of the 3 processes that share it"):
        train_toy(None, process=TrainingProcess(world_size=3))


def read_curve(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_a_log_is_whole_again_after_a_kill_though_its_folder_was_emptied(tmp_path: Path) -> None:
    """DVC deletes outs before a stage runs. Pictures are due at 4, 8 and 12."""
    kept, log = tmp_path / "kept", tmp_path / "log"
    with pytest.raises(Killed):
        train_toy(kept, before_step=kill_at(10), log_folder=log)
    assert sorted(path.name for path in (log / "pictures").iterdir()) == ["000000004.png", "000000008.png"]
    for path in sorted(log.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    _, result = train_toy(kept, log_folder=log)
    expected = [["step", "l1"], *([str(step), str(means["l1"])] for step, means in result.reports)]
    assert read_curve(log / "plots" / "metrics" / "l1.tsv") == expected
    pictures = {path.name: decode_png(path.read_bytes())[0, 0, 0] for path in (log / "pictures").iterdir()}
    assert pictures == {"000000004.png": 4, "000000008.png": 8, "000000012.png": 12}
    assert f'"l1": {result.losses["l1"]}' in (log / "metrics.json").read_text(encoding="utf-8")


def test_pictures_of_steps_after_the_checkpoint_are_not_brought_back(tmp_path: Path) -> None:
    """The state is of step 5, the picture of step 8 is drawn anew."""
    kept, log = tmp_path / "kept", tmp_path / "log"
    with pytest.raises(Killed):
        train_toy(kept, before_step=kill_at(10), log_folder=log)
    with pytest.raises(Killed):
        train_toy(kept, before_step=kill_at(7), log_folder=tmp_path / "second")
    assert [path.name for path in (tmp_path / "second" / "pictures").iterdir()] == ["000000004.png"]
    assert Checkpoints(kept).latest(12).step == 5
