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
    av_covered_s: float = column("for how many seconds both this face and the clip's sound are there")
    av_correlation: float | None = column(
        "correlation of the mouth's movement with the loudness of the sound, at the lag where it is largest, -1 to 1; "
        "null: no sound, or too little"
    )
    av_lag_s: float | None = column("that lag: how long the sound comes after the mouth, seconds")
    av_zscore: float | None = column(
        "av_correlation, times the weight of the lag, over the standard deviation of the correlation of unrelated "
        "series; the largest over lags, so about 1.7 by chance; the speaker's is above detect.min_av_zscore"
    )
    is_main: bool = column("whether this is the clip's main track: the speaker's, or else the largest")
