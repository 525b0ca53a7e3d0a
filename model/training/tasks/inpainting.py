"""Train the inpainting network against a discriminator (the paper's Eq. 6), in the paper's way or the released code's.

The discriminator takes its step first, on inpainted faces without their gradient; then the generator takes its own
against the discriminator as it is by then, which learns nothing from that. With ``detach_inpainted`` false both learn
from the sum of both losses, as the released code does it.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from model.data.samples import Batch, TrainingSamples
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder
from model.networks.discriminator import PatchDiscriminator
from model.networks.frozen_recognition import FrozenRecognitionNetwork
from model.networks.generator import Inpainted, InpaintingGenerator
from model.networks.voice import VoiceNetwork
from model.settings import MaskParams, ModelParams, TrainParams
from model.training.checkpoint import digest_of, open_checkpoints
from model.training.distributed import TrainingProcess, optimizer_step
from model.training.fit import CannotTrain, Fitted, fit
from model.training.placement import adam, autocast, batch_to_device, compiled, reproducible, to_device
from model.training.tasks.losses import discriminator_loss, generator_losses
from model.training.tasks.sample_grid import sample_grid
from pipeline.base.arrays import ImageRGB
from pipeline.base.errors import BadInput
from pipeline.base.hashing import sha256_of
from pipeline.identity.network.resnet import FaceRecognitionNetwork

SECTION = "train"
IMAGES_JUDGED = {"paper": 1, "ralsgan": 2}
"""At a time by the discriminator: a face (Eq. 5), or a face beside the other (the released code)."""

GRID_FACES = 4


def train_generator(
    data: DatasetSplit,
    recognition: FaceRecognitionNetwork | None,
    voice: VoiceNetwork | None,
    audio_face: AudioFaceDecoder | None,
    model_params: ModelParams,
    mask_params: MaskParams,
    train_params: TrainParams,
    *,
    process: TrainingProcess = TrainingProcess(),
    checkpoints: Path | None = None,
    log_folder: Path | None = None,
    say: Callable[[str], None] = print,
) -> tuple[InpaintingGenerator, Fitted]:
    """Return the network that ``train_params`` make of ``data``, on the CPU and in evaluation mode, and how it went.

    ``recognition`` is needed where the variant matches identities, ``voice`` where it hears; ``audio_face`` is what its
    decoder starts from, None: from anew. All three stay as they are. ``checkpoints`` is the folder of all trainings'
    states, from which an interrupted one goes on; None keeps none. ``log_folder`` gets DVCLive's files and pictures.

    Raises CannotTrain when no face can be learnt from or a network needed is missing, BadInput when one is of the
    wrong size, and what ``fit`` raises.
    """
    with reproducible(train_params.seed, process):
        samples = _samples(data, train_params, mask_params)
        if process.is_main:
            say(f"{SECTION}: {samples.summary()}")
        network = _start(data, voice, audio_face, model_params)
        task = _InpaintingTask(network, _judge_of_identity(recognition, model_params), samples, train_params, process)
        kept = None
        if checkpoints is not None:
            inputs = _inputs(data, recognition, voice, audio_face, model_params, mask_params)
            kept = open_checkpoints(
                checkpoints, SECTION, train_params, inputs, Path(__file__), is_writer=process.is_main
            )
        fitted = fit(task, train_params, process, checkpoints=kept, log_folder=log_folder, say=say)
    return task.generator.cpu().eval(), fitted


class _InpaintingTask:
    """A generator and a discriminator, and how each learns from a batch."""

    section = SECTION

    def __init__(
        self,
        network: InpaintingGenerator,
        recognition: FrozenRecognitionNetwork | None,
        samples: TrainingSamples,
        params: TrainParams,
        process: TrainingProcess,
    ) -> None:
        self.samples, self._params, self._process = samples, params, process
        self._recognition = None if recognition is None else to_device(recognition, params, process)
        self.generator = to_device(network, params, process)
        self.discriminator = to_device(
            PatchDiscriminator(IMAGES_JUDGED[params.gan], network.params.width), params, process
        )
        self.modules = {"generator": self.generator, "discriminator": self.discriminator}
        self.optimizers: dict[str, Optimizer] = {
            "generator": adam(self.generator.trainable_parameters(), params),
            "discriminator": adam(self.discriminator.parameters(), params),
        }
        self._inpaint = compiled(self.generator, params)
        self._judge = compiled(self.discriminator, params)
        self._told = _losses_of(network.params)

    def step(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Inpaint, let both learn, and return all losses."""
        with self._autocast():
            inpainted = self._inpaint(batch.face_BCHW * (1 - batch.mask_B1HW), batch.mask_B1HW, batch.log_mel_BMT)
        learn = self._learn_apart if self._params.detach_inpainted else self._learn_together
        losses = learn(inpainted, batch)
        return {name: losses[name] for name in self._told}

    def picture(self, number: int) -> ImageRGB | None:
        """Return the first samples as they are inpainted by now."""
        if number % self._params.sample_every and number != self._params.steps:
            return None
        first = self.samples.collate([self.samples[k] for k in range(GRID_FACES)])
        batch: Batch = batch_to_device(first, self._params, self._process)
        masked_BCHW = batch.face_BCHW * (1 - batch.mask_B1HW)
        self.generator.eval()
        with torch.no_grad(), self._autocast():
            inpainted: Inpainted = self.generator(masked_BCHW, batch.mask_B1HW, batch.log_mel_BMT)
        self.generator.train()
        return sample_grid(masked_BCHW, inpainted.composite_BCHW, inpainted.audio_face_BCHW, batch.face_BCHW)

    def _learn_apart(self, inpainted: Inpainted, batch: Batch) -> dict[str, Tensor]:
        with self._autocast():
            logits = self._logits(inpainted.composite_BCHW.detach(), batch.face_BCHW)
            discriminator = discriminator_loss(self._params.gan, *logits)
        optimizer_step(discriminator, self._process, self.optimizers["discriminator"])
        self.discriminator.requires_grad_(False)
        with self._autocast():
            losses = self._generator_losses(inpainted, batch, *self._logits(inpainted.composite_BCHW, batch.face_BCHW))
        optimizer_step(losses["total"], self._process, self.optimizers["generator"])
        self.discriminator.requires_grad_(True)
        return {**losses, "discriminator": discriminator}

    def _learn_together(self, inpainted: Inpainted, batch: Batch) -> dict[str, Tensor]:
        with self._autocast():
            logits = self._logits(inpainted.composite_BCHW, batch.face_BCHW)
            losses = self._generator_losses(inpainted, batch, *logits)
            discriminator = discriminator_loss(self._params.gan, *logits)
        optimizer_step(losses["total"] + discriminator, self._process, *self.optimizers.values())
        return {**losses, "discriminator": discriminator}

    def _logits(self, inpainted_BCHW: Tensor, faces_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the true and of the inpainted faces, beside each other where pairs are judged."""
        if self._params.gan == "paper":
            return self._judge(faces_BCHW), self._judge(inpainted_BCHW)
        return self._judge(faces_BCHW, inpainted_BCHW), self._judge(inpainted_BCHW, faces_BCHW)

    def _generator_losses(
        self, inpainted: Inpainted, batch: Batch, real_logits: Tensor, fake_logits: Tensor
    ) -> dict[str, Tensor]:
        losses = generator_losses(
            self._params,
            inpainted,
            batch.face_BCHW,
            batch.label_BD,
            recognition=self._recognition,
            real_logits=real_logits,
            fake_logits=fake_logits,
        )
        return losses._asdict()

    def _autocast(self) -> torch.autocast:
        return autocast(self._params, self._process)


def _samples(data: DatasetSplit, params: TrainParams, mask: MaskParams) -> TrainingSamples:
    try:
        return TrainingSamples(data, params, mask)
    except BadInput as error:
        raise CannotTrain(f"{error}.") from None


def _start(
    data: DatasetSplit, voice: VoiceNetwork | None, audio_face: AudioFaceDecoder | None, params: ModelParams
) -> InpaintingGenerator:
    """Return the network before its first step."""
    if params.predicts_label and not data.label_size:
        raise CannotTrain(f"model.variant '{params.variant}' predicts identity labels: no face has one.")
    network = InpaintingGenerator(params, data.label_size)
    if params.hears:
        if voice is None:
            raise CannotTrain(f"model.variant '{params.variant}' hears: expected a voice network, found none.")
        n_mels, _ = data.log_mel_shape
        voice.expect_mels(n_mels)
        network.use_voice(deepcopy(voice))
    if network.audio_face is not None and audio_face is not None:
        if audio_face.width != params.width:
            raise BadInput(f"model.width = {params.width}, and the audio-face decoder has width {audio_face.width}")
        network.audio_face.load_state_dict(audio_face.state_dict())
    return network


def _judge_of_identity(
    recognition: FaceRecognitionNetwork | None, params: ModelParams
) -> FrozenRecognitionNetwork | None:
    if not params.matches_identities:
        return None
    if recognition is None:
        raise CannotTrain(
            f"model.variant '{params.variant}' matches identities: expected a face recognition network, found none."
        )
    return FrozenRecognitionNetwork(deepcopy(recognition))


def _losses_of(params: ModelParams) -> list[str]:
    """Return the names of the losses that the variant has."""
    has = {"label": params.predicts_label, "match": params.matches_identities, "audio_face": bool(params.fusion)}
    names = ("total", "label", "match", "face", "audio_face", "gan", "discriminator")
    return [name for name in names if has.get(name, True)]


def _inputs(
    data: DatasetSplit,
    recognition: FaceRecognitionNetwork | None,
    voice: VoiceNetwork | None,
    audio_face: AudioFaceDecoder | None,
    model_params: ModelParams,
    mask_params: MaskParams,
) -> dict[str, str]:
    """Return all that the training's result follows from but its own params, by content."""
    networks: dict[str, nn.Module | None] = {"recognition": recognition, "voice": voice, "audio_face": audio_face}
    return {
        "data": data.content_hash,
        "model": json.dumps(model_params.model_dump(mode="json"), sort_keys=True),
        "mask": json.dumps(mask_params.model_dump(mode="json"), sort_keys=True),
        "mask_image": "" if mask_params.image is None else sha256_of(Path(mask_params.image)),
        "recognition_geometry": "" if recognition is None else recognition.geometry.name,
        **{name: "" if network is None else digest_of(network) for name, network in networks.items()},
    }
