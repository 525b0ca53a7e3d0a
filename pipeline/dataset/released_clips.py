"""The files of a released dataset by clip: sorted and grouped on the disk, since they may be more than memory holds."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import SAFE_NAME, clip_name
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import column, from_table
from pipeline.core.storage.atomic import scratch_folder
from pipeline.core.storage.manifest import RowSpool, iterate_manifest, write_manifest
from pipeline.dataset.released import EXPORTED_NAME, STAGE, ReleasedClip, ReleasedItem
from pipeline.sources.lists.released_audioface import AUDIOS, FEATURES, IMAGES, ReleasedFile
from pipeline.sources.reading.found import Drop
from pipeline.sources.reading.local_file import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file of the layout. Names hold no control characters: a tab ends each part of a key, and sorts first."""

    key: str = column("split, person and number")
    number: int = column("of the file, in the order of the listing")
    kind: str = column("Images, Audios or IDFeat")
    split: str = column("train or test")
    person: str = column("by the name of its folder")
    name: str = column("by its own name")
    within: str = column("path within the dataset's folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """A face or a segment."""

    key: str = column("what they are sorted by: first kind, id and place; then clip, kind and place")
    place: str = column("where it is among all of its kind: of faces, the persons of a split are together")
    kind: str = column("Images or Audios")
    item_id: str = column("<dataset>/<clip>-...")
    clip_id: str = column("<dataset>/<clip>")
    split: str = column("train or test")
    person: str = column("by the name of its folder")
    within: str = column("path within the dataset's folder")
    label_within: str | None = column("of a face that has a label, the path of that")


@contextmanager
def released_clips(
    dataset: str, folder: Path, found: Iterable[ReleasedFile | Drop], beside: Path
) -> Iterator["ReleasedClips"]:
    """Yield the clips of a released dataset, whose files are ``found`` within ``folder``.

    A label belongs to the picture of its name. Of a person whose labels have other names than all pictures, the labels
    are given to the pictures in the order of names: each is one of that person all the same. Of files of one id the
    first counts. Memory holds the names of one person's files of a split, or of one clip's; all names lie in a folder
    beside the path ``beside`` until the block ends.
    """
    with scratch_folder(beside) as scratch:
        yield ReleasedClips(dataset, folder, found, scratch)


class ReleasedClips:
    """The clips of a released dataset, and the files that are in none."""

    def __init__(self, dataset: str, folder: Path, found: Iterable[ReleasedFile | Drop], scratch: Path) -> None:
        self._dataset, self._folder = dataset, folder
        self._drops = RowSpool(scratch / "drops.parquet", LedgerRow)
        files, by_id, self._by_clip = (scratch / f"{name}.parquet" for name in ("files", "by_id", "by_clip"))
        write_manifest(files, _File, self._files(found))
        write_manifest(by_id, _Item, self._items_of_persons(iterate_manifest(files, _File)))
        write_manifest(self._by_clip, _Item, self._unique(iterate_manifest(by_id, _Item)))
        self._n_clips = sum(1 for _ in groupby(self._sorted_items(), key=attrgetter("clip_id")))

    def __len__(self) -> int:
        """Return the number of clips."""
        return self._n_clips

    def __iter__(self) -> Iterator[ReleasedClip]:
        """Yield the clips in id order."""
        for clip_id, items in groupby(self._sorted_items(), key=attrgetter("clip_id")):
            clip = ReleasedClip(clip_id=clip_id, dataset=self._dataset, folder=self._folder)
            for item in items:
                (clip.faces if item.kind == IMAGES else clip.segments).append(self._released(item))
            yield clip

    def drops(self) -> Iterator[LedgerRow]:
        """Yield a ledger row of each file that is in no clip; once."""
        return (row for table in self._drops.tables() for row in from_table(LedgerRow, table))

    def _sorted_items(self) -> Iterator[_Item]:
        return iterate_manifest(self._by_clip, _Item)

    def _released(self, item: _Item) -> ReleasedItem:
        return ReleasedItem(
            item_id=item.item_id,
            person_id=item.person,
            split=item.split,
            path=self._folder / item.within,
            label_path=None if item.label_within is None else self._folder / item.label_within,
        )

    def _files(self, found: Iterable[ReleasedFile | Drop]) -> Iterator[_File]:
        for number, one in enumerate(found):
            if isinstance(one, ReleasedFile):
                yield _File(
                    key=f"{one.split}\t{one.person}\t{number:012d}",
                    number=number,
                    kind=one.kind,
                    split=one.split,
                    person=one.person,
                    name=one.name,
                    within=one.path.relative_to(self._folder).as_posix(),
                )
            else:
                self._drops.add([ledger_row(STAGE, f"{self._dataset}/{one[0]}", one[1])])

    def _items_of_persons(self, files: Iterable[_File]) -> Iterator[_Item]:
        """Yield the faces, with their labels, and the segments of ``files``, which come person by person of a split."""
        for _, of_person in groupby(files, key=attrgetter("split", "person")):
            by_kind: dict[str, list[_File]] = {IMAGES: [], AUDIOS: [], FEATURES: []}
            for file in of_person:
                by_kind[file.kind].append(file)
            faces = self._by_name(by_kind[IMAGES])
            label_of = self._labels_of(faces, self._by_name(by_kind[FEATURES]))
            for name, file in faces.items():
                yield self._item(file, by_kind[IMAGES][0].number, label_of.get(name))
            for file in by_kind[AUDIOS]:
                yield self._item(file, 0, None)

    def _by_name(self, files: Sequence[_File]) -> dict[str, _File]:
        by_name: dict[str, _File] = {}
        for file in files:
            if file.name in by_name:
                self._drop(file.within, "same_id", f"another file is '{file.name}' of that person too")
            by_name.setdefault(file.name, file)
        return by_name

    def _labels_of(self, faces: dict[str, _File], labels: dict[str, _File]) -> dict[str, str]:
        if not faces.keys() & labels.keys():
            self._drop_labels(list(labels.values())[len(faces) :])
            return {name: label.within for name, label in zip(faces, labels.values(), strict=False)}
        self._drop_labels(label for name, label in labels.items() if name not in faces)
        return {name: label.within for name, label in labels.items() if name in faces}

    def _item(self, file: _File, first_number: int, label_within: str | None) -> _Item:
        exported = EXPORTED_NAME[file.kind].fullmatch(file.name)
        if exported and SAFE_NAME.fullmatch(file.name):
            clip_id, item_id = f"{self._dataset}/{exported[1]}", f"{self._dataset}/{file.name}"
        else:
            clip_id = f"{self._dataset}/{clip_name(file.person)}"
            item_id = f"{clip_id}-{clip_name(file.name)}"
        place = f"{first_number:012d}{file.number:012d}"
        return _Item(
            key=f"{file.kind}\t{item_id}\t{place}",
            place=place,
            kind=file.kind,
            item_id=item_id,
            clip_id=clip_id,
            split=file.split,
            person=file.person,
            within=file.within,
            label_within=label_within,
        )

    def _unique(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the first item of each id, with a key by which a clip's are together, its faces first."""
        last = ("", "")
        for item in items:
            if (item.kind, item.item_id) == last:
                self._drop(item.within, "same_id", f"another file is '{item.item_id}' too")
            else:
                yield replace(item, key=f"{item.clip_id}\t{int(item.kind != IMAGES)}{item.place}")
            last = (item.kind, item.item_id)

    def _drop_labels(self, labels: Iterable[_File]) -> None:
        for label in labels:
            self._drop(label.within, "no_picture", "a label without a picture of its name")

    def _drop(self, within: str, reason: str, detail: str) -> None:
        self._drops.add([ledger_row(STAGE, f"{self._dataset}/{shown(within)}", Dropped.failed(reason, detail))])
