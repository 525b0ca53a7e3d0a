"""Persons are recognised by voice in segments not trained on, whatever stops the training meanwhile."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from model.data.samples_pretrain import VoiceSamples, hold_out_voices
from model.data.split import DatasetSplit
from model.networks.voice import VoiceNetwork
from model.training.context import TrainingContext
from model.training.fit import CannotTrain
from model.training.tasks.voice import train_voice
from pipeline.core.base.errors import BadInput
from pipeline.core.base.torch_threads import single_thread
from tests.model.conftest import N_FRAMES
from tests.model.params_of import voice_params
from tests.model.small_split import small_split
from tests.model.training.networks_to_train import WIDTH
from tests.model.training.toy_task import bytes_of

pytestmark = pytest.mark.slow

CONTEXT = TrainingContext(log=lambda line: None)


@pytest.fixture(scope="module")
def voices() -> DatasetSplit:
    """Three persons with four segments each, a quarter of which is held out."""
    return small_split(n_persons=3, n_each=4)


def test_held_out_segments_are_given_to_the_right_persons(voices: DatasetSplit) -> None:
    params = voice_params(steps=40, batch=6, lr=2e-3)
    network, metrics, result = train_voice(voices, params, WIDTH, CONTEXT)
    assert (metrics.n_persons, metrics.n_train_segments, metrics.n_holdout_segments) == (3, 9, 3)
    assert metrics.n_persons_without_holdout == 0
    assert metrics.holdout_accuracy == 1.0
    assert result.losses["cross_entropy"] < 0.5
    assert (network.width, network.n_mels, network.training) == (WIDTH, 64, False)


def test_the_accuracy_is_that_of_whole_segments_by_the_most_likely_person(
    voices: DatasetSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that always names the first person is right in a third of the cases, one of each."""

    def only_first(self: nn.Linear, x: torch.Tensor) -> torch.Tensor:
        logits = original(self, x)
        return logits if torch.is_grad_enabled() else functional.one_hot(torch.zeros(len(x), dtype=torch.long), 3) * 1.0

    original = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", only_first)
    _, metrics, _ = train_voice(voices, voice_params(), WIDTH, CONTEXT)
    assert metrics.holdout_accuracy == pytest.approx(1 / 3)


def test_nothing_held_out_is_no_accuracy(voices: DatasetSplit) -> None:
    _, metrics, _ = train_voice(voices, voice_params(holdout_share=0.0), WIDTH, CONTEXT)
    assert metrics.holdout_accuracy is None
    assert (metrics.n_train_segments, metrics.n_holdout_segments, metrics.n_persons_without_holdout) == (12, 0, 3)


@single_thread()
def test_training_is_cross_entropy_over_persons_on_a_linear_layer(voices: DatasetSplit) -> None:
    params = voice_params(steps=2)
    torch.manual_seed(params.seed)
    voice = VoiceNetwork(width=WIDTH)
    classifier = nn.Sequential(voice, nn.Linear(64, 3))
    optimizer = torch.optim.Adam(classifier.parameters(), params.lr, (0.5, 0.999))
    samples = VoiceSamples(voices, params, hold_out_voices(voices, params)[0])
    for step in range(2):
        log_mels_BMT, person_B = samples.load([2 * step, 2 * step + 1])
        log_odds = functional.log_softmax(classifier(log_mels_BMT), dim=1)
        loss = -(log_odds[0, person_B[0]] + log_odds[1, person_B[1]]) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network, _, result = train_voice(voices, params, WIDTH, CONTEXT)
    for name, tensor in voice.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)
    assert result.n_steps == 2


class Killed(Exception):
    """What stops a training in these tests."""


def test_a_killed_training_goes_on_to_the_bytes_of_an_unbroken_one(
    voices: DatasetSplit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it reads the batch of step 4, after the checkpoint of step 2."""
    params = voice_params(steps=5)
    context = TrainingContext(checkpoint_root=tmp_path, log=lambda line: None)
    unbroken, expected, _ = train_voice(voices, params, WIDTH, CONTEXT)

    def read(self: VoiceSamples, k: int) -> object:
        if k == 7:
            raise Killed
        return original(self, k)

    original = VoiceSamples.__getitem__
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(VoiceSamples, "__getitem__", read)
        train_voice(voices, params, WIDTH, context)
    resumed, metrics, _ = train_voice(voices, params, WIDTH, context)
    assert bytes_of(resumed) == bytes_of(unbroken)
    assert metrics == expected


def test_one_voice_alone_cannot_be_classified(make_array_split: Callable[..., DatasetSplit]) -> None:
    with pytest.raises(CannotTrain, match="expected voices of 2 persons or more, found 4 segments of 1"):
        train_voice(make_array_split(1), voice_params(), WIDTH, CONTEXT)


def test_a_person_of_whom_only_faces_are_there_does_not_count() -> None:
    data = DatasetSplit.from_arrays(
        np.zeros((2, 8, 8, 3), np.uint8), np.zeros((1, 64, 50), np.float32), None, ["a", "b"], ["a"]
    )
    with pytest.raises(CannotTrain, match="found 1 segments of 1"):
        train_voice(data, voice_params(), WIDTH, CONTEXT)


def test_pieces_longer_than_a_log_mel_are_refused(voices: DatasetSplit) -> None:
    with pytest.raises(BadInput, match=f"min_frames <= max_frames <= {N_FRAMES}"):
        train_voice(voices, voice_params(max_frames=N_FRAMES + 1), WIDTH, CONTEXT)
