"""List HQ-VoxCeleb from its released folders: pictures, and the utterances that its spectrograms are of.

The folder holds ``vox1/`` and ``vox2/``, in each ``masked_faces/<name>/`` (or ``origin_faces``) with pictures,
``mel_spectrograms/<name>/<speaker>_<video>_<number>.pickle``, and the table of speakers. Pickles can run code when
they are read: they are never opened; their names say which utterances of VoxCeleb they are of, and the sound of these
is listed. It, or the times in its video, is in VoxCeleb's own files, which are read from anywhere in the folder;
without them an utterance waits.

The published split is by the row of a speaker's table: of each ten rows the ninth is test, the tenth val.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.sources.lists import pictures, voxceleb
from pipeline.sources.lists.pictures import Picture, Published, name_key, pictures_in
from pipeline.sources.lists.rows import ListReader, at_least_one, item_id
from pipeline.sources.lists.settings import HqVoxCelebSource
from pipeline.sources.lists.speakers import Speaker, read_speakers, tables_in
from pipeline.sources.reading.found import Found

SETS = ("vox1", "vox2")
LICENCE = "HQ-VoxCeleb: Apache-2.0; the photo belongs to its owner"
REMEDY = "utterance_files"
_SPECTROGRAM = re.compile(r"(id\d{5})_([A-Za-z0-9_-]{11})_(\d{1,6})\.pickle", re.ASCII)
_TEST_ROW, _VAL_ROW, _ROWS = 8, 9, 10


def list_clips(dataset: str, source: HqVoxCelebSource) -> Iterator[Found]:
    """Yield a clip for each picture and each utterance that has a spectrogram, and a drop for what is none.

    Raises BadInput where there is neither.
    """
    folder = Path(source.input)
    reader = ListReader(dataset, folder)
    speakers: dict[str, Speaker] = {}
    for one in SETS:
        in_set = ListReader(dataset, folder / one)
        speakers |= read_speakers(in_set, folder / one)
        yield from in_set.drops
    split_of = {name_key(one.name): _split(one) for one in speakers.values() if one.name}
    for picture in _pictures(folder, source):
        published = Published(
            dataset=dataset,
            identity=picture.identity,
            licence=LICENCE,
            split=split_of.get(name_key(picture.identity), ""),
        )
        yield pictures.clip_of(picture, published)
    waiting = {path.stem: path.parent.name for path in _spectrograms(folder)}
    for utterance in voxceleb.heard_below(folder):
        name = waiting.pop(utterance.stem, None)
        speaker = speakers.get(utterance.speaker_id)
        found = None if name is None else voxceleb.sound_of(dataset, reader, utterance, speaker)
        if isinstance(found, Clip) and name is not None:
            yield replace(found, identity=name, published_split=_split(speaker))
        elif found is not None:
            yield found
        yield from reader.take_drops()
    for stem, name in sorted(waiting.items()):
        detail = f"{stem}.pickle of '{name}': VoxCeleb's file of the utterance, its sound or its boxes, is not there"
        yield item_id(dataset, stem), Dropped.waiting("no_range", detail, remedy=REMEDY)


def files_read(source: HqVoxCelebSource) -> Iterator[Path]:
    """Yield the files that the list is read from, and those whose names are; raise BadInput where there are none."""
    folder = Path(source.input)
    for one in SETS:
        yield from tables_in(folder / one)
    yield from (picture.path for picture in _pictures(folder, source))
    yield from _spectrograms(folder)
    yield from (one.path for one in voxceleb.heard_below(folder))


def _pictures(folder: Path, source: HqVoxCelebSource) -> Iterator[Picture]:
    for one in SETS:
        faces = folder / one / f"{source.faces}_faces"
        for picture in pictures_in(folder, faces, {}):
            if picture.path.parent.parent == faces:
                yield replace(picture, identity=picture.path.parent.name)


def _spectrograms(folder: Path) -> Iterator[Path]:
    """Yield the spectrograms, in a fixed order; raise BadInput where there is none."""
    paths = (path for one in SETS for path in sorted((folder / one / "mel_spectrograms").glob("*/*.pickle")))
    expected = f"{folder}: expected vox1/mel_spectrograms/<name>/id10001_<video>_00001.pickle"
    return at_least_one((path for path in paths if _SPECTROGRAM.fullmatch(path.name)), expected)


def _split(speaker: Speaker | None) -> str:
    if speaker is None:
        return ""
    return {_TEST_ROW: "test", _VAL_ROW: "val"}.get(speaker.row % _ROWS, "train")
