"""A training step written the way of the released code: eager float32, nothing shared between the two losses.

By the facts of Jonlysun/AudioFace 704c855, with this project's networks, which compute the same: the batch is copied
tensor by tensor from pageable memory; the face recognition network, its batch norms as they are, runs once for each of
the two faces, without gradients; the generator's and the discriminator's loss are propagated back one after the other,
each through the whole of both networks; Adam takes one tensor after the other.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from model.data.samples import Batch, TrainingSamples
from model.networks.discriminator import PatchDiscriminator
from model.networks.generator import InpaintingGenerator
from pipeline.identity.network.resnet import FaceRecognitionNetwork

POOL_PX = 7
N_LOADER_WORKERS = 4
"""The released code's default."""


class FloatSamples:
    """Samples loaded as float32, as the released code does."""

    def __init__(self, samples: TrainingSamples) -> None:
        self._samples = samples

    def load(self, numbers: Sequence[int]) -> Batch:
        """Return the samples of these numbers."""
        return self._samples.load(numbers).unpacked()


class ReleasedStep:
    """The networks and optimizers of the released training, and its step."""

    def __init__(
        self,
        generator: InpaintingGenerator,
        discriminator: PatchDiscriminator,
        recognition: FaceRecognitionNetwork,
        device: torch.device,
    ) -> None:
        self._device = device
        self._generator, self._discriminator = generator.to(device).train(), discriminator.to(device).train()
        self._recognition = recognition.to(device).eval()
        self._optimizers = [
            torch.optim.Adam(generator.trainable_parameters(), 2e-4, (0.5, 0.999)),
            torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999)),
        ]

    def move(self, batch: Batch) -> Batch:
        """Return the batch on the device."""
        return Batch(*(tensor.to(self._device) for tensor in batch))

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Train on a batch, and return all losses."""
        faces, masks = batch.face_BCHW, batch.mask_B1HW
        inpainted = self._generator(faces * (1.0 - masks), masks, batch.log_mel_BMT)
        composite = inpainted.composite_BCHW
        fake, real = self._discriminator(composite, faces), self._discriminator(faces, composite)
        gan = (((real - fake.mean() + 1) ** 2).mean() + ((fake - real.mean() - 1) ** 2).mean()) / 2
        discriminator = (((real - fake.mean() - 1) ** 2).mean() + ((fake - real.mean() + 1) ** 2).mean()) / 2
        label = functional.l1_loss(inpainted.label_BD, batch.label_BD)
        face, audio_face = (functional.l1_loss(one, faces) for one in (composite, inpainted.audio_face_BCHW))
        with torch.no_grad():
            match = (self._features(composite) - self._features(inpainted.audio_face_BCHW)).abs().mean()
        total = face + 0.01 * audio_face + 0.002 * gan + 0.001 * label + match
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        torch.autograd.backward(total, retain_graph=True)
        torch.autograd.backward(discriminator)
        for optimizer in self._optimizers:
            optimizer.step()
        return {
            "total": total.detach(),
            "label": label.detach(),
            "match": match,
            "face": face.detach(),
            "audio_face": audio_face.detach(),
            "gan": gan.detach(),
            "discriminator": discriminator.detach(),
        }

    def _features(self, faces_BCHW: Tensor) -> Tensor:
        """The published network of a 256 px face as it is: its map of 8x8 is pooled at four places."""
        network = self._recognition
        x_BCHW = network.maxpool(functional.relu(network.bn1(network.conv1(network.pad_end(faces_BCHW)))))
        x_BCHW = network.layer4(network.layer3(network.layer2(network.layer1(x_BCHW))))
        return functional.avg_pool2d(x_BCHW, POOL_PX, stride=1).flatten(1)
