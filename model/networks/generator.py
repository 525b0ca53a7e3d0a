"""The generator: from a masked face and a voice to an inpainted face (the paper's Fig. 2), and its ablations."""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.networks.audio_face import AudioFace, AudioFaceDecoder
from model.networks.unet import CHANNELS_PER_WIDTH, FaceDecoder, FaceEncoder
from model.networks.voice import PUBLISHED_MELS, VOICE_SIZE, VoiceNetwork
from model.settings import ModelParams
from pipeline.core.base.errors import BadInput

IMAGE_PX = 256


class Inpainted(NamedTuple):
    """The generator's output for a batch, in the dtype of the masked faces, also under autocast.

    ``composite_BCHW``: the known pixels as given, the masked region inpainted. ``raw_BCHW``: the decoder's face, in
    (-1, 1). ``audio_face_BCHW``: the face from the voice alone, unbounded; None without audio-face decoder.
    ``label_BD``: the predicted identity label I_c; None without label head. Faces are (B, 3, 256, 256) RGB.
    """

    composite_BCHW: Tensor
    raw_BCHW: Tensor
    audio_face_BCHW: Tensor | None
    label_BD: Tensor | None


class InpaintingGenerator(nn.Module):
    """Face encoder, voice network, decoder and heads; those that ``params.variant`` lacks are None.

    The code of the face and the voice embedding go through one linear layer and ReLU to f, the input of the decoder
    and of the label head (two layers). The voice network is frozen: always in evaluation mode, without gradients.
    """

    def __init__(self, params: ModelParams, label_size: int, n_mels: int = PUBLISHED_MELS) -> None:
        super().__init__()
        if params.predicts_label and label_size < 1:
            raise BadInput(
                f"generator: model.variant '{params.variant}' predicts identity labels, and labels of size "
                f"{label_size} were given: provide a face recognition network, or choose an earlier variant"
            )
        code_size = CHANNELS_PER_WIDTH[-1] * params.width
        self.params, self.label_size, self.n_mels = params, label_size, n_mels
        self.encoder = FaceEncoder(params.width)
        self.decoder = FaceDecoder(params)
        self.voice: VoiceNetwork | None = None
        self.fuse: nn.Linear | None = None
        self.audio_face: AudioFaceDecoder | None = None
        self.label_head: nn.Sequential | None = None
        if params.uses_voice:
            self.fuse = nn.Linear(code_size + VOICE_SIZE, code_size)
            self.set_voice_network(VoiceNetwork(n_mels, params.width))
        if params.fusion:
            self.audio_face = AudioFaceDecoder(params.width)
        if params.predicts_label:
            hidden = 2 * code_size
            self.label_head = nn.Sequential(nn.Linear(code_size, hidden), nn.ReLU(), nn.Linear(hidden, label_size))

    def set_voice_network(self, voice: VoiceNetwork) -> None:
        """Use ``voice``, of any width and number of mels, frozen; raises BadInput for a variant without voice."""
        if self.fuse is None:
            raise BadInput(f"generator: model.variant '{self.params.variant}' has no use for a voice network")
        self.voice = voice.requires_grad_(False).eval()
        self.n_mels = voice.n_mels

    def train(self, mode: bool = True) -> Self:
        """Switch everything but the voice network between training and evaluation."""
        super().train(mode)
        if self.voice is not None:
            self.voice.eval()
        return self

    def forward(self, masked_faces_BCHW: Tensor, masks_B1HW: Tensor, log_mels_BMT: Tensor) -> Inpainted:
        """Inpaint the masks of faces (B, 3, 256, 256) in [-1, 1], 0 in the mask, where masks are 1.

        Log-mels are (B, n_mels, T), T >= 1; a variant without voice ignores them. Raises BadInput for other shapes.
        """
        return self.inpaint(masked_faces_BCHW, masks_B1HW, self.embed_voice(log_mels_BMT))

    def embed_voice(self, log_mels_BMT: Tensor) -> Tensor | None:
        """(B, n_mels, T) log-mels -> (B, 64) voice embeddings of unit length; None for a variant without voice."""
        if self.voice is None:
            return None
        if log_mels_BMT.ndim != 3 or log_mels_BMT.shape[1] != self.n_mels or not log_mels_BMT.shape[2]:
            raise BadInput(f"log-mels: expected (B, {self.n_mels}, T), found {tuple(log_mels_BMT.shape)}")
        with torch.no_grad():
            return self.voice.embed(log_mels_BMT)

    def inpaint(
        self,
        masked_faces_BCHW: Tensor,
        masks_B1HW: Tensor,
        voice_B64: Tensor | None,
        audio_face: AudioFace | None = None,
    ) -> Inpainted:
        """Inpaint by embeddings of ``embed_voice``; raises BadInput where a variant that uses a voice gets none.

        ``audio_face`` is the decoder's for these embeddings where a caller has it already.
        """
        _check_images(masked_faces_BCHW, masks_B1HW)
        code_BC, skips = self.encoder(masked_faces_BCHW)
        if self.fuse is not None:
            if voice_B64 is None:
                raise BadInput(f"generator: model.variant '{self.params.variant}' needs a voice, found none")
            code_BC = functional.relu(self.fuse(torch.cat([code_BC, voice_B64], dim=1)))
        if audio_face is None and self.audio_face is not None:
            audio_face = self.audio_face(voice_B64)
        taps = () if audio_face is None else audio_face.taps
        raw_BCHW = self.decoder(code_BC, skips, taps).to(masked_faces_BCHW)
        return Inpainted(
            composite_BCHW=masked_faces_BCHW * (1 - masks_B1HW) + raw_BCHW * masks_B1HW,
            raw_BCHW=raw_BCHW,
            audio_face_BCHW=None if audio_face is None else audio_face.face_BCHW.to(masked_faces_BCHW),
            label_BD=None if self.label_head is None else self.label_head(code_BC).to(masked_faces_BCHW),
        )

    def trainable_parameters(self) -> list[nn.Parameter]:
        """Return the parameters to train: all but the voice network and ``audio_face.model.10``, which isn't run."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]


def count_parameters(module: nn.Module) -> int:
    """Return the number of parameters of ``module``, frozen ones included, running statistics not."""
    return sum(parameter.numel() for parameter in module.parameters())


def _check_images(masked_faces_BCHW: Tensor, masks_B1HW: Tensor) -> None:
    n_faces, expected = len(masked_faces_BCHW), (3, IMAGE_PX, IMAGE_PX)
    if masked_faces_BCHW.shape[1:] != expected:
        raise BadInput(f"masked faces: expected (B, 3, {IMAGE_PX}, {IMAGE_PX}), found {tuple(masked_faces_BCHW.shape)}")
    if masks_B1HW.shape != (n_faces, 1, IMAGE_PX, IMAGE_PX):
        expected_masks = f"({n_faces}, 1, {IMAGE_PX}, {IMAGE_PX})"
        raise BadInput(f"masks: expected {expected_masks}, found {tuple(masks_B1HW.shape)}")
