"""A frame: one face as observed in one decoded frame of a clip."""

from dataclasses import dataclass

from pipeline.core.records.schema import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One row of ``manifests/sets/<dataset>/frames.parquet``; thresholds apply later, so all measures are kept.

    Pixels are those of the decoded frame after rotation metadata, origin top left; "left" is the image's left.
    """

    frame_id: str = column("<track_id>-<time in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    track_id: str = column("the track: <clip_id>-t<two digits>")
    frame_index: int = column("index among the decoded frames of the clip, from 0")
    time_s: float = column("presentation time since the first picture of the media, seconds")
    detected: bool = column("whether the detector found the face here; false: followed from a frame where it did")
    score: float = column("the detector's own score where the face was last detected; higher is surer")
    box_x_px: float = column("left edge of the face box, pixels; may lie outside the frame")
    box_y_px: float = column("top edge of the face box, pixels")
    box_w_px: float = column("width of the face box, pixels")
    box_h_px: float = column("height of the face box, pixels")
    left_eye_x_px: float = column("centre (mean of its points) of the eye on the image's left, x, pixels")
    left_eye_y_px: float = column("the same, y, pixels")
    right_eye_x_px: float = column("centre of the eye on the image's right, x, pixels")
    right_eye_y_px: float = column("the same, y, pixels")
    interocular_px: float = column("distance of the eye centres, pixels")
    yaw_deg: float = column("head turned towards the image's right, degrees; 0 frontal")
    pitch_deg: float = column("head raised, degrees; 0 frontal")
    roll_deg: float = column("head tilted clockwise in the image, degrees; 0 upright")
    asymmetry: float = column(
        "distance of nose and eyes from their mirror image over the interocular distance; 0 seen from the front"
    )
    lip_opening: float = column("gap between the inner lips over the interocular distance; 0 closed")
    mouth_height: float = column("height of both lips and what is between them, over the interocular distance")
    mouth_width: float = column("distance of the corners of the mouth, over the interocular distance")
    nose_to_lip: float = column("distance from below the nose to the upper edge of the lips, over the same")
    lip_to_chin: float = column("distance from the lower edge of the lips to the chin, over the same")
    mouth_change: float = column(
        "largest change of the mouth's grey profile since the frames up to detect.change_s before, over its "
        "contrast; 0 still"
    )
    mouth_from_shut: float = column(
        "how far the mouth's grey profile is from that of the track's shut mouth, over its contrast; 0 shut"
    )
    eye_change: float = column("the same of the eyes, the larger of both; a blink is well above 0")
    eye_opening: float = column("eye height over eye width, mean of both eyes; about 0.1 closed, 0.3 open")
    sharpness: float = column("variance of the Laplacian of the face at 128x128 px; higher is sharper")
    brightness: float = column("mean grey value of the face box, 0-255")
    inside_share: float = column("share of the face box's area that lies inside the frame, 0-1")
