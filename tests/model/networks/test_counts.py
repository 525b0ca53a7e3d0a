"""At width 64 every part has the number of weights that the paper's released code has (counted by hand there)."""

import pytest
import torch

from model.networks.discriminator import PatchDiscriminator
from model.networks.generator import InpaintingGenerator, count_parameters
from model.settings import VARIANTS, ModelParams, Variant

LABEL_SIZE = 2048


def paper(variant: Variant) -> InpaintingGenerator:
    """The network at the paper's width, without memory for its weights."""
    with torch.device("meta"):
        return InpaintingGenerator(ModelParams(width=64, variant=variant, avff_gain=1.0), LABEL_SIZE)


def conv(n_in: int, n_out: int, area: int = 16) -> int:
    return n_in * n_out * area + n_out


def avff(channels: int) -> int:
    inner = channels // 4
    bottleneck = conv(channels, inner, 1) + 2 * inner + conv(inner, channels, 1) + 2 * channels
    return 2 * conv(2 * channels, channels, 1) + 2 * bottleneck


VOICE = sum(3 * n_in * n_out + 2 * n_out for n_in, n_out in [(64, 256), (256, 384), (384, 576), (576, 864)])
PARTS = {
    "encoder": conv(3, 64) + conv(64, 128) + conv(128, 256) + conv(256, 512) + 4 * conv(512, 512),
    "decoder without AVFF": conv(512, 512)
    + 3 * conv(1024, 512)
    + conv(1280, 256)
    + conv(640, 128)
    + conv(320, 64)
    + conv(160, 3),
    "fuse": 576 * 512 + 512,
    "AVFF": avff(256) + avff(128) + avff(64) + avff(32),
    "label_head": 512 * 1024 + 1024 + 1024 * 2048 + 2048,
    "voice": VOICE + conv(864, 64, 3),
    "generator": conv(64, 1024) + conv(1024, 512) + conv(512, 256) + conv(256, 128) + conv(128, 64) + conv(64, 3, 1),
    "upsampling": conv(64, 32) + conv(32, 16) + conv(16, 3, 1),
}
PUBLISHED_MILLIONS = {
    "encoder": 19.54,
    "decoder without AVFF": 36.25,
    "fuse": 0.30,
    "AVFF": 0.44,
    "label_head": 2.62,
    "voice": 2.67,
    "generator": 12.19,
    "upsampling": 0.04,
}


def test_each_part_of_the_full_network_has_the_reference_s_weights() -> None:
    network = paper("full")
    assert network.fuse is not None and network.label_head is not None
    assert network.voice is not None and network.audio_face is not None and network.decoder.avffs is not None
    n_avff = count_parameters(network.decoder.avffs)
    counted = {
        "encoder": count_parameters(network.encoder),
        "decoder without AVFF": count_parameters(network.decoder) - n_avff,
        "fuse": count_parameters(network.fuse),
        "AVFF": n_avff,
        "label_head": count_parameters(network.label_head),
        "voice": count_parameters(network.voice),
        "generator": count_parameters(network.audio_face.model),
        "upsampling": count_parameters(network.audio_face.upsample),
    }
    assert counted == PARTS
    assert {part: round(n / 1e6, 2) for part, n in counted.items()} == PUBLISHED_MILLIONS
    assert count_parameters(network) == sum(PARTS.values()) == 74_050_745  # 74.05 M


def test_the_plain_u_net_has_54_41_million_weights() -> None:
    assert count_parameters(paper("base")) == 54_409_603


@pytest.mark.parametrize(("n_images", "n_weights"), [(1, 2_764_737), (2, 2_767_809)])
def test_the_discriminator_of_pairs_has_2_77_million_weights_and_that_of_faces_3072_fewer(
    n_images: int, n_weights: int
) -> None:
    with torch.device("meta"):
        assert count_parameters(PatchDiscriminator(n_images, 64)) == n_weights


def test_each_variant_is_the_one_before_and_one_part_more() -> None:
    without_audio = {"encoder", "decoder"}
    present = {variant: {name for name, _ in paper(variant).named_children()} for variant in VARIANTS}
    assert present["base"] == without_audio
    assert present["audio_embedding"] == without_audio | {"voice", "fuse"}
    assert present["audio_concat"] == present["audio_avff"] == present["audio_embedding"] | {"audio_face"}
    assert present["identity_label"] == present["full"] == present["audio_avff"] | {"label_head"}


def test_concatenation_has_the_channels_of_avff_and_none_of_its_weights() -> None:
    concat, fused = paper("audio_concat"), paper("audio_avff")
    assert [layer.weight.shape for layer in concat.decoder.convolutions] == [
        layer.weight.shape for layer in fused.decoder.convolutions
    ]
    assert count_parameters(fused) - count_parameters(concat) == PARTS["AVFF"]
