"""The steps detect and crop on their own, without item store and worker processes."""

from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import PARAMS_FILE, load_params
from pipeline.core.records.face import Face
from pipeline.core.records.frame import Frame
from pipeline.core.records.schema import to_table
from pipeline.core.records.subject import main_subject_id
from pipeline.core.records.track import Track
from pipeline.face.crops.crop import CropParams, Cropper, ObservedClip
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.observe import Observer
from pipeline.video.clip import MediaClip

_NO_FOLDER = Path()  # neither step writes files


class FaceSteps:
    """The steps with the numbers of a file of params; they load their models at the first clip."""

    def __init__(self, params: Path = PARAMS_FILE) -> None:
        detect = load_params(DetectParams, "detect", params)
        self._observer = Observer(detect)
        self._cropper = Cropper(load_params(CropParams, "crop", params), detect.backend)

    def detect(self, clip: MediaClip) -> tuple[Frame, ...]:
        """Return the frames of the largest track; raises BadInput when there is none."""
        rows = self._observer(clip, _NO_FOLDER)
        if isinstance(rows, Dropped):
            raise BadInput(f"{clip.path}: expected a face, {rows.reason}")
        main = max((row for row in rows if isinstance(row, Track)), key=lambda track: track.presence_px2)
        return tuple(row for row in rows if isinstance(row, Frame) and row.track_id == main.track_id)

    def crop(self, clip: MediaClip, frames: tuple[Frame, ...]) -> list[Face] | Dropped:
        """Return the faces cropped from these frames."""
        subject_of = {frame.track_id: main_subject_id(clip.clip_id) for frame in frames}
        return self._cropper(ObservedClip(clip, to_table(Frame, frames), subject_of), _NO_FOLDER)
