"""Train the inpainting network against a discriminator (the paper's Eq. 6), in the paper's way or the released code's.

The discriminator takes its step first, on painted faces without their gradient; then the painter takes its own
against the discriminator as it is by then, which learns nothing from that. With ``detach_painted`` false both learn
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
from model.data.split import Pack
from model.networks.audio_face import AudioFaceDecoder
from model.networks.discriminator import PatchDiscriminator
from model.networks.frozen_recognition import FrozenPsi
from model.networks.generator import Inpainter, Painted
from model.networks.voice import VoiceNetwork
from model.settings import MaskParams, ModelParams, TrainParams
from model.training.checkpoint import digest_of, open_checkpoints
from model.training.distributed import Machine, descend
from model.training.fit import CannotTrain, Fitted, fit
from model.training.placement import adam, autocast, compiled, placed, placed_batch, reproducible
from model.training.tasks.losses import discriminator_loss, painter_losses
from model.training.tasks.sample_grid import sample_grid
from pipeline.base.arrays import ImageRGB
from pipeline.base.errors import BadInput
from pipeline.base.hashing import sha256_of
from pipeline.identity.network.resnet import LabelNetwork

SECTION = "train"
IMAGES_JUDGED = {"paper": 1, "ralsgan": 2}
"""At a time by the discriminator: a face (Eq. 5), or a face beside the other (the released code)."""

GRID_FACES = 4


def train_inpainter(
    pack: Pack,
    psi: LabelNetwork | None,
    voice: VoiceNetwork | None,
    audio_face: AudioFaceDecoder | None,
    model_params: ModelParams,
    mask_params: MaskParams,
    train_params: TrainParams,
    *,
    machine: Machine = Machine(),
    checkpoints: Path | None = None,
    log_folder: Path | None = None,
    say: Callable[[str], None] = print,
) -> tuple[Inpainter, Fitted]:
    """Return the network that ``train_params`` make of ``pack``, on the CPU and in evaluation mode, and how it went.

    ``psi`` is needed where the variant matches identities, ``voice`` where it hears; ``audio_face`` is what its
    decoder starts from, None: from anew. All three stay as they are. ``checkpoints`` is the folder of all trainings'
    states, from which an interrupted one goes on; None keeps none. ``log_folder`` gets DVCLive's files and pictures.

    Raises CannotTrain when no face can be learnt from or a network needed is missing, BadInput when one is of the
    wrong size, and what ``fit`` raises.
    """
    with reproducible(train_params.seed, machine):
        samples = _samples(pack, train_params, mask_params)
        if machine.leads:
            say(f"{SECTION}: {samples.summary()}")
        network = _start(pack, voice, audio_face, model_params)
        task = _PainterTask(network, _judge_of_identity(psi, model_params), samples, train_params, machine)
        kept = None
        if checkpoints is not None:
            inputs = _inputs(pack, psi, voice, audio_face, model_params, mask_params)
            kept = open_checkpoints(checkpoints, SECTION, train_params, inputs, Path(__file__), is_writer=machine.leads)
        fitted = fit(task, train_params, machine, checkpoints=kept, log_folder=log_folder, say=say)
    return task.painter.cpu().eval(), fitted


class _PainterTask:
    """A painter and a discriminator, and how each learns from a batch."""

    section = SECTION

    def __init__(
        self,
        network: Inpainter,
        psi: FrozenPsi | None,
        samples: TrainingSamples,
        params: TrainParams,
        machine: Machine,
    ) -> None:
        self.samples, self._params, self._machine = samples, params, machine
        self._psi = None if psi is None else placed(psi, params, machine)
        self.painter = placed(network, params, machine)
        self.discriminator = placed(
            PatchDiscriminator(IMAGES_JUDGED[params.gan], network.params.width), params, machine
        )
        self.modules = {"painter": self.painter, "discriminator": self.discriminator}
        self.optimisers: dict[str, Optimizer] = {
            "painter": adam(self.painter.trainable_parameters(), params),
            "discriminator": adam(self.discriminator.parameters(), params),
        }
        self._paint = compiled(self.painter, params)
        self._judge = compiled(self.discriminator, params)
        self._told = _losses_of(network.params)

    def step(self, number: int, batch: Batch) -> dict[str, Tensor]:
        """Paint, let both learn, and return all losses."""
        with self._autocast():
            painted = self._paint(batch.face_BCHW * (1 - batch.mask_B1HW), batch.mask_B1HW, batch.log_mel_BMT)
        learn = self._learn_apart if self._params.detach_painted else self._learn_together
        losses = learn(painted, batch)
        return {name: losses[name] for name in self._told}

    def picture(self, number: int) -> ImageRGB | None:
        """Return the first samples as they are painted by now."""
        if number % self._params.sample_every and number != self._params.steps:
            return None
        first = self.samples.collate([self.samples[k] for k in range(GRID_FACES)])
        batch: Batch = placed_batch(first, self._params, self._machine)
        masked_BCHW = batch.face_BCHW * (1 - batch.mask_B1HW)
        self.painter.eval()
        with torch.no_grad(), self._autocast():
            painted: Painted = self.painter(masked_BCHW, batch.mask_B1HW, batch.log_mel_BMT)
        self.painter.train()
        return sample_grid(masked_BCHW, painted.composite_BCHW, painted.audio_face_BCHW, batch.face_BCHW)

    def _learn_apart(self, painted: Painted, batch: Batch) -> dict[str, Tensor]:
        with self._autocast():
            logits = self._logits(painted.composite_BCHW.detach(), batch.face_BCHW)
            discriminator = discriminator_loss(self._params.gan, *logits)
        descend(discriminator, self._machine, self.optimisers["discriminator"])
        self.discriminator.requires_grad_(False)
        with self._autocast():
            losses = self._painter_losses(painted, batch, *self._logits(painted.composite_BCHW, batch.face_BCHW))
        descend(losses["total"], self._machine, self.optimisers["painter"])
        self.discriminator.requires_grad_(True)
        return {**losses, "discriminator": discriminator}

    def _learn_together(self, painted: Painted, batch: Batch) -> dict[str, Tensor]:
        with self._autocast():
            logits = self._logits(painted.composite_BCHW, batch.face_BCHW)
            losses = self._painter_losses(painted, batch, *logits)
            discriminator = discriminator_loss(self._params.gan, *logits)
        descend(losses["total"] + discriminator, self._machine, *self.optimisers.values())
        return {**losses, "discriminator": discriminator}

    def _logits(self, painted_BCHW: Tensor, faces_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the true and of the painted faces, beside each other where pairs are judged."""
        if self._params.gan == "paper":
            return self._judge(faces_BCHW), self._judge(painted_BCHW)
        return self._judge(faces_BCHW, painted_BCHW), self._judge(painted_BCHW, faces_BCHW)

    def _painter_losses(
        self, painted: Painted, batch: Batch, real_logits: Tensor, fake_logits: Tensor
    ) -> dict[str, Tensor]:
        losses = painter_losses(
            self._params,
            painted,
            batch.face_BCHW,
            batch.label_BD,
            psi=self._psi,
            real_logits=real_logits,
            fake_logits=fake_logits,
        )
        return losses._asdict()

    def _autocast(self) -> torch.autocast:
        return autocast(self._params, self._machine)


def _samples(pack: Pack, params: TrainParams, mask: MaskParams) -> TrainingSamples:
    try:
        return TrainingSamples(pack, params, mask)
    except BadInput as error:
        raise CannotTrain(f"{error}.") from None


def _start(
    pack: Pack, voice: VoiceNetwork | None, audio_face: AudioFaceDecoder | None, params: ModelParams
) -> Inpainter:
    """Return the network before its first step."""
    if params.predicts_label and not pack.label_size:
        raise CannotTrain(f"model.variant '{params.variant}' predicts identity labels: no face has one.")
    network = Inpainter(params, pack.label_size)
    if params.hears:
        if voice is None:
            raise CannotTrain(f"model.variant '{params.variant}' hears: expected a voice network, found none.")
        n_mels, _ = pack.log_mel_shape
        voice.expect_mels(n_mels)
        network.use_voice(deepcopy(voice))
    if network.audio_face is not None and audio_face is not None:
        if audio_face.width != params.width:
            raise BadInput(f"model.width = {params.width}, and the audio-face decoder has width {audio_face.width}")
        network.audio_face.load_state_dict(audio_face.state_dict())
    return network


def _judge_of_identity(psi: LabelNetwork | None, params: ModelParams) -> FrozenPsi | None:
    if not params.matches_identities:
        return None
    if psi is None:
        raise CannotTrain(f"model.variant '{params.variant}' matches identities: expected a label network, found none.")
    return FrozenPsi(deepcopy(psi))


def _losses_of(params: ModelParams) -> list[str]:
    """Return the names of the losses that the variant has."""
    has = {"label": params.predicts_label, "match": params.matches_identities, "audio_face": bool(params.fusion)}
    names = ("total", "label", "match", "face", "audio_face", "gan", "discriminator")
    return [name for name in names if has.get(name, True)]


def _inputs(
    pack: Pack,
    psi: LabelNetwork | None,
    voice: VoiceNetwork | None,
    audio_face: AudioFaceDecoder | None,
    model_params: ModelParams,
    mask_params: MaskParams,
) -> dict[str, str]:
    """Return all that the training's result follows from but its own params, by content."""
    networks: dict[str, nn.Module | None] = {"psi": psi, "voice": voice, "audio_face": audio_face}
    return {
        "data": pack.content_hash,
        "model": json.dumps(model_params.model_dump(mode="json"), sort_keys=True),
        "mask": json.dumps(mask_params.model_dump(mode="json"), sort_keys=True),
        "mask_image": "" if mask_params.image is None else sha256_of(Path(mask_params.image)),
        "psi_geometry": "" if psi is None else psi.geometry.name,
        **{name: "" if network is None else digest_of(network) for name, network in networks.items()},
    }
