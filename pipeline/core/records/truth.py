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


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthShot:
    """One row of ``<interview>.shots.parquet``: the frames between two cuts; shots tile the file."""

    shot_id: str = column("<number, 4 digits>, in order of time")
    kind: str = column("what the shot shows: see ShotKind in pipeline/interview/plan.py")
    start_s: float = column("time of its first frame, seconds")
    end_s: float = column("time of the first frame after it, or the end of the file, seconds")
    first_frame: int = column("index of its first frame in the file")
    n_frames: int = column("number of its frames")
    n_faces: int = column("number of faces in its picture")


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthFace:
    """One row of ``<interview>.faces.parquet``: one person's face in one shot, where it is visible in every frame."""

    face_id: str = column("<shot>-<person, 2 digits>")
    shot_id: str = column("the shot")
    person: int = column("number of the person in the interview, as in TruthFrame and TruthVoice")
    is_talker: bool = column("whether the person has a voice in the interview; else it is seen and never heard")
    place: str = column("room and light, equal where names are; '/2' at the end: another wall of that room")
    lips: str = column("'own': move whenever the person's voice sounds, 'other': out of step with it, 'shut': never")
    left_px: float = column("box around the eye centres and mouth corners of all its frames, left, pixels")
    top_px: float = column("the same, top, pixels")
    right_px: float = column("the same, right, pixels")
    bottom_px: float = column("the same, bottom, pixels")
    interocular_px: float = column("distance of the eye centres, median over the frames, pixels")
    speaking_s: float = column("for how long the face speaks: its own voice sounds, in step with its lips, seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthVoice:
    """One row of ``<interview>.voices.parquet``: an interval in which one voice sounds without a pause."""

    voice_id: str = column("<number, 5 digits>, in order of time")
    person: int = column("number of whose voice it is; talkers come first, then those who are never seen")
    is_talker: bool = column("whether it is a talker's; else that of somebody who is never seen")
    turn: int = column("number of the turn, in order of time; between intervals of one turn are short pauses")
    start_s: float = column("start, seconds")
    end_s: float = column("end, seconds")
    overlap_s: float = column("for how much of it another voice sounds too, seconds")
    in_step_s: float = column("for how much of it its own face is in the picture and its lips move with it, seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthSound:
    """One row of ``<interview>.sounds.parquet``: music or laughter."""

    sound_id: str = column("<number, 4 digits>, in order of time")
    kind: str = column("'music' or 'laughter'")
    start_s: float = column("start, seconds")
    end_s: float = column("end, seconds")
    level_db: float = column("loudness over that of speech, decibels, before it is faded in and out")
