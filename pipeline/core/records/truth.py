"""Ground truth of a synthetic clip."""

from dataclasses import dataclass

from pipeline.core.records.schema import column


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthFrame:
    """One row of ``data/media/<dataset>/<clip>.frames.parquet``: one talker's face in one frame of the file."""

    truth_id: str = column("<person>-<frame, 6 digits>")
    person: int = column("index of the talker in the clip")
    frame: int = column("index of the frame in the file")
    time_s: float = column("presentation time, seconds")
    left_eye_x_px: float = column("centre of the open eye on the image's left, x, pixels")
    left_eye_y_px: float = column("the same, y, pixels")
    right_eye_x_px: float = column("centre of the open eye on the image's right, x, pixels")
    right_eye_y_px: float = column("the same, y, pixels")
    mouth_left_x_px: float = column("mouth corner on the image's left, x, pixels")
    mouth_left_y_px: float = column("the same, y, pixels")
    mouth_right_x_px: float = column("mouth corner on the image's right, x, pixels")
    mouth_right_y_px: float = column("the same, y, pixels")
    lip_opening: float = column("gap between the inner lips over the interocular distance, both as seen")
    eye_opening: float = column("1 open, 0 closed")
    yaw_deg: float = column("head turned towards the image's right, degrees")
    pitch_deg: float = column("head raised, degrees")
    roll_deg: float = column("head tilted clockwise in the image, degrees")
    visible: bool = column("whether the face is in the picture")
    speaking: bool = column("whether the face is visible and its own voice sounds, in step with its lips")


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthSpeech:
    """One row of ``data/media/<dataset>/<clip>.speech.parquet``: an interval with a voice."""

    speech_id: str = column("<number, 4 digits>, in order of time")
    start_s: float = column("start, seconds")
    end_s: float = column("end, seconds")
