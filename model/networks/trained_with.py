"""What a generator was trained with: the facts by which its file is used as the training meant it."""

import base64
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from model.settings import MaskParams
from pipeline.core.base.params import Params

FACE_PX = 256
_MASK_BYTES = FACE_PX**2 // 8
_MASK_TEXT = 4 * -(-_MASK_BYTES // 3)
LONGEST_TEXT = 2000


class Sound(Params):
    """How the log-mels were made: the keys of section ``audio`` that decide the log-mel of a segment."""

    profile: str = Field(max_length=40)
    vad: str = Field(max_length=40)
    segment_s: float = Field(ge=0.1, le=600)
    pad: str = Field(max_length=40)
    n_frames: int = Field(ge=1, le=1 << 20)


class Alignment(Params):
    """Where the eye centres were in the aligned faces, pixels: ``crop.template`` of params.yaml."""

    size_px: Literal[256]
    left_eye_x_px: float
    right_eye_x_px: float
    eyes_y_px: float

    @property
    def between_px(self) -> float:
        """The distance of the eyes."""
        return self.right_eye_x_px - self.left_eye_x_px


class TrainedWith(Params):
    """The sound, the mask, the alignment and the faces of a training.

    ``mask_bits``: of a mask of kind ``image``, its picture of 256 px, eight pixels a byte as base64. ``alignment`` is
    None where it is not known. ``faces`` says in one line which ones; ``is_generated``: all were drawn by this project.
    """

    sound: Sound
    mask: MaskParams
    mask_bits: str | None = Field(min_length=_MASK_TEXT, max_length=_MASK_TEXT)
    alignment: Alignment | None
    faces: str = Field(max_length=LONGEST_TEXT)
    is_generated: bool

    def drawn_mask(self) -> NDArray[np.uint8] | None:
        """Return the mask of kind ``image``, (256, 256), 1 where it is inpainted; None of other kinds."""
        if self.mask_bits is None:
            return None
        packed = np.frombuffer(base64.b64decode(self.mask_bits), np.uint8)
        return np.unpackbits(packed, count=FACE_PX**2).reshape(FACE_PX, FACE_PX)

    def summary(self) -> str:
        """Return in a part of a sentence what the network was trained on and with."""
        where = "an unknown alignment" if self.alignment is None else f"eyes {self.alignment.between_px:g} px apart"
        mask = self.mask.kind if self.mask.kind.startswith(("strokes", "image")) else f"{self.mask.kind} of {self._px}"
        return f"trained on {self.faces}, with log-mels of profile '{self.sound.profile}', mask {mask} and {where}"

    @property
    def _px(self) -> str:
        return f"{self.mask.size_px} px"


def mask_as_bits(mask: NDArray[np.uint8]) -> str:
    """Return a mask (256, 256) as ``TrainedWith.mask_bits``."""
    return base64.b64encode(np.packbits(mask).tobytes()).decode()
