"""List VoxCeleb-ID: pictures of people joined by name to the sound of the utterances of VoxCeleb.

The folder holds ``pictures/`` (Celeb-ID's files, VGGFace2's folders, or folders named after people), and VoxCeleb's
files and tables as voxceleb.py reads them. Names are compared without case, accents, dots and signs. All clips of a
person have VoxCeleb's spelling; of people who are in one of the two alone the ledger has a row each.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.lists import pictures, voxceleb
from pipeline.sources.lists.pictures import Picture, Published, name_key, pictures_in
from pipeline.sources.lists.rows import ListReader, at_least_one
from pipeline.sources.lists.settings import VoxCelebIdSource
from pipeline.sources.lists.speakers import read_face_names, read_speakers, tables_in
from pipeline.sources.reading.found import Found

PICTURES = "pictures"
LICENCE = "a photo on the web, of its owner: research use"


def list_clips(dataset: str, source: VoxCelebIdSource) -> Iterator[Found]:
    """Yield a clip for each picture and each utterance of people who have both, and a drop for each row that is none.

    Raises BadInput where there are no pictures or no utterances.
    """
    folder = Path(source.input)
    reader = ListReader(dataset, folder)
    speakers = read_speakers(reader, folder)
    spelling = {name_key(one.name): one.name for one in speakers.values() if one.name}
    seen: set[str] = set()
    left_out: Counter[str] = Counter()
    for picture in _pictures(folder):
        key = name_key(picture.identity)
        if key in spelling:
            seen.add(key)
            published = Published(dataset=dataset, identity=spelling[key], licence=LICENCE)
            yield pictures.clip_of(picture, published)
        else:
            left_out[picture.identity] += 1
    for name, n in left_out.items():
        reader.leave_out(f"{PICTURES} {name}", "no_voice", f"{n} pictures of '{name}', whom no table of VoxCeleb names")
    yield from reader.take_drops()
    heard: set[str] = set()
    unseen: Counter[str] = Counter()
    for utterance in voxceleb.heard_in(folder):
        speaker = speakers.get(utterance.speaker_id)
        key = name_key(speaker.name) if speaker and speaker.name else ""
        if key not in seen:
            unseen[utterance.speaker_id] += 1
            continue
        found = voxceleb.sound_of(dataset, reader, utterance, speaker)
        if found is not None:
            heard.add(key)
            yield found
        yield from reader.take_drops()
    for speaker_id, n in unseen.items():
        reader.leave_out(speaker_id, "no_picture", f"{n} utterances of {speaker_id}, of whom there is no picture")
    for key in sorted(seen - heard):
        detail = f"pictures of '{spelling[key]}', of whom no utterance is there"
        reader.leave_out(f"{PICTURES} {spelling[key]}", "no_voice", detail)
    yield from reader.drops


def files_read(source: VoxCelebIdSource) -> Iterator[Path]:
    """Yield the files that the list is read from, pictures too; raise BadInput where there are none of either."""
    folder = Path(source.input)
    yield from tables_in(folder)
    yield from (one.path for one in _pictures(folder))
    yield from (one.path for one in voxceleb.heard_in(folder))


def _pictures(folder: Path) -> Iterator[Picture]:
    names = read_face_names(ListReader("", folder), folder)
    expected = f"{folder / PICTURES}: expected pictures of people, such as first-last-1.jpg"
    return at_least_one(pictures_in(folder, folder / PICTURES, names), expected)
