"""Train the audio-face decoder: from a voice to a face of the same person, before it joins the generator."""

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import Optimizer

from model.data.samples_pretrain import AudioFaceBatch, AudioFaceSamples
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder, load_audio_face_decoder
from model.networks.initialisation import initialise
from model.networks.voice import VoiceNetwork
from model.settings import PretrainAudioFaceParams
from model.training.checkpoint import checkpoints_of, digest_of
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess, optimizer_step
from model.training.fit import CannotTrain, TrainingResult, fit
from model.training.placement import adam, autocast, compiled, reproducible, to_device
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of

SECTION = "pretrain_audio_face"


def train_audio_face(
    data: DatasetSplit,
    voice: VoiceNetwork,
    params: PretrainAudioFaceParams,
    width: int,
    *,
    start: Path | None = None,
    context: TrainingContext = TrainingContext(),
) -> tuple[AudioFaceDecoder, TrainingResult]:
    """Return a decoder trained on faces and segments of ``data``, on the CPU and in evaluation mode, with its result.

    The loss is L_a of Eq. 4, at 256 px, from the embedding by ``voice``, which is not trained. ``start`` is a file of
    ``load_audio_face_decoder`` to start from; what it lacks, or all, is initialised by the seed. Raises BadInput when
    voice network and log-mels don't fit, CannotTrain when no face has a segment, and what ``load_audio_face_decoder``
    and ``fit`` raise.
    """
    n_mels, _ = data.log_mel_shape
    voice.expect_mels(n_mels)
    with reproducible(params, context.process):
        decoder = initial_audio_face_decoder(params, width, start)
        task = _AudioFaceTask(decoder, deepcopy(voice), _samples(data, params), params, context.process)
        checkpoints = checkpoints_of(
            context, SECTION, params, lambda: _hashed_inputs(data, voice, width, start), Path(__file__)
        )
        result = fit(task, params, context, checkpoints)
    return task.decoder.cpu().eval(), result


def untrained_audio_face_decoder(params: PretrainAudioFaceParams, width: int, start: Path | None) -> AudioFaceDecoder:
    """Return the decoder that ``train_audio_face`` starts from, on the CPU and in evaluation mode."""
    with reproducible(params, TrainingProcess()):
        return initial_audio_face_decoder(params, width, start).eval()


def initial_audio_face_decoder(params: PretrainAudioFaceParams, width: int, start: Path | None) -> AudioFaceDecoder:
    """Return the decoder before its first step, in a ``reproducible`` context."""
    decoder = AudioFaceDecoder(width)
    initialise(decoder, params.initialisation)
    if start is not None:
        load_audio_face_decoder(decoder, start)
    return decoder


def _hashed_inputs(data: DatasetSplit, voice: VoiceNetwork, width: int, start: Path | None) -> dict[str, str]:
    return {
        "data": data.content_hash,
        "width": str(width),
        "voice": digest_of(voice),
        "start": "" if start is None else sha256_of(start),
    }


class _AudioFaceTask:
    """A decoder, trained on faces, and the frozen voice network before it."""

    section = SECTION

    def __init__(
        self,
        decoder: AudioFaceDecoder,
        voice: VoiceNetwork,
        samples: AudioFaceSamples,
        params: PretrainAudioFaceParams,
        process: TrainingProcess,
    ) -> None:
        self.samples, self._params, self._process = samples, params, process
        self.n_steps, self.lr_of = params.steps, params.lr_of
        self._voice = to_device(voice, params, process).requires_grad_(False).eval()
        self.decoder = to_device(decoder, params, process)
        self._optimizer = adam(
            (parameter for parameter in self.decoder.parameters() if parameter.requires_grad), params
        )
        self._decode = compiled(self.decoder, params)
        self.modules = {"decoder": self.decoder}
        self.optimizers: dict[str, Optimizer] = {"decoder": self._optimizer}

    def step(self, number: int, batch: AudioFaceBatch) -> dict[str, Tensor]:
        """Decode voice embeddings with noise added, normalised again (as in voice2face), and compare with the faces."""
        with autocast(self._params, self._process):
            with torch.no_grad():
                voice_B64 = self._voice.embed(batch.log_mel_BMT)
            noisy_B64 = functional.normalize(voice_B64 + batch.noise_BV, dim=1)
            loss = functional.l1_loss(self._decode(noisy_B64).face_BCHW.float(), batch.face_BCHW)
        optimizer_step(loss, self._process, self._optimizer)
        return {"audio_face": loss}

    def sample_picture(self, number: int) -> ImageRGB | None:
        """Return None: the training has no ``sample_every``."""


def _samples(data: DatasetSplit, params: PretrainAudioFaceParams) -> AudioFaceSamples:
    try:
        return AudioFaceSamples(data, params)
    except BadInput as error:
        raise CannotTrain(f"{error}.") from None
