"""Two processes train like one, as far as networks and losses allow, and only the main process writes.

What couples the faces of a batch is left out of the comparison with one process, because each process has its share:
batch norms (which only GPUs synchronise), hence AVFF and with it the full variant, and the relativistic average
loss. The plain U-Net with the paper's loss has neither.
"""

import os
import socket
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from model.training.checkpoint import Checkpoints
from model.training.distributed import TrainingProcess, join_processes
from model.training.run_settings import RunSettings, read_run_settings
from pipeline.core.base.errors import BadInput
from pipeline.core.base.imports import ROOT
from pipeline.core.base.torch_threads import single_thread
from tests.model.training.toy_task import PARAMS, ToySamples, toy_network, train_toy
from tests.model.training.two_processes import inpaint

TIMEOUT_S = 200
Report = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def reports(folder: Path) -> tuple[Report, Report]:
    """The reports of two processes that were started as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    processes = []
    for rank in ("0", "1"):
        (folder / rank).mkdir()
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.model.training.two_processes", str(folder), rank],
                env={**os.environ, **shared, **rendezvous, "RANK": rank, "LOCAL_RANK": rank},
                cwd=ROOT,
            )
        )
    assert [process.wait(TIMEOUT_S) for process in processes] == [0, 0]
    first, second = (torch.load(folder / rank / "report.pt", weights_only=True) for rank in ("0", "1"))
    return first, second


@pytest.mark.slow
def test_processes_have_their_ranks(reports: tuple[Report, Report]) -> None:
    assert [(one["rank"], one["world_size"]) for one in reports] == [(0, 2), (1, 2)]


@pytest.mark.slow
def test_weights_and_losses_are_those_of_one_process_where_nothing_couples_a_batch(
    reports: tuple[Report, Report],
) -> None:
    alone, result = train_toy(None, normed=False)
    for one in reports:
        for name, tensor in alone.network.state_dict().items():
            torch.testing.assert_close(one["plain"][name], tensor, rtol=1e-4, atol=1e-5)
        for (step, means), (expected_step, expected) in zip(one["reports"], result.reports, strict=True):
            assert step == expected_step
            assert means == {name: pytest.approx(mean, rel=1e-4) for name, mean in expected.items()}


@pytest.mark.slow
def test_generator_and_discriminator_take_the_step_of_one_process(reports: tuple[Report, Report]) -> None:
    alone = inpaint()
    for one in reports:
        for name, tensor in alone.items():
            torch.testing.assert_close(one["generator"][name], tensor, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["plain", "normed", "resumed", "generator", "recognition"])
def test_both_processes_end_with_the_same_weights_and_running_statistics(
    reports: tuple[Report, Report], which: str
) -> None:
    first, second = (one[which] for one in reports)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
@single_thread()
def test_batch_norms_on_cpu_see_their_shares_and_the_mean_of_their_statistics_is_kept(
    reports: tuple[Report, Report],
) -> None:
    """Both processes simulated in turn: own batch norms, common gradients."""
    torch.manual_seed(PARAMS.seed)
    first = toy_network()
    second, samples = deepcopy(first), ToySamples(PARAMS.seed)
    optimizer = torch.optim.Adam(first.parameters(), PARAMS.lr, (PARAMS.beta1, PARAMS.beta2))
    for step in range(PARAMS.steps):
        second.load_state_dict({**second.state_dict(), **dict(first.named_parameters())})
        for place, network in enumerate((first, second)):
            start = step * PARAMS.batch + place * 2
            x_B3, y_B2 = samples.load([start, start + 1])
            network.zero_grad()
            functional.l1_loss(network(x_B3), y_B2).backward()
        for one, other in zip(first.parameters(), second.parameters(), strict=True):
            one.grad = (one.grad + other.grad) / 2
        optimizer.step()
    found = reports[0]["normed"]
    for name, weight in first.named_parameters():
        torch.testing.assert_close(found[name], weight.detach(), rtol=1e-4, atol=1e-5)
    for name in ("running_mean", "running_var"):
        mean = (getattr(first[1], name) + getattr(second[1], name)) / 2
        torch.testing.assert_close(found[f"1.{name}"], mean, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_only_the_main_process_writes_and_logs(reports: tuple[Report, Report], folder: Path) -> None:
    assert len(reports[0]["lines"]) == 3
    assert reports[1]["lines"] == []
    assert (folder / "0" / "log" / "metrics.json").is_file()
    assert not (folder / "1" / "log").exists()
    assert Checkpoints(folder / "states").latest(99).step == 15


@pytest.mark.slow
def test_a_state_of_two_processes_is_gone_on_from_by_one(reports: tuple[Report, Report], folder: Path) -> None:
    task, _ = train_toy(folder / "states")
    assert all(torch.equal(reports[0]["normed"][name], tensor) for name, tensor in task.network.state_dict().items())


@pytest.mark.slow
def test_processes_that_would_go_on_from_different_states_stop(reports: tuple[Report, Report]) -> None:
    expected = "the checkpoint to go on from differs between the processes of this training (0 to 2)"
    assert all(one["disagreement"].startswith(expected) for one in reports)


@pytest.mark.slow
def test_a_loss_that_is_no_number_in_one_process_stops_both(reports: tuple[Report, Report]) -> None:
    assert all("the loss 'twice' was no longer a finite number in step 4 of 12" in one["nan"] for one in reports)


def test_without_torchrun_a_training_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_processes(RunSettings(device=torch.device("cpu"), n_loader_workers=3)) as process:
        assert process == TrainingProcess(n_loader_workers=3)
        assert process.is_main


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_DEVICE", "cpu")
    monkeypatch.setenv("FACEVOX_LOADER_WORKERS", "0")
    monkeypatch.setenv("FACEVOX_CHECKPOINT_EVERY", "")
    assert read_run_settings() == RunSettings(device=torch.device("cpu"), n_loader_workers=0)
    monkeypatch.setenv("FACEVOX_CHECKPOINT_EVERY", "7")
    assert read_run_settings().checkpoint_every == 7


def test_one_processor_is_left_to_the_training_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEVOX_LOADER_WORKERS", raising=False)
    for n_processors, n_workers in ((1, 0), (3, 2), (64, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=n_processors: set(range(n)))
        assert read_run_settings().n_loader_workers == n_workers


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("FACEVOX_DEVICE", "meta", "FACEVOX_DEVICE=meta: expected cpu, cuda, or cuda:N"),
        ("FACEVOX_LOADER_WORKERS", "-1", "FACEVOX_LOADER_WORKERS='-1': expected a whole number, 0 or more"),
        ("FACEVOX_LOADER_WORKERS", "two", "FACEVOX_LOADER_WORKERS='two': expected a whole number, 0 or more"),
        ("FACEVOX_CHECKPOINT_EVERY", "0", "FACEVOX_CHECKPOINT_EVERY='0': expected a whole number, 1 or more"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput, match=message):
        read_run_settings()
