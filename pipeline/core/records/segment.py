"""A segment: six seconds of a clip's sound as a log-mel."""

from dataclasses import dataclass

from pipeline.core.records.schema import Vector, column


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentMeasures:
    """The measures of a segment, without its log-mel."""

    segment_id: str = column("<clip_id>-a<start in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    subject_id: str = column("whose voice it is: <clip_id>-s<two digits>; 00 also where no face is seen")
    start_s: float = column("start within the media, seconds since the first picture")
    end_s: float = column("end within the media, seconds; shorter sound is repeated to the segment's length")
    voiced_s: float = column("seconds that the voice activity detector keeps")
    n_valid_frames: int = column("log-mel frames that are sound; those behind them are padding")
    level_dbfs: float = column("root mean square level, dB below full scale")
    clipped_share: float = column("share of samples at full scale, 0-1")
    face_seen_share: float | None = column(
        "share of the segment's time in which tracks of the subject run, 0-1; null: a clip of sound alone"
    )
    n_turns: int = column("turns of the subject that it was joined of; 1: nothing was left out")
    skipped_s: float = column("time between start_s and end_s that was left out: what others said, seconds")
    turn_log_odds: float | None = column(
        "smallest log_odds of these turns; null: a clip of one shot and one subject, or audio.sound_of is 'clip'"
    )
    overlap_share: float | None = column(
        "share of the segment's time in which two voices sound at once, 0-1, the mean over its stretches; null: not "
        "measured (subjects.overlap), or no face is seen in a video"
    )
    music_share: float | None = column("the same: there is music (subjects.music)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(SegmentMeasures):
    """One row of the shards ``data/audio/<dataset>/``."""

    sound_channel: str = column("'mix', or the channel that was read (FL, FR, ...) where mixing cancels the voice")
    av_correction_s: float = column(
        "by how much later than start_s the sound was taken, seconds: out_of_step_s of the clip's tracks where "
        "audio.out_of_step is 'correct', else 0"
    )
    profile: str = column("name of the log-mel profile")
    n_mels: int = column("mel bins: rows of the log-mel")
    n_frames: int = column("frames: columns of the log-mel")
    log_mel: Vector = column("n_mels x n_frames values, row by row, standardised per mel bin over the valid frames")
