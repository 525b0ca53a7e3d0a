"""Names of the generated clips, and the files of their checkout."""

from pathlib import Path

DATASET = "scale"
CLIPS_PER_PERSON = 20
NETWORK = "generated"

TABLE = Path("clips.csv")
VIDEOS = Path("videos")
WEIGHTS = Path("weights.onnx")
CACHE = Path("cache")
RELEASED = Path("released")
"""The checkout in which the dataset is one that was released built, below that of all other stages."""
RELEASED_FILES = Path("files")
_PER_FOLDER = 1000


def clip_name(number: int) -> str:
    """Return the name of a clip: 'p000003', 'p000003-1' and so on of one person.

    The ids of what is cut from such clips are in another order than the clips': a stage that writes them in the order
    of clips has to sort.
    """
    person, clip = divmod(number, CLIPS_PER_PERSON)
    return f"{person_name(person)}-{clip}" if clip else person_name(person)


def person_name(number: int) -> str:
    """Return the name of a person, which is that of the first of the clips too."""
    return f"p{number:06d}"


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
