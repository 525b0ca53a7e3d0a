"""Names of the generated clips, and the files of their checkout."""

from pathlib import Path

DATASET = "scale"
CLIPS_PER_PERSON = 20
NETWORK = "generated"

TABLE = Path("clips.csv")
VIDEOS = Path("videos")
WEIGHTS = Path("weights.onnx")
CACHE = Path("cache")
_PER_FOLDER = 1000


def clip_name(number: int) -> str:
    """Return the name of a clip: 'p000003', 'p000003-1' and so on of one person.

    The ids of what is cut from such clips are in another order than the clips': a stage that writes them in the order
    of clips has to sort.
    """
    person, clip = divmod(number, CLIPS_PER_PERSON)
    return f"p{person:06d}-{clip}" if clip else f"p{person:06d}"


def clip_number(clip_id: str) -> int:
    """Return the number of the clip with that id."""
    person, _, clip = clip_id.rpartition("/")[2].removeprefix("p").partition("-")
    return int(person) * CLIPS_PER_PERSON + int(clip or 0)


def person_number(clip_id: str) -> int:
    """Return the number of the clip's person."""
    return clip_number(clip_id) // CLIPS_PER_PERSON


def video_path(number: int) -> Path:
    """Return the path of a clip's file within the checkout."""
    return VIDEOS / f"{number // _PER_FOLDER:04d}" / f"{clip_name(number)}.mp4"
