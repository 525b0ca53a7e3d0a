"""How expressive a face is, by MediaPipe's blendshapes: how far each of its movements is from a face at rest."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.face.mesh.face_mesh import read_bundled
from pipeline.face.mesh.mesh_measures import MeshPoints
from pipeline.weights.tflite_network import TfliteNetwork

_FILE = "face_blendshapes.tflite"
_OUTPUT = "StatefulPartitionedCall:0"
_N_SCORES = 52
# The points of the mesh that the network takes, in its order, and its scores of brows, cheeks, jaw, mouth and nose; the
# others are of where the eyes look, and of lids: mediapipe/tasks/cc/vision/face_landmarker/face_blendshapes_graph.cc.
_POINTS = (
    *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80),
    *(81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153),
    *(154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249),
    *(251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314),
    *(317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382),
    *(384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466),
    *range(468, 478),
)
_EXPRESSIVE = (*range(1, 9), *range(21, 52))


class ExpressionNetwork(Protocol):
    """What tells how expressive a face is."""

    def expression(self, mesh: MeshPoints) -> float:
        """Return the largest movement of brows, cheeks, jaw, mouth or nose of a mesh, (478, 3): 0 at rest, 1 most."""
        ...


class Blendshapes:
    """The network within the bundle ``weights`` (``find_weights("face_landmarker")``), loaded once."""

    def __init__(self, weights: Path) -> None:
        """Raises BadInput when ``weights`` is no bundle of the Face Landmarker."""
        self._network = TfliteNetwork(read_bundled(weights, _FILE), (_OUTPUT,), str(weights))

    def scores(self, mesh: MeshPoints) -> NDArray[np.float32]:
        """Return the (52,) scores of a mesh, 0-1, in MediaPipe's order."""
        return self._network.run(np.ascontiguousarray(mesh[_POINTS, :2], np.float32)[None], (_N_SCORES,))[0]

    def expression(self, mesh: MeshPoints) -> float:
        """Return the largest movement of brows, cheeks, jaw, mouth or nose of a mesh, (478, 3): 0 at rest, 1 most."""
        return float(self.scores(mesh)[list(_EXPRESSIVE)].max())
