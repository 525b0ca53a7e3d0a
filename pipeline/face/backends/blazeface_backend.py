"""BlazeFace finds faces, small and turned ones too; the face mesh says which are none, and dlib or it fits them."""

from pathlib import Path

from pipeline.core.base.arrays import ImageGrey, Landmarks
from pipeline.face.backends.blazeface_detector import BlazeFaceDetector
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.backends.interface import Detection, FrameReference
from pipeline.face.measures.boxes import Box
from pipeline.face.mesh.face_mesh import FaceMesh
from pipeline.face.mesh.mesh_measures import named_points
from pipeline.face.mesh.region import SCALE, Region

# Surer faces are not checked by the mesh, which is dearer than finding them.
_SURE_SCORE = 0.8
# Of a small or a turned face, which the detector sees in 24 px, the mesh is often unsure (0.1 to 0.5); of what is none,
# it is sure: in 37 frames of clips without a face, presence is below 0.02 but once, where the detector scores 0.53.
_MIN_SMALL_PRESENCE = 0.1
_MIN_PRESENCE = 0.5


class BlazefaceDlibBackend(DlibBackend):
    """BlazeFace finds the faces, dlib's model fits them; beyond about 40 degrees of yaw, the points are unreliable."""

    min_face_px = BlazeFaceDetector.min_face_px

    def __init__(self, detector: Path, mesh: Path) -> None:
        self._blazeface, self._mesh = BlazeFaceDetector(detector), FaceMesh(mesh)

    def detect(self, grey: ImageGrey, frame: FrameReference | None = None) -> list[Detection]:
        """Return the faces at least about 24 px high, best first; scores 0.6-1."""
        return [one for one in self._blazeface.detect(grey) if one.score >= _SURE_SCORE or self._is_face(grey, one.box)]

    def _is_face(self, grey: ImageGrey, box: Box) -> bool:
        return self._mesh.fit(grey, Region.of_box(box)).presence >= _MIN_SMALL_PRESENCE


class BlazefaceMeshBackend(BlazefaceDlibBackend):
    """BlazeFace finds the faces, the mesh fits them, up to profile; it has limits of its own, as its lips meet."""

    margin = SCALE * 0.8  # a region turned by 45 degrees reaches as far
    n_jitters = 1

    def landmarks(self, grey: ImageGrey, box: Box, frame: FrameReference | None = None) -> Landmarks | None:  # type: ignore[override]
        """Return the 68 points of the face in ``box``, None when there is none."""
        found = self._mesh.fit(grey, Region.of_box(box))
        return named_points(found.points) if found.presence >= _MIN_PRESENCE else None
