"""A face: an aligned crop of one frame with all measures that later decisions need; and a video of a moving face."""

from dataclasses import dataclass

from pipeline.core.records.schema import Image, Vector, column

RANDOM = "random"
CANDIDATE = "candidate"
OF_PICTURE = "picture"
DRAWN = (RANDOM, OF_PICTURE)
"""What the paper counts as Faces: those drawn at random, and those of still pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceMeasures:
    """The measures of a crop, without its picture."""

    face_id: str = column("<track_id>-<time in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    subject_id: str = column("the subject: <clip_id>-s<two digits>")
    track_id: str = column("the track: <clip_id>-t<two digits>")
    time_s: float = column("time of the frame, seconds since the first picture of the media")
    sampled_by: str = column(
        "'random' (drawn at random), 'candidate' (among the best by standardness), or 'picture' (of a still picture)"
    )
    standardness: float | None = column(
        "0 is a perfect standard face, lower is worse; null: window incomplete, or a still picture"
    )
    yaw_deg: float = column("head turned towards the image's right, degrees")
    pitch_deg: float = column("head raised, degrees")
    roll_deg: float = column("head tilted clockwise in the image, degrees, before alignment")
    asymmetry: float = column("distance of nose and eyes from their mirror image over the interocular distance")
    lip_opening: float = column("gap between the inner lips over the interocular distance; 0 closed")
    lip_opening_max: float | None = column("largest lip opening in the window around the frame; null: incomplete")
    mouth_rise: float | None = column(
        "largest mouth height in the window less that of the shut mouth in this track, over the interocular distance; "
        "null: incomplete"
    )
    lip_motion: float | None = column(
        "largest minus smallest lip opening, or mouth height, in the window; null: incomplete, or a still picture, "
        "whose window is its one frame"
    )
    mouth_change: float | None = column("largest change of the mouth's grey profile in the window; null: likewise")
    eye_change: float | None = column("largest change of an eye's grey profile in the window; null: likewise")
    eye_opening: float = column("eye height over eye width, mean of both eyes")
    eye_share: float = column("eye opening over its median in this track; a blink is well below 1")
    sharpness: float = column("variance of the Laplacian of the face at 128x128 px")
    brightness: float = column("mean grey value of the face box, 0-255")
    interocular_px: float = column("distance of the eye centres in the source frame, pixels")
    score: float = column("the detector's own score")
    inside_share: float = column("share of the face box inside the frame, 0-1")
    true_interocular_px: float = column(
        "the distance of the eye centres at the size at which the face would lose no detail, pixels, at most 80: well "
        "below interocular_px where the picture was enlarged, blurred or compressed to blocks"
    )
    mesh_presence: float | None = column(
        "how sure the face mesh is that there is a face, 0-1, lowest in the window; null here and below: not verified"
    )
    lip_gap: float | None = column(
        "gap between the inner lips of the mesh over the interocular distance, largest in the verified frames of the "
        "window; 0.02 or less shut"
    )
    rest_gap: float | None = column(
        "the smallest gap between the inner lips in the verified frames of this subject; null also of a still picture"
    )
    lip_line: float | None = column(
        "how much darker than the lips the line between them is, over their grey value; near 0: the mouth is covered"
    )
    lid_opening: float | None = column("eye height over eye width by the mesh, of the more closed eye; 0.3 open")
    lid_share: float | None = column("lid opening over its median in these frames; null likewise")
    iris_seen: float | None = column(
        "distance of the lids over the width of the iris, of the more closed eye; 0.6 open, 0.4 half shut"
    )
    lips_parted: float | None = column(
        "log odds that the lips are parted, by how the mouth looks, largest in the verified frames of the window: "
        "natural logarithm"
    )
    eyes_shut: float | None = column(
        "log odds that the eyes are half shut or shut, by how they look: natural logarithm"
    )
    mesh_yaw_deg: float | None = column("head turned towards the image's right by the mesh, degrees")
    mesh_pitch_deg: float | None = column("head raised by the mesh, degrees")


@dataclass(frozen=True, slots=True, kw_only=True)
class Face(FaceMeasures):
    """One row of the shards ``data/faces/<dataset>/``."""

    image_sha256: str = column("sha256 of the picture's bytes")
    image: Image = column("the aligned face, 256x256 RGB, lossless PNG; eye centres at those of the template")
    landmarks_px: Vector = column(
        "68 points in the aligned image (order: pipeline/face/measures/points.py), x and y in turn, pixels"
    )
    alignment: Vector = column(
        "the (2, 3) map from pixels of the frame to the aligned image, row by row; pixel centres lie at integers"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceExpression:
    """One row of ``data/expressions/<dataset>.parquet``, where ``finish.measure_expression`` asks for them."""

    face_id: str = column("the face")
    clip_id: str = column("the clip: <dataset>/<clip>")
    expression: float = column(
        "largest movement of brows, cheeks, jaw, mouth or nose, by blendshapes: 0 at rest, 1 most"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedFace(FaceMeasures):
    """One row of ``manifests/selected_faces.parquet``: a crop and whether it is a standard face."""

    is_standard: bool = column("frontal, lips shut, eyes open, truly resolved by the thresholds, or by an override")
    is_resting: bool = column("a standard face whose lips are parted, as they are at rest (select.resting_mouth)")
    reason: str = column("the first threshold that it misses, or 'reviewed'; empty for a standard face")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceVideo:
    """One row of ``data/face_videos/<dataset>/videos.parquet``: a face in one fixed box, with its sound."""

    video_id: str = column("<subject_id>-f<start in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    subject_id: str = column("the subject: <clip_id>-s<two digits>")
    start_s: float = column("its first picture, seconds since the first picture of the media")
    end_s: float = column("its end, seconds: n_frames / fps later")
    n_frames: int = column("number of its pictures")
    n_tracks: int = column("tracks that it was joined of")
    n_observed: int = column("frames of the media in it in which the face was observed")
    box_x_px: int = column("left edge of the box, pixels of the media's picture as shown")
    box_y_px: int = column("top edge of the box, pixels")
    box_side_px: int = column("side of the box, pixels")
    size_px: int = column("side of the video's pictures, pixels")
    fps: int = column("pictures a second")
    av_correction_s: float = column("by how much later than the picture the sound was taken: out_of_step_s, seconds")
    path: str = column("the mp4 beside the manifest: H.264, AAC of 16 kHz, mono; both begin at 0")
    sha256: str = column("sha256 of the mp4's bytes, 64 hexadecimal digits")
    sync_log_mel: Vector = column(
        "log-mel of its sound by the profile 'sync': 80 rows of 25 columns a second, row by row, standardised"
    )
    wav2lip_log_mel: Vector = column(
        "the same by 'wav2lip': 80 rows of 80 columns a second and one more, -4 to 4 for -100 to 0 dB"
    )
