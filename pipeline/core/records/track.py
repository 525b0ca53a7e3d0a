"""What is followed in a clip: its shots, its tracks (a face in the frames of a shot), mouth and sound, fingerprints."""

from dataclasses import dataclass

from pipeline.core.records.schema import Image, Vector, column


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One row of ``manifests/sets/<dataset>/tracks.parquet``."""

    track_id: str = column("<clip_id>-t<two digits>, numbered by first appearance, then from left to right")
    clip_id: str = column("the clip: <dataset>/<clip>")
    start_s: float = column("time of the first frame, seconds since the first picture of the media")
    end_s: float = column("time of the last frame, seconds")
    n_frames: int = column("number of frames observed")
    presence_px2: float = column("sum over its frames of the face box's area, pixels squared")
    mean_box_h_px: float = column("mean height of the face box, pixels")
    eye_opening_std: float = column("standard deviation of eye_opening over the track's frames")
    mouth_height_std: float = column("the same of mouth_height")
    yaw_std_deg: float = column("the same of yaw_deg, degrees")
    is_still_picture: bool = column("whether it is a poster or a photo: seen for detect.min_still_s without moving")
    av_covered_s: float = column("for how many seconds both this face and the clip's sound are there")
    av_correlation: float | None = column(
        "correlation of the mouth's movement with the loudness of the sound, at the lag where it is largest, -1 to 1; "
        "null: no sound, or too little"
    )
    av_lag_s: float | None = column(
        "that lag, seconds from the mouth to the sound: within detect.max_av_lag_s of the usual one plus out_of_step_s"
    )
    av_zscore: float | None = column(
        "av_correlation, times the weight of the lag, over the standard deviation of the correlation of unrelated "
        "series; the largest over lags, so about 1.6 by chance; the speaker's is above subjects.min_av_zscore"
    )
    av_offset_s: float | None = column(
        "by how much the sound of the whole clip comes later than its picture, seconds, alike in all of its tracks: "
        "where mouths and sound correlate best, up to detect.max_av_offset_s; null: as above"
    )
    av_offset_certainty: float | None = column(
        "natural logarithm of how much likelier av_offset_s is than any other offset; 0.8 by chance, hardly above 6"
    )
    out_of_step_s: float = column(
        "av_offset_s where its certainty is at least detect.min_av_offset_certainty and its size at least "
        "detect.min_av_offset_s, else 0: what the stage audio corrects"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One row of ``manifests/sets/<dataset>/shots.parquet``: the frames between two cuts."""

    shot_id: str = column("<clip_id>-c<four digits>, numbered in order of time")
    clip_id: str = column("the clip: <dataset>/<clip>")
    start_s: float = column("time of its first frame, seconds since the first picture of the media")
    end_s: float = column("time of the next shot's first frame, or of the clip's last frame, seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFace:
    """One row of ``manifests/sets/<dataset>/track_faces.parquet``: the most frontal face of each half of a track.

    Only of clips with several tracks: by their faces it is told which of these are one person.
    """

    face_id: str = column("<track_id>-<time in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    track_id: str = column("the track: <clip_id>-t<two digits>")
    time_s: float = column("presentation time since the first picture of the media, seconds")
    turned_deg: float = column("root of the sum of the squares of yaw and pitch, degrees; 0 frontal")
    interocular_px: float = column("distance of the eye centres, pixels of the full frame")
    image: Image = column("the face and what is around it, grey JPEG, at most 224 pixels wide and high")
    landmarks_px: Vector = column("x and y of its 68 landmarks, pixels of the image")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One row of ``manifests/sets/<dataset>/fingerprints.parquet``: sound and picture at one moment, by their hashes.

    A moment is where the sound rises more than around it: copies of a video have the same ones.
    """

    fingerprint_id: str = column("<clip_id>-<time in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    time_s: float = column("the moment, seconds since the first picture of the media")
    sound_hash: int = column(
        "60 bits: whether the difference of two neighbouring bands grows from one time to the next, 0.1 s later, of 6 "
        "bands and 13 times around the moment"
    )
    picture_hash: int = column("63 bits: the signs of the picture's lowest frequencies, 8x8 less their mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One row of ``manifests/sets/<dataset>/agreement.parquet``: mouth and sound in half a second of one track.

    At 50 Hz, two movements of the mouth m, and what the sound predicts of them v. Where the voice is the mouth's own,
    m is v and unrelated noise of variance 1; so m v - v^2 / 2 is the log of how much likelier m is then. And the
    mouth's height h and the loudness l: the fast parts of their series, standardised over the track.
    """

    agreement_id: str = column("<track_id>-<start in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    track_id: str = column("the track: <clip_id>-t<two digits>")
    start_s: float = column("start, a multiple of 0.5 s since the first picture of the media")
    covered_s: float = column("for how many seconds of it both are there")
    products: Vector = column(
        "sum of m v over both movements, with the sound -0.28, -0.24, ... 0.28 s later than where the clip is in step"
    )
    voice_power: float = column("sum of v^2 over both, in step")
    loud_products: Vector = column("sum of h l, with the sound as much later than at the clip's usual lag")
    loud_power: float = column("sum of l^2")
    variance_factor: float = column(
        "by how much the variance of such a sum of two unrelated series exceeds its number of terms; of the whole track"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveSpeaker:
    """One row of ``manifests/sets/<dataset>/active_speakers.parquet``: whether a face speaks, in half a second."""

    score_id: str = column("<track_id>-<start in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    track_id: str = column("the track: <clip_id>-t<two digits>")
    start_s: float = column("start, a multiple of 0.5 s since the first picture of the media")
    covered_s: float = column("for how many seconds of it both face and sound are there")
    network: str = column("the network: its name, and the first 12 digits of its weights' sha256")
    log_odds: float = column(
        "natural logarithm of how much likelier the face speaks than not, by that network, the mean of 25 a second: "
        "below 0 the mouth is still, above it moves, whoever's voice sounds"
    )
