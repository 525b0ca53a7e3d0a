"""The losses of the generator and the discriminator: the paper's Eqs. 2 to 6, and the released code's GAN loss.

Every norm |.|_1 is the mean over all elements, as in the released code, to which the paper's weights belong.
Losses are computed in float32 or better, also under autocast.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from model.networks.frozen_recognition import RecognitionInput, at_least_float32
from model.networks.generator import Inpainted
from model.settings import TrainParams

GanKind = Literal["paper", "ralsgan"]


class PatchLogits(NamedTuple):
    """The discriminator's logits of true faces and of inpainted ones, (B, 1, H, W) each."""

    real: Tensor
    fake: Tensor


def identity_label_loss(predicted_BD: Tensor, labels_BD: Tensor) -> Tensor:
    """L_ide = |I_c - psi(x)|_1 (Eq. 2), of the predicted identity label and that of a face of the person."""
    return _mean_distance(predicted_BD, labels_BD)


def identity_match_loss(
    recognition: Callable[[Tensor, RecognitionInput], Tensor],
    inpainted_BCHW: Tensor,
    audio_face_BCHW: Tensor,
    recognition_input: RecognitionInput,
    with_gradient: bool,
) -> Tensor:
    """L_idc = |psi(x_f) - psi(x_a)|_1 (Eq. 3), of the inpainted face and the audio face, RGB in [-1, 1].

    The gradient flows through psi, the face recognition network, to both faces. The released code computes the same
    value without a gradient, which ``with_gradient`` false does.
    """
    with torch.set_grad_enabled(with_gradient and torch.is_grad_enabled()):
        features = recognition(torch.cat([inpainted_BCHW, audio_face_BCHW]), recognition_input)
        inpainted_BD, audio_face_BD = features.chunk(2)
        return _mean_distance(inpainted_BD, audio_face_BD)


def reconstruction_loss(generated_BCHW: Tensor, faces_BCHW: Tensor) -> Tensor:
    """L_c = |x_f - x|_1 and L_a = |x_a - x|_1 (Eq. 4), of an inpainted or audio face and the true one."""
    return _mean_distance(generated_BCHW, faces_BCHW)


def discriminator_loss(kind: GanKind, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the discriminator's loss, from its logits of true and of inpainted faces.

    ``paper``: -(E[log(1 - D(x_f))] + E[log D(x)]), the negative of Eq. 5, with D the logits' sigmoid.
    ``ralsgan``: relativistic average least squares (Jolicoeur-Martineau 2018), as in the released code and CSA:
    true faces are to lie 1 above the mean of the inpainted ones, inpainted ones 1 below the mean of the true.
    """
    real, fake = at_least_float32(real_logits), at_least_float32(fake_logits)
    if kind == "paper":
        return functional.softplus(fake).mean() + functional.softplus(-real).mean()
    return _relativistic_squares(real, fake, margin=1.0)


def generator_gan_loss(kind: GanKind, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the generator's loss L_gan of Eq. 6, from the discriminator's logits.

    ``paper``: E[log(1 - D(x_f))], the part of Eq. 5 that depends on the generator, as it is written. It is negative,
    and its gradient vanishes as the discriminator wins; the common remedy, -E[log D(x_f)], is not in the paper.
    ``ralsgan``: the discriminator's loss with the signs of both margins changed.
    """
    real, fake = at_least_float32(real_logits), at_least_float32(fake_logits)
    if kind == "paper":
        return -functional.softplus(fake).mean()
    return _relativistic_squares(real, fake, margin=-1.0)


class GeneratorLosses(NamedTuple):
    """The sum of Eq. 6 and its unweighted terms, scalars; a term that the variant lacks is 0."""

    total: Tensor
    label: Tensor
    match: Tensor
    face: Tensor
    audio_face: Tensor
    gan: Tensor


def generator_losses(
    params: TrainParams,
    inpainted: Inpainted,
    faces_BCHW: Tensor,
    labels_BD: Tensor,
    *,
    recognition: Callable[[Tensor, RecognitionInput], Tensor] | None,
    logits: PatchLogits,
) -> GeneratorLosses:
    """Return Eq. 6 for inpainted faces, with the weights of ``params``; losses are those of the composite.

    ``recognition`` is None where the variant does not match identities. ``logits`` are the discriminator's.
    """
    zero = inpainted.composite_BCHW.new_zeros((), dtype=torch.float32)
    label, match, audio_face = zero, zero, zero
    if inpainted.label_BD is not None:
        label = identity_label_loss(inpainted.label_BD, labels_BD)
    if inpainted.audio_face_BCHW is not None:
        audio_face = reconstruction_loss(inpainted.audio_face_BCHW, faces_BCHW)
        if recognition is not None:
            match = identity_match_loss(
                recognition,
                inpainted.composite_BCHW,
                inpainted.audio_face_BCHW,
                params.recognition_input,
                params.match_gradient,
            )
    face = reconstruction_loss(inpainted.composite_BCHW, faces_BCHW)
    gan = generator_gan_loss(params.gan, logits.real, logits.fake)
    total = (
        params.weight_label * label
        + params.weight_match * match
        + params.weight_face * face
        + params.weight_audio_face * audio_face
        + params.weight_gan * gan
    )
    return GeneratorLosses(total, label, match, face, audio_face, gan)


def _mean_distance(a: Tensor, b: Tensor) -> Tensor:
    return functional.l1_loss(at_least_float32(a), at_least_float32(b))


def _relativistic_squares(real: Tensor, fake: Tensor, margin: float) -> Tensor:
    real_part = (real - fake.mean() - margin).square().mean()
    fake_part = (fake - real.mean() + margin).square().mean()
    return (real_part + fake_part) / 2
