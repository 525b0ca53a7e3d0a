"""The whole network against the reference's layer table, written out block by block with plain functions."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model.networks.generator import Inpainted, InpaintingGenerator
from model.settings import VARIANTS, ModelParams, Variant

WIDTH, LABEL_SIZE, N_MELS = 8, 24, 64
State = Mapping[str, Tensor]


def network_of(variant: Variant, gain: float = 1.0) -> InpaintingGenerator:
    """All weights and statistics random and far from where they start."""
    torch.manual_seed(1)
    network = InpaintingGenerator(ModelParams(width=WIDTH, variant=variant, avff_gain=gain), LABEL_SIZE).double()
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.is_floating_point():
            tensor.normal_(0, 0.15)
    return network


def inputs(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(2)
    masks = torch.zeros(batch, 1, 256, 256, dtype=torch.float64)
    masks[:, :, 89:217, 64:192] = 1
    faces = torch.rand(batch, 3, 256, 256, dtype=torch.float64) * 2 - 1
    return faces * (1 - masks), masks, torch.randn(batch, N_MELS, 90, dtype=torch.float64)


def down(x: Tensor, state: State, block: int) -> Tensor:
    name = f"encoder.convolutions.{block - 1}"
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1)


def up(x: Tensor, state: State, block: int) -> Tensor:
    name = f"decoder.convolutions.{8 - block}"
    return F.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=2, padding=1)


def lrelu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.2 * x)


def instance(x: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5)


def batch_norm(x: Tensor, state: State, name: str) -> Tensor:
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    return F.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"])


def pointwise(x: Tensor, state: State, name: str) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"])


def bottleneck(x: Tensor, state: State, name: str) -> Tensor:
    x = torch.relu(batch_norm(pointwise(x, state, f"{name}.0"), state, f"{name}.1"))
    return batch_norm(pointwise(x, state, f"{name}.3"), state, f"{name}.4")


def fused(face: Tensor, audio: Tensor, state: State, level: int, gain: float) -> Tensor:
    name = f"decoder.avffs.{level}"
    f_v = pointwise(face, state, f"{name}.project_face")
    both = pointwise(torch.cat([f_v, audio], 1), state, f"{name}.project_both")
    pooled = (f_v + audio).mean(dim=(2, 3), keepdim=True)
    m = torch.sigmoid(
        bottleneck(both, state, f"{name}.local_context") + bottleneck(pooled, state, f"{name}.global_context")
    )
    return gain * m * f_v + gain * (1 - m) * audio


def voice_embedding(x: Tensor, state: State) -> Tensor:
    for place in (0, 3, 6, 9):
        x = F.conv1d(x, state[f"voice.model.{place}.weight"], stride=2, padding=1)
        x = torch.relu(batch_norm(x, state, f"voice.model.{place + 1}"))
    x = F.conv1d(x, state["voice.model.12.weight"], state["voice.model.12.bias"], stride=2, padding=1).mean(dim=2)
    return x / torch.sqrt((x * x).sum(dim=1, keepdim=True))


def audio_decoder(voice: Tensor, state: State) -> tuple[Tensor, list[Tensor]]:
    def layer(x: Tensor, name: str, **how: int) -> Tensor:
        return F.conv_transpose2d(x, state[f"audio_face.{name}.weight"], state[f"audio_face.{name}.bias"], **how)

    x = torch.relu(layer(voice[:, :, None, None], "model.0"))
    px8 = torch.relu(layer(x, "model.2", stride=2, padding=1))
    px16 = torch.relu(layer(px8, "model.4", stride=2, padding=1))
    px32 = torch.relu(layer(px16, "model.6", stride=2, padding=1))
    px64 = torch.relu(layer(px32, "model.8", stride=2, padding=1))
    px128 = torch.relu(layer(px64, "upsample.0", stride=2, padding=1))
    px256 = torch.relu(layer(px128, "upsample.2", stride=2, padding=1))
    return layer(px256, "upsample.4"), [px16, px32, px64, px128]


def reference(network: InpaintingGenerator, masked: Tensor, masks: Tensor, log_mels: Tensor) -> Inpainted:
    """Section "Inpainting U-Net" of the reference: the table of blocks, line by line, in evaluation mode."""
    params, state = network.params, network.state_dict()
    e1 = down(masked, state, 1)
    e2 = instance(down(lrelu(e1), state, 2))
    e3 = instance(down(lrelu(e2), state, 3))
    e4 = instance(down(lrelu(e3), state, 4))
    e5 = instance(down(lrelu(e4), state, 5))
    e6 = instance(down(lrelu(e5), state, 6))
    e7 = instance(down(lrelu(e6), state, 7))
    e8 = down(lrelu(e7), state, 8)
    code, audio_face, taps = e8[:, :, 0, 0], None, []
    if params.uses_voice:
        voice = voice_embedding(log_mels, state)
        code = torch.relu(F.linear(torch.cat([code, voice], 1), state["fuse.weight"], state["fuse.bias"]))
    if params.fusion:
        audio_face, taps = audio_decoder(voice, state)

    def joined(face: Tensor, level: int) -> list[Tensor]:
        if params.fusion == "avff":
            return [fused(face, taps[level], state, level, params.avff_gain)]
        return taps[level : level + 1]

    relu = torch.relu
    d8 = instance(up(relu(code[:, :, None, None]), state, 8))
    d7 = instance(up(relu(torch.cat([d8, lrelu(e7)], 1)), state, 7))
    d6 = instance(up(relu(torch.cat([d7, lrelu(e6)], 1)), state, 6))
    d5 = instance(up(relu(torch.cat([d6, lrelu(e5)], 1)), state, 5))
    d4 = instance(up(relu(torch.cat([d5, lrelu(e4), *joined(d5, 0)], 1)), state, 4))
    d3 = instance(up(relu(torch.cat([d4, lrelu(e3), *joined(d4, 1)], 1)), state, 3))
    d2 = instance(up(relu(torch.cat([d3, lrelu(e2), *joined(d3, 2)], 1)), state, 2))
    d1 = up(relu(torch.cat([d2, lrelu(e1), *joined(d2, 3)], 1)), state, 1)
    raw = torch.tanh(d1)
    label = None
    if params.predicts_label:
        hidden = relu(F.linear(code, state["label_head.0.weight"], state["label_head.0.bias"]))
        label = F.linear(hidden, state["label_head.2.weight"], state["label_head.2.bias"])
    return Inpainted(torch.where(masks == 1, raw, masked), raw, audio_face, label)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_computes_the_table_of_layers(variant: Variant) -> None:
    network = network_of(variant, gain=2.0 if variant == "full" else 1.0).eval()
    given = inputs()
    with torch.no_grad():
        inpainted, expected = network(*given), reference(network, *given)
    assert inpainted.raw_BCHW.std() > 0.05  # tanh neither flat nor at its ends, so that differences show
    assert inpainted.raw_BCHW.abs().mean() < 0.9
    for found, wanted in zip(inpainted, expected, strict=True):
        if wanted is None:
            assert found is None
        else:
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)


def test_every_feature_has_the_size_of_the_table() -> None:
    """Channels in multiples of the width, times 2 where the audio face halves them; sizes in px."""
    network = network_of("full")
    seen: dict[str, list[tuple[int, int]]] = {"down": [], "up": [], "fused": []}

    def note(kind: str):  # type: ignore[no-untyped-def]
        return lambda _module, _inputs, out: seen[kind].append((out.shape[1], out.shape[-1]))

    assert network.decoder.avffs is not None and network.audio_face is not None
    for kind, modules in (
        ("down", network.encoder.convolutions),
        ("up", network.decoder.convolutions),
        ("fused", network.decoder.avffs),
    ):
        for module in modules:
            module.register_forward_hook(note(kind))
    masked, masks, log_mels = inputs(batch=1)
    with torch.no_grad():
        inpainted = network(masked, masks, log_mels)
        code, skips = network.encoder(masked)
        voice = network.embed_voice(log_mels)
        taps = network.audio_face(voice).taps
    w = WIDTH
    assert seen["down"][:8] == [
        (w, 128),
        (2 * w, 64),
        (4 * w, 32),
        (8 * w, 16),
        (8 * w, 8),
        (8 * w, 4),
        (8 * w, 2),
        (8 * w, 1),
    ]
    assert seen["up"] == [
        (8 * w, 2),
        (8 * w, 4),
        (8 * w, 8),
        (8 * w, 16),
        (4 * w, 32),
        (2 * w, 64),
        (w, 128),
        (3, 256),
    ]
    expected = [(4 * w, 16), (2 * w, 32), (w, 64), (w // 2, 128)]
    assert seen["fused"] == [(tap.shape[1], tap.shape[-1]) for tap in taps] == expected
    assert code.shape == (1, 8 * w)
    assert [(skip.shape[1], skip.shape[-1]) for skip in skips] == seen["down"][:7]
    assert [tuple(image.shape) for image in inpainted] == [(1, 3, 256, 256)] * 3 + [(1, LABEL_SIZE)]


def test_skips_are_leaky_and_avff_sees_the_face_before_relu() -> None:
    network = network_of("full").eval()
    assert network.decoder.avffs is not None
    seen: list[tuple[Tensor, Tensor]] = []
    network.decoder.avffs[0].register_forward_pre_hook(lambda _module, given: seen.append(given))
    masked, masks, log_mels = inputs(batch=1)
    with torch.no_grad():
        network(masked, masks, log_mels)
        skips = network.encoder(masked).skips
        first = network.encoder.convolutions[0](masked)
    torch.testing.assert_close(skips[0], lrelu(first))
    assert (skips[0] < 0).any() and skips[0].min() >= 0.2 * first.min()
    face, audio = seen[0]
    assert (face < 0).float().mean() > 0.3  # an instance norm's output, about half of it below zero
    assert (audio >= 0).all()


def test_only_the_mask_is_inpainted() -> None:
    masked, masks, log_mels = inputs()
    inpainted = network_of("full")(masked, masks, log_mels)
    mask = masks.expand_as(masked) == 1
    assert torch.equal(inpainted.composite_BCHW[~mask], masked[~mask])
    assert torch.equal(inpainted.composite_BCHW[mask], inpainted.raw_BCHW[mask])


def test_convolutions_of_the_u_net_start_at_deviation_0_02_without_bias() -> None:
    torch.manual_seed(0)
    network = InpaintingGenerator(ModelParams(width=WIDTH, variant="full", avff_gain=1.0), LABEL_SIZE)
    for layer in (*network.encoder.convolutions, *network.decoder.convolutions):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        assert not layer.bias.any()
