"""Section ``face_videos`` of params.yaml: tracks cut out as videos, each in one fixed box."""

from pydantic import Field

from pipeline.core.base.params import Params


class FaceVideoParams(Params):
    """Section ``face_videos``."""

    size_px: int | None = Field(ge=16, multiple_of=2)  # x264 wants even sides
    """Side of a video; None: none is written."""
    fps: int = Field(ge=1)
    crf: int = Field(ge=0, le=51)
    """x264's quality: 0 is lossless, 51 the worst."""
    margin: float = Field(ge=0)
    """Added to the union of a face's boxes on each side, over the union's longer side."""
    min_box_px: int = Field(ge=1)
    """Of the union's longer side, before the margin."""
    min_iou: float = Field(ge=0, le=1)
    """Of a face's box with the first one of a video: where it overlaps less, another video begins."""
    max_gap_s: float = Field(ge=0)
    """For so long the face may be unobserved within a video."""
    min_frames: int = Field(ge=1)
    max_frames: int = Field(ge=1)
    """Of a video, at ``fps``: with more, another video begins."""
