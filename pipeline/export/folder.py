"""Export as the paper's released code reads its data: one file per item, in folders by split and person.

That code finds pictures by the ending ``.jpg``, draws among the person's ``.npy`` files, and names its results by a
picture's name up to the first dot.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.core.base.progress import Advance, progress
from pipeline.dataset.reader import (
    BuiltDataset,
    iterate_faces,
    iterate_labels,
    iterate_segments,
    log_mel_shapes,
    log_mels,
    only_standard,
)
from pipeline.export.card import LabelKind, render_card
from pipeline.export.encode import encode_npy, png_as_jpeg
from pipeline.export.names import folder_names, safe_name
from pipeline.export.spool import Spool
from pipeline.export.target import Counts, write_note, writing_export

KIND = "folder"
Pictures = Literal["jpg", "png"]
_IMAGES, _AUDIOS, _FEATURES = "Images", "Audios", "IDFeat"

_OPENING = """\
The released code of the audio-driven face inpainting paper reads such a folder as its `Datasets/`; the names of the
datasets are constants of that code. It looks for pictures that end in `.jpg`, and for labels of 2048 values.
"""
_CONTENTS = """\
| path | what |
|---|---|
| `<dataset>/Images/<Split>/<person>/<face>.{ending}` | an aligned face, RGB, {quality} |
| `<dataset>/Audios/<Split>/<person>/<segment>.npy` | a log-mel, (1, n_mels, n_frames) float32 |
| `<dataset>/IDFeat/<Split>/<person>/<face>.npy` | that face's identity embedding, float32, if there is one |

In names, `=` and two hexadecimal digits stand for a byte that is not allowed there.
"""
_PERSON = "person"
_PERSON_COLUMNS = ("dataset", "person_id", "split")
_QUALITY = {"jpg": "JPEG of quality 100, colour at full size", "png": "lossless"}


def export_folder(
    built: BuiltDataset, to: Path, *, pictures: Pictures = "jpg", all_faces: bool = False, force: bool = False
) -> Counts:
    """Write ``<dataset>/{Images,Audios,IDFeat}/{Train,Test}/<person>/``; return the files of each split and kind.

    The standard faces only, on which the paper trains, or ``all_faces``. Raises BadInput when ``to`` can't be written
    or two persons would share a folder, BadManifest when a picture, log-mel or label is missing.
    """
    built = built if all_faces else only_standard(built)
    with (
        writing_export(to, force=force) as folder,
        Spool(folder) as persons,
        progress(f"export {KIND}", len(built.faces) + len(built.segments)) as advance,
    ):
        tree = _Tree(folder, built)
        _write_faces(built, tree, pictures, persons, advance)
        _write_segments(built, tree, advance)
        label = _write_labels(built, tree, persons)
        contents = _CONTENTS.format(ending=pictures, quality=_QUALITY[pictures])
        card = render_card(built, _OPENING, contents, log_mel_shapes(built), label)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        write_note(folder, KIND, tree.counts)
    return tree.counts


class _Tree:
    """The files of the export: named, written, counted."""

    def __init__(self, folder: Path, built: BuiltDataset) -> None:
        self.counts: Counts = {split: dict.fromkeys((_IMAGES, _AUDIOS, _FEATURES), 0) for split in built.splits}
        self._folder = folder
        self._datasets = folder_names(built.datasets)
        self._persons = {
            dataset: folder_names(one.person_id for one in built.identities if one.dataset == dataset)
            for dataset in built.datasets
        }

    def write(self, kind: str, row: dict[str, Any], item_id: str, ending: str, content: bytes) -> None:
        """Write one file of the person, dataset and split that ``row`` names; an existing file is never replaced."""
        dataset, person, split = row["dataset"], row["person_id"], row["split"]
        folder = self._folder / self._datasets[dataset] / kind / split.capitalize() / self._persons[dataset][person]
        folder.mkdir(parents=True, exist_ok=True)
        name = safe_name(item_id.removeprefix(f"{dataset}/"))
        with (folder / f"{name}.{ending}").open("xb") as file:
            file.write(content)
        self.counts[split][kind] += 1


def _write_faces(built: BuiltDataset, tree: _Tree, pictures: Pictures, persons: Spool, advance: Advance) -> None:
    """Write all faces; ``persons`` gets the person of each."""
    for table in iterate_faces(built):
        for row in table.select([*_PERSON_COLUMNS, "face_id", "image"]).to_pylist():
            png = row.pop("image")["bytes"]
            persons.put(_PERSON, row["face_id"], json.dumps(row).encode())
            tree.write(_IMAGES, row, row["face_id"], pictures, png if pictures == "png" else png_as_jpeg(png))
            advance()


def _write_segments(built: BuiltDataset, tree: _Tree, advance: Advance) -> None:
    for table in iterate_segments(built):
        rows = table.select([*_PERSON_COLUMNS, "segment_id"]).to_pylist()
        for row, log_mel in zip(rows, log_mels(table), strict=True):
            tree.write(_AUDIOS, row, row["segment_id"], "npy", encode_npy(log_mel[np.newaxis]))
            advance()


def _write_labels(built: BuiltDataset, tree: _Tree, persons: Spool) -> LabelKind | None:
    kind = None
    for label in iterate_labels(built):
        kind = label.recognition_network, len(label.embedding)
        row = json.loads(persons.get(_PERSON, label.face_id) or b"{}")
        tree.write(_FEATURES, row, label.face_id, "npy", encode_npy(label.embedding))
    return kind
