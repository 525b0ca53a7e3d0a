"""Train the generator against a discriminator (the paper's Eq. 6), in the paper's way or the released code's.

The discriminator takes its step first, on detached inpainted faces; then the generator takes its own against the
updated discriminator, which is frozen meanwhile. With ``detach_inpainted`` false both take one step on the sum of both
losses, as in the released code.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from model.data.samples import Batch, TrainingSamples
from model.data.split import DatasetSplit
from model.networks.audio_face import AudioFaceDecoder
from model.networks.discriminator import PatchDiscriminator
from model.networks.frozen_recognition import FrozenRecognitionNetwork
from model.networks.generator import Inpainted, InpaintingGenerator
from model.networks.initialisation import initialise
from model.networks.voice import VoiceNetwork
from model.settings import MaskParams, ModelParams, TrainParams
from model.training.checkpoint import checkpoints_of, digest_of
from model.training.context import TrainingContext
from model.training.distributed import TrainingProcess, optimizer_step
from model.training.fit import CannotTrain, TrainingResult, fit
from model.training.placement import (
    adam,
    autocast,
    batch_to_device,
    compiled,
    fastest_kernels,
    frozen_to_device,
    reproducible,
    to_device,
)
from model.training.tasks.losses import PatchLogits, discriminator_loss, generator_losses
from model.training.tasks.sample_grid import sample_grid
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.identity.network.resnet import FaceRecognitionNetwork

SECTION = "train"
DISCRIMINATOR_IMAGES = {"paper": 1, "ralsgan": 2}
"""Images per input of the discriminator: a face (Eq. 5), or a pair of true and inpainted face (the released code)."""

GRID_FACES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StartNetworks:
    """The networks that the training of a generator starts from or uses; none of them is changed.

    ``recognition`` (psi of Eq. 3) is needed where the variant matches identities, ``voice`` where it uses voices.
    ``audio_face`` initialises the generator's audio-face decoder; None: by the seed. ``generator`` is a whole one to
    start from, with its own voice network and audio-face decoder, ``discriminator`` its opponent.
    """

    recognition: FaceRecognitionNetwork | None = None
    voice: VoiceNetwork | None = None
    audio_face: AudioFaceDecoder | None = None
    generator: InpaintingGenerator | None = None
    discriminator: PatchDiscriminator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorTrainingParams:
    """The sections of params.yaml that decide the training of a generator."""

    model: ModelParams
    mask: MaskParams
    train: TrainParams


def train_generator(
    data: DatasetSplit,
    networks: StartNetworks,
    params: GeneratorTrainingParams,
    context: TrainingContext = TrainingContext(),
) -> tuple[InpaintingGenerator, TrainingResult]:
    """Return a generator trained on the faces of ``data``, on the CPU and in evaluation mode, with its result.

    Raises CannotTrain when there is no usable face or a network needed is missing, BadInput when one is of the wrong
    size, and what ``fit`` raises.
    """
    with reproducible(params.train, context.process), fastest_kernels(context.process):
        task = generator_task(data, networks, params, context.process)
        context.log_on_main(f"{SECTION}: {task.samples.summary()}")
        checkpoints = checkpoints_of(
            context, SECTION, params.train, lambda: _hashed_inputs(data, networks, params), Path(__file__)
        )
        result = fit(task, params.train, context, checkpoints)
    return task.trained_generator().cpu().eval(), result


def generator_task(
    data: DatasetSplit, networks: StartNetworks, params: GeneratorTrainingParams, process: TrainingProcess
) -> "InpaintingTask":
    """Return a training of a generator before its first step, initialised by torch's generator; ``reproducible`` seeds.

    Raises CannotTrain and BadInput as ``train_generator`` does.
    """
    samples = _samples(data, params.train, params.mask)
    generator = _initial_generator(data, networks, params)
    discriminator = _initial_discriminator(networks.discriminator, params)
    recognition = _frozen_recognition(networks.recognition, params.model)
    return InpaintingTask((generator, discriminator), recognition, samples, params.train, process)


class InpaintingTask:
    """A generator and a discriminator, and the step of each on a batch."""

    section = SECTION

    def __init__(
        self,
        networks: tuple[InpaintingGenerator, PatchDiscriminator],
        recognition: FrozenRecognitionNetwork | None,
        samples: TrainingSamples,
        params: TrainParams,
        process: TrainingProcess,
    ) -> None:
        self.samples, self._params, self._process = samples, params, process
        self.n_steps, self.lr_of = params.steps, params.lr_of
        self._recognise: Callable[..., Tensor] | None = None  # psi of Eq. 3
        if recognition is not None:
            self._recognise = compiled(frozen_to_device(recognition, params, process), params)
        self.generator, self.discriminator = (
            to_device(networks[0], params, process),
            to_device(networks[1], params, process),
        )
        self.modules: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        self._average: AveragedModel | None = None
        if params.average_decay is not None:
            towards_last = get_ema_multi_avg_fn(params.average_decay)  # type: ignore[no-untyped-call]
            self._average = AveragedModel(self.generator, multi_avg_fn=towards_last)
            self.modules["average"] = self._average
        self.optimizers: dict[str, Optimizer] = {
            "generator": adam(self.generator.trainable_parameters(), params),
            "discriminator": adam(self.discriminator.parameters(), params),
        }
        self._inpaint = compiled(self.generator, params)
        self._discriminate = compiled(self.discriminator, params)
        self._loss_names = _loss_names(self.generator.params)

    def step(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Inpaint, train generator and discriminator, and return all losses."""
        with self._autocast():
            inpainted = self._inpaint(batch.face_BCHW * (1 - batch.mask_B1HW), batch.mask_B1HW, batch.log_mel_BMT)
        train = self._train_in_turn if self._params.detach_inpainted else self._train_on_sum
        losses = train(inpainted, batch)
        if self._average is not None:
            self._average.update_parameters(self.generator)
        return {name: losses[name] for name in self._loss_names}

    def trained_generator(self) -> InpaintingGenerator:
        """Return the generator, or the average of its weights over the steps."""
        if self._average is None:
            return self.generator
        average = self._average.module
        assert isinstance(average, InpaintingGenerator)
        return average

    def sample_picture(self, number: int) -> ImageRGB | None:
        """Return the first samples, inpainted by what the generator has become."""
        if number % self._params.sample_every and number != self._params.steps:
            return None
        batch: Batch = batch_to_device(self.samples.load(range(GRID_FACES)), self._params, self._process)
        masked_BCHW = batch.face_BCHW * (1 - batch.mask_B1HW)
        generator = self.trained_generator().eval()
        with torch.no_grad(), self._autocast():
            inpainted: Inpainted = generator(masked_BCHW, batch.mask_B1HW, batch.log_mel_BMT)
        generator.train()
        return sample_grid(masked_BCHW, inpainted.composite_BCHW, inpainted.audio_face_BCHW, batch.face_BCHW)

    def _train_in_turn(self, inpainted: Inpainted, batch: Batch) -> dict[str, Tensor]:
        with self._autocast():
            logits = self._logits(inpainted.composite_BCHW.detach(), batch.face_BCHW)
            discriminator = discriminator_loss(self._params.gan, logits.real, logits.fake)
        optimizer_step(discriminator, self._process, self.optimizers["discriminator"])
        self.discriminator.requires_grad_(False)
        with self._autocast():
            logits = self._logits(inpainted.composite_BCHW, batch.face_BCHW)
            losses = self._generator_losses(inpainted, batch, logits)
        optimizer_step(losses["total"], self._process, self.optimizers["generator"])
        self.discriminator.requires_grad_(True)
        return {**losses, "discriminator": discriminator}

    def _train_on_sum(self, inpainted: Inpainted, batch: Batch) -> dict[str, Tensor]:
        with self._autocast():
            logits = self._logits(inpainted.composite_BCHW, batch.face_BCHW)
            losses = self._generator_losses(inpainted, batch, logits)
            discriminator = discriminator_loss(self._params.gan, logits.real, logits.fake)
        optimizer_step(losses["total"] + discriminator, self._process, *self.optimizers.values())
        return {**losses, "discriminator": discriminator}

    def _logits(self, inpainted_BCHW: Tensor, faces_BCHW: Tensor) -> PatchLogits:
        """Return the logits of true and inpainted faces; of pairs, the first face's.

        Both go through the discriminator at once: its norms are of one face each.
        """
        both_BCHW = torch.cat([faces_BCHW, inpainted_BCHW])
        images = [both_BCHW] if self._params.gan == "paper" else [both_BCHW, both_BCHW.roll(len(faces_BCHW), 0)]
        return PatchLogits(*self._discriminate(*images).chunk(2))

    def _generator_losses(self, inpainted: Inpainted, batch: Batch, logits: PatchLogits) -> dict[str, Tensor]:
        losses = generator_losses(
            self._params,
            inpainted,
            batch.face_BCHW,
            batch.label_BD,
            recognition=self._recognise,
            logits=logits,
        )
        return losses._asdict()

    def _autocast(self) -> torch.autocast:
        return autocast(self._params, self._process)


def _samples(data: DatasetSplit, params: TrainParams, mask: MaskParams) -> TrainingSamples:
    try:
        return TrainingSamples(data, params, mask)
    except BadInput as error:
        raise CannotTrain(f"{error}.") from None


def _initial_generator(
    data: DatasetSplit, networks: StartNetworks, params: GeneratorTrainingParams
) -> InpaintingGenerator:
    """Return the generator before its first step."""
    model = params.model
    if model.predicts_label and not data.label_size:
        raise CannotTrain(f"model.variant '{model.variant}' predicts identity labels: no face has one.")
    n_mels, _ = data.log_mel_shape
    if networks.generator is not None:
        return _started_from(networks.generator, model, data.label_size, n_mels)
    generator = InpaintingGenerator(model, data.label_size)
    initialise(generator, params.train.initialisation)
    if model.uses_voice:
        if networks.voice is None:
            raise CannotTrain(f"model.variant '{model.variant}' uses voices: expected a voice network, found none.")
        networks.voice.expect_mels(n_mels)
        generator.set_voice_network(deepcopy(networks.voice))
    if generator.audio_face is not None and networks.audio_face is not None:
        width = networks.audio_face.width
        if width != model.width:
            raise BadInput(f"model.width = {model.width}, and the audio-face decoder has width {width}")
        generator.audio_face.load_state_dict(networks.audio_face.state_dict())
    return generator


def _started_from(
    generator: InpaintingGenerator, model: ModelParams, label_size: int, n_mels: int
) -> InpaintingGenerator:
    """Return a copy of a whole generator; raises BadInput where it is another network than the params state."""
    sizes = {"labels": (label_size, generator.label_size) if model.predicts_label else (0, 0)}
    sizes |= {"mels": (n_mels, generator.n_mels) if model.uses_voice else (0, 0)}
    for name, wanted in model.model_dump().items():
        sizes[f"model.{name}"] = wanted, getattr(generator.params, name)
    for name, (wanted, found) in sizes.items():
        if wanted != found:
            raise BadInput(f"train.weights: expected a generator with {name} {wanted}, found one with {found}")
    return deepcopy(generator)


def _initial_discriminator(start: PatchDiscriminator | None, params: GeneratorTrainingParams) -> PatchDiscriminator:
    if start is not None:
        return deepcopy(start)
    discriminator = PatchDiscriminator(DISCRIMINATOR_IMAGES[params.train.gan], params.model.width)
    initialise(discriminator, params.train.initialisation)
    return discriminator


def _frozen_recognition(
    recognition: FaceRecognitionNetwork | None, params: ModelParams
) -> FrozenRecognitionNetwork | None:
    if not params.matches_identities:
        return None
    if recognition is None:
        raise CannotTrain(
            f"model.variant '{params.variant}' matches identities: expected a face recognition network, found none."
        )
    return FrozenRecognitionNetwork(deepcopy(recognition))


def _loss_names(params: ModelParams) -> list[str]:
    """Return the names of the losses that the variant has."""
    has = {"label": params.predicts_label, "match": params.matches_identities, "audio_face": bool(params.fusion)}
    names = ("total", "label", "match", "face", "audio_face", "gan", "discriminator")
    return [name for name in names if has.get(name, True)]


def _hashed_inputs(data: DatasetSplit, networks: StartNetworks, params: GeneratorTrainingParams) -> dict[str, str]:
    """Return hashes or contents of all that decides the result, other than ``params.train``."""
    recognition, mask_image = networks.recognition, params.mask.image
    start_networks = {name: getattr(networks, name) for name in StartNetworks.__slots__}
    return {
        "data": data.content_hash,
        "model": json.dumps(params.model.model_dump(mode="json"), sort_keys=True),
        "mask": json.dumps(params.mask.model_dump(mode="json"), sort_keys=True),
        "mask_image": "" if mask_image is None else sha256_of(Path(mask_image)),
        "recognition_geometry": "" if recognition is None else recognition.geometry.name,
        **{name: "" if network is None else digest_of(network) for name, network in start_networks.items()},
    }
