"""The audio-face decoder learns faces from voices, from anew or from given weights, and nothing else learns."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.data.samples_pretrain import AudioFaceSamples
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder
from model.networks.voice import VoiceNetwork
from model.settings import PretrainAudioFaceParams
from model.training.checkpoint import digest_of
from model.training.context import TrainingContext
from model.training.fit import CannotTrain
from model.training.tasks.audio_face import train_audio_face
from pipeline.core.base.errors import BadInput
from pipeline.core.base.torch_threads import single_thread
from tests.model.params_of import audio_face_params
from tests.model.training.networks_to_train import WIDTH, make_networks
from tests.model.training.toy_task import bytes_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def voice() -> VoiceNetwork:
    return make_networks().voice


def log_nothing(line: str) -> None:
    """Drop the line."""


def train(
    data: DatasetSplit,
    voice: VoiceNetwork,
    params: PretrainAudioFaceParams,
    *,
    start: Path | None = None,
    checkpoint_root: Path | None = None,
) -> AudioFaceDecoder:
    context = TrainingContext(checkpoint_root=checkpoint_root, log=log_nothing)
    return train_audio_face(data, voice, params, WIDTH, start=start, context=context)[0]


@single_thread()
def test_training_is_l1_at_256_px_from_the_noisy_voice_of_unit_length(
    array_split: DatasetSplit, voice: VoiceNetwork
) -> None:
    params = audio_face_params(steps=2, noise=0.5)
    torch.manual_seed(params.seed)
    decoder = AudioFaceDecoder(WIDTH)
    learning = [one for one in decoder.parameters() if one.requires_grad]
    optimizer = torch.optim.Adam(learning, params.lr, (0.5, 0.999))
    samples, losses = AudioFaceSamples(array_split, params), []
    for step in range(2):
        batch = samples.load([2 * step, 2 * step + 1]).unpacked()
        voice_B64 = voice(batch.log_mel_BMT).detach()
        noisy = voice_B64 / voice_B64.norm(dim=1, keepdim=True) + batch.noise_BV
        decoded = decoder(noisy / noisy.norm(dim=1, keepdim=True)).face_BCHW
        loss = (decoded - batch.face_BCHW).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    found, result = train_audio_face(array_split, voice, params, WIDTH, context=TrainingContext(log=log_nothing))
    assert result.losses == {"audio_face": pytest.approx(sum(losses) / 2, rel=1e-5)}
    for name, tensor in decoder.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


def test_faces_all_of_one_colour_are_soon_drawn(voice: VoiceNetwork) -> None:
    """Black faces, and a network that starts with grey."""
    faces = np.zeros((2, 256, 256, 3), np.uint8)
    data = DatasetSplit.from_arrays(faces, np.ones((2, 64, 30), np.float32), None, ["a", "b"], ["a", "b"])
    params = audio_face_params(steps=16, report_every=4, lr=5e-3)
    _, result = train_audio_face(data, voice, params, WIDTH, context=TrainingContext(log=log_nothing))
    assert result.reports[-1][1]["audio_face"] < 0.6 * result.reports[0][1]["audio_face"]


def test_the_voice_network_stays_as_it_is(array_split: DatasetSplit, voice: VoiceNetwork) -> None:
    before = digest_of(voice)
    decoder = train(array_split, voice, audio_face_params())
    assert digest_of(voice) == before
    assert all(parameter.requires_grad for parameter in voice.parameters())
    assert not decoder.training


def test_training_starts_from_a_given_generator_and_the_rest_by_the_seed(
    array_split: DatasetSplit, voice: VoiceNetwork, tmp_path: Path
) -> None:
    """With steps of next to no length the start is what comes out. The file has the layers up to 64 px alone."""
    torch.manual_seed(9)
    given = {name: one for name, one in AudioFaceDecoder(WIDTH).state_dict().items() if name.startswith("model.")}
    save_file(given, tmp_path / "generator.safetensors")
    params = audio_face_params(lr=1e-12)
    from_given = train(array_split, voice, params, start=tmp_path / "generator.safetensors").state_dict()
    from_anew = train(array_split, voice, params).state_dict()
    for name, tensor in from_given.items():
        same_as = given.get(name, from_anew[name])
        torch.testing.assert_close(tensor, same_as, rtol=0, atol=1e-9)


class Killed(Exception):
    """What stops a training in these tests."""


def test_a_killed_training_goes_on_to_the_bytes_of_an_unbroken_one(
    array_split: DatasetSplit, voice: VoiceNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = audio_face_params(steps=3)
    unbroken = train(array_split, voice, params)

    def load(self: AudioFaceSamples, numbers: Sequence[int]) -> object:
        if 5 in numbers:
            raise Killed
        return original(self, numbers)

    original = AudioFaceSamples.load
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(AudioFaceSamples, "load", load)
        train(array_split, voice, params, checkpoint_root=tmp_path)
    assert bytes_of(train(array_split, voice, params, checkpoint_root=tmp_path)) == bytes_of(unbroken)


def test_faces_without_a_voice_are_nothing_to_learn_from(
    make_array_split: Callable[..., DatasetSplit], voice: VoiceNetwork
) -> None:
    with pytest.raises(CannotTrain, match="no face has a segment of its person's voice"):
        train(make_array_split(2, 2, 0), voice, audio_face_params())


def test_a_voice_network_for_other_mels_is_refused(array_split: DatasetSplit) -> None:
    with pytest.raises(BadInput, match="the voice network takes 40 mels, the dataset's log-mels have 64"):
        train(array_split, VoiceNetwork(40, WIDTH), audio_face_params())
