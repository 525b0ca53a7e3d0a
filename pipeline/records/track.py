"""A track: one face followed through consecutive frames of one shot."""

from dataclasses import dataclass

from pipeline.records.schema import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One row of ``manifests/sets/<dataset>/tracks.parquet``."""

    track_id: str = column("<clip_id>-t<two digits>, numbered by first appearance, then from left to right")
    clip_id: str = column("the clip: <dataset>/<clip>")
    start_s: float = column("time of the first frame, seconds since the first picture of the media")
    end_s: float = column("time of the last frame, seconds")
    n_frames: int = column("number of frames observed")
    mean_box_h_px: float = column("mean height of the face box, pixels")
    is_main: bool = column("whether this is the clip's main face: the largest sum of box areas over its frames")
