"""What training and inpainting rely on: the frozen voice, batches of one, types, and errors that say what to mend."""

import pytest
import torch
from torch import Tensor

from model.networks.generator import InpaintingGenerator
from model.networks.voice import VoiceNetwork
from model.settings import VARIANTS, ModelParams, Variant
from pipeline.core.base.errors import BadInput

LABEL_SIZE = 16


def network_of(variant: Variant = "full", n_mels: int = 64) -> InpaintingGenerator:
    torch.manual_seed(3)
    return InpaintingGenerator(ModelParams(width=8, variant=variant, avff_gain=1.0), LABEL_SIZE, n_mels)


def inputs(batch: int = 1, n_frames: int = 70, n_mels: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(4)
    masks = torch.zeros(batch, 1, 256, 256)
    masks[:, :, 64:192, 64:192] = 1
    return (torch.rand(batch, 3, 256, 256) * 2 - 1) * (1 - masks), masks, torch.randn(batch, n_mels, n_frames)


def summed(network: InpaintingGenerator, *given: Tensor) -> Tensor:
    return torch.stack([out.square().mean() for out in network(*given) if out is not None]).sum()


def test_training_leaves_the_voice_network_as_it_is() -> None:
    network = network_of().train()
    assert network.voice is not None
    before = {name: tensor.clone() for name, tensor in network.voice.state_dict().items()}
    optimizer = torch.optim.SGD(network.trainable_parameters(), lr=0.1)
    summed(network, *inputs()).backward()
    optimizer.step()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.voice.state_dict().items())
    assert all(parameter.grad is None for parameter in network.voice.parameters())


def test_training_mode_is_everybody_s_but_the_voice_network_s() -> None:
    network = network_of().eval().train()
    still = {name for name, module in network.named_modules() if not module.training}
    assert still == {name for name, _ in network.named_modules() if name.split(".")[0] == "voice"}
    assert not any(module.training for module in network.eval().modules())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_trainable_weight_gets_a_gradient_from_a_batch_of_one(variant: Variant) -> None:
    """As training with several processes asks: a weight without gradient would stop it."""
    network = network_of(variant).train()
    summed(network, *inputs(batch=1)).backward()
    without = [name for name, one in network.named_parameters() if one.requires_grad and one.grad is None]
    frozen = {name for name, one in network.named_parameters() if not one.requires_grad}
    assert without == []
    assert all(name.startswith(("voice.", "audio_face.model.10.")) for name in frozen)
    assert len(network.trainable_parameters()) == len(list(network.parameters())) - len(frozen)


def test_a_person_inpainted_alone_is_inpainted_as_in_company() -> None:
    network = network_of().eval()
    masked, masks, log_mels = inputs(batch=2)
    with torch.no_grad():
        together = network(masked, masks, log_mels).composite_BCHW
        alone = network(masked[1:], masks[1:], log_mels[1:]).composite_BCHW
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-5)


def test_the_voice_changes_the_inpainted_face_except_in_a_variant_without_voice() -> None:
    masked, masks, log_mels = inputs()
    for variant in VARIANTS:
        network = network_of(variant).eval()
        with torch.no_grad():
            one = network(masked, masks, log_mels).composite_BCHW
            other = network(masked, masks, log_mels.roll(5, dims=1)).composite_BCHW
        assert torch.equal(one, other) == (variant == "base")


def test_inpainting_for_an_embedded_voice_is_inpainting_for_its_log_mel() -> None:
    network = network_of().eval()
    masked, masks, log_mels = inputs()
    with torch.no_grad():
        voice = network.embed_voice(log_mels)
        assert voice is not None and voice.shape == (1, 64)
        torch.testing.assert_close(voice.norm(dim=1), torch.ones(1))
        assert torch.equal(network.inpaint(masked, masks, voice)[0], network(masked, masks, log_mels)[0])
        assert network_of("base").embed_voice(log_mels) is None
        with pytest.raises(BadInput, match="'full' needs a voice"):
            network.inpaint(masked, masks, None)


@pytest.mark.parametrize("n_frames", [1, 2, 33, 1000])
def test_a_log_mel_may_have_any_length(n_frames: int) -> None:
    network = network_of().train()
    voice = network.embed_voice(torch.randn(1, 64, n_frames))
    assert voice is not None and torch.isfinite(voice).all()


def test_a_voice_network_of_another_width_and_more_mels_may_take_over() -> None:
    network = network_of().train()
    voice = VoiceNetwork(n_mels=40, width=16).train()
    network.set_voice_network(voice)
    assert not voice.training and network.n_mels == 40
    assert not any(parameter.requires_grad for parameter in voice.parameters())
    assert network(*inputs(n_mels=40)).composite_BCHW.shape == (1, 3, 256, 256)
    with pytest.raises(BadInput, match=r"log-mels: expected \(B, 40, T\), found \(1, 64, 70\)"):
        network(*inputs())
    with pytest.raises(BadInput, match=r"model.variant 'base' has no use for a voice network"):
        network_of("base").set_voice_network(voice)


def test_under_autocast_outputs_have_the_type_of_the_faces() -> None:
    network = network_of().train()
    with torch.autocast("cpu", torch.bfloat16):
        inpainted = network(*inputs(batch=2))
    assert {out.dtype for out in inpainted if out is not None} == {torch.float32}
    assert all(torch.isfinite(out).all() for out in inpainted if out is not None)


def test_faces_of_another_size_and_masks_of_another_number_are_refused() -> None:
    network = network_of().eval()
    masked, masks, log_mels = inputs(batch=2)
    with pytest.raises(BadInput, match=r"masked faces: expected \(B, 3, 256, 256\), found \(2, 3, 128, 128\)"):
        network(masked[:, :, :128, :128], masks, log_mels)
    with pytest.raises(BadInput, match=r"masks: expected \(2, 1, 256, 256\), found \(1, 1, 256, 256\)"):
        network(masked, masks[:1], log_mels)


def test_a_label_head_without_labels_is_refused_only_where_there_would_be_one() -> None:
    with pytest.raises(BadInput, match=r"'full' predicts identity labels.* size 0"):
        InpaintingGenerator(ModelParams(width=8, variant="full", avff_gain=1.0), 0)
    assert InpaintingGenerator(ModelParams(width=8, variant="audio_avff", avff_gain=1.0), 0).label_head is None
