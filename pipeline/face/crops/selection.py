"""The selection of standard faces for one dataset: from the crops on the disk to rows, and its summary."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.base.outcome import FILTERED, OK
from pipeline.core.records.face import OF_PICTURE, Face, FaceExpression, FaceMeasures, SelectedFace
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.schema import arrow_schema, column_names
from pipeline.core.storage.manifest import iterate_tables, read_table
from pipeline.core.storage.shards import shard_paths
from pipeline.face.crops.standard import REVIEWED, SelectParams, are_shut, missed_limits, select_faces


def select_crops(
    folder: Path, review: Mapping[str, bool], params: SelectParams, expressions: Path | None = None
) -> Iterator[pa.Table]:
    """Yield the crops of each shard in ``folder`` with whether each is a standard face, columns of SelectedFace.

    ``review`` maps face ids to overrides. ``expressions`` is the manifest of FaceExpression; it is needed where there
    is a limit on them. All crops of a clip are in one shard; the rows of each are in id order.
    """
    known = None
    if params.max_expression is not None and expressions is not None:
        known = read_table(expressions, FaceExpression)
    for path in shard_paths(folder):
        faces = read_table(path, Face, column_names(FaceMeasures)).combine_chunks()
        reasons = select_faces(_with_expressions(faces, known), review, params)
        is_standard = pc.or_(pc.equal(reasons, ""), pc.equal(reasons, REVIEWED))
        is_own_rest = pc.and_(pc.equal(reasons, ""), pc.invert(are_shut(faces, params)))
        is_resting = pc.and_(is_own_rest, pc.not_equal(faces.column("sampled_by"), OF_PICTURE))
        yield pa.Table.from_arrays(
            [*faces.columns, is_standard, is_resting, reasons], schema=arrow_schema(SelectedFace)
        )


def _with_expressions(faces: pa.Table, known: pa.Table | None) -> pa.Table:
    """Return ``faces`` with the column ``expression`` of the ``known`` ones; null: not measured."""
    if known is None:
        return faces
    at = pc.index_in(faces.column("face_id"), value_set=known.column("face_id").combine_chunks())
    return faces.append_column("expression", pc.take(known.column("expression"), at))


def selection_ledger(path: Path, params: SelectParams, expressions: Sequence[Path] = ()) -> Iterator[pa.Table]:
    """Yield the ledger of the selection in the manifest ``path``, columns of LedgerRow, with the limits missed.

    ``expressions`` are the manifests of FaceExpression, where there is a limit on them.
    """
    known = None
    if params.max_expression is not None and expressions:
        known = pa.concat_tables([read_table(one, FaceExpression) for one in expressions])
    for table in iterate_tables(path, SelectedFace):
        faces = _with_expressions(table, known)
        is_standard, reasons = table.column("is_standard"), table.column("reason")
        columns = [
            table.column("face_id"),
            pa.repeat("select", len(table)),
            pc.if_else(is_standard, OK, FILTERED),
            pc.if_else(is_standard, "", reasons),
            pc.if_else(is_standard, "", missed_limits(faces, reasons, params)),
            pa.repeat("", len(table)),
            pa.repeat("", len(table)),
        ]
        yield pa.Table.from_arrays(columns, schema=arrow_schema(LedgerRow))


class SelectionCounts:
    """Counts of faces, of standard faces and their clips, and of the reasons of the others."""

    def __init__(self) -> None:
        self.n_faces = 0
        self.n_standard = 0
        self.n_clips = 0
        """Clips with a standard face."""
        self.reasons: Counter[str] = Counter()

    def counting(self, shards: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield ``shards``, columns of SelectedFace, counted; the faces of a clip are in one of them."""
        for table in shards:
            is_standard = table.column("is_standard")
            self.n_faces += len(table)
            self.n_standard += pc.sum(is_standard, min_count=0).as_py()
            self.n_clips += pc.count_distinct(table.column("clip_id").filter(is_standard)).as_py()
            self.reasons.update(table.column("reason").filter(pc.invert(is_standard)).to_pylist())
            yield table

    def summary(self) -> str:
        """Return the counts in one line."""
        ordered = sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        dropped = ", ".join(f"{n} {reason}" for reason, n in ordered) or "none"
        return f"{self.n_faces} faces, {self.n_standard} standard, from {self.n_clips} clips; not: {dropped}"
