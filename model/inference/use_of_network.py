"""The sound, the mask and the alignment with which a network is used: those that it was trained with."""

from dataclasses import dataclass

import numpy as np

from model.data.masks import Mask, draw_mask
from model.networks.trained_with import TrainedWith
from model.settings import MaskParams
from pipeline.audio.settings import AudioParams
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import check_section, load_params
from pipeline.face.crops.align import Template

UNKNOWN = (
    "This network's file does not say what it was trained with: sound, mask and alignment are those of params.yaml."
)
GENERATED = " It knows drawn faces only: a photographed one becomes a drawing where it is inpainted."
NO_ALIGNMENT = " The alignment is that of params.yaml."


@dataclass(frozen=True, slots=True, kw_only=True)
class UseOfNetwork:
    """How the inputs of a network are made, and a sentence on it for the user."""

    audio: AudioParams
    face_mask: Mask
    """(256, 256): the mask where the user gives none."""
    template: Template
    sentence: str


def use_as_trained(trained_with: TrainedWith | None, at: Layout = Layout()) -> UseOfNetwork:
    """Return the use of a network by its training; what its file does not say is that of params.yaml.

    Raises BadParams for params.yaml, and for a file of sound or masks that this version does not know.
    """
    audio = load_params(AudioParams, "audio", at.params)
    template = load_params(Template, "crop.template", at.params)
    rng = np.random.default_rng(0)
    if trained_with is None:
        mask = draw_mask(load_params(MaskParams, "mask", at.params), rng, template.size_px)
        return UseOfNetwork(audio=audio, face_mask=mask, template=template, sentence=UNKNOWN)
    sentence = f"The network was {trained_with.summary()}; it is used with these."
    if trained_with.is_generated:
        sentence += GENERATED
    if trained_with.alignment is None:
        sentence += NO_ALIGNMENT
    else:
        template = Template(**trained_with.alignment.model_dump())
    drawn = trained_with.drawn_mask()
    sound = audio.model_dump() | trained_with.sound.model_dump()
    return UseOfNetwork(
        audio=check_section(AudioParams, sound, "the network's sound"),
        face_mask=draw_mask(trained_with.mask, rng, template.size_px) if drawn is None else drawn,
        template=template,
        sentence=sentence,
    )
