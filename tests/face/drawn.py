"""A face drawn by the synthetic talkers' generator, alone in a picture, with its eyes where one knows them."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.look.aligned import HeadPose, aligned_face
from pipeline.synthetic.script.traits import traits_of

MARGIN_PX = 112
EYES = np.array([(96.0, 120.0), (160.0, 120.0)]) + MARGIN_PX
INTEROCULAR_PX = 64.0


@lru_cache
def drawn_face(yaw_deg: float = 0.0) -> NDArray[np.uint8]:
    """Return a grey picture (480, 480) of one face."""
    face = aligned_face(traits_of(3, 0), rng=keyed_rng("backends"), pose=HeadPose(yaw_deg=yaw_deg))
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    bordered = np.asarray(cv2.copyMakeBorder(grey, *(4 * [MARGIN_PX]), cv2.BORDER_REPLICATE), np.uint8)
    bordered.setflags(write=False)
    return bordered
