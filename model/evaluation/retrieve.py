"""Retrieve the test persons by their inpainted faces (Fig. 8 of the paper)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.evaluation.face_metrics import OVERALL, FaceMetrics, group_rows
from model.evaluation.metrics.retrieval import choose_queries, first_hits, rank_gallery
from pipeline.core.records.evaluation import RetrievedFace
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import write_manifest

N_LISTED = 10


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Q queries, one a person, in a gallery of G true faces."""

    persons: list[str]
    """The queries' persons, (Q)."""
    ranks_Q: NDArray[np.int64]
    """The rank, from 1, of the first face of the query's person; queries are inpainted faces."""
    true_ranks_Q: NDArray[np.int64]
    """The same where queries are the true faces: the upper bound of the network."""
    n_gallery: int
    nearest: list[RetrievedFace]


def retrieve(face_metrics: FaceMetrics, numbers: Sequence[int], network: str, seed: int) -> Retrieval | None:
    """Return how the faces of some rows retrieve their persons; None where no person has two faces.

    One face of each person is a query: the inpainted one, by Euclidean distance of features. The gallery are the true
    faces of the other rows.
    """
    rows, features = np.asarray(numbers, np.intp), face_metrics.features[network]
    persons = [face_metrics.rows[row].person_id for row in rows]
    is_query = choose_queries([face_metrics.rows[row].face_id for row in rows], persons, seed)
    if not is_query.any():
        return None
    query_rows, gallery_rows = rows[is_query], rows[~is_query]
    query_persons, gallery_persons = (
        [face_metrics.rows[row].person_id for row in some] for some in (query_rows, gallery_rows)
    )
    gallery_GD = features.true_ND[gallery_rows]
    order_QG = rank_gallery(features.inpainted_ND[query_rows], query_persons, gallery_GD, gallery_persons)
    true_order_QG = rank_gallery(features.true_ND[query_rows], query_persons, gallery_GD, gallery_persons)
    return Retrieval(
        persons=query_persons,
        ranks_Q=first_hits(order_QG, query_persons, gallery_persons),
        true_ranks_Q=first_hits(true_order_QG, query_persons, gallery_persons),
        n_gallery=len(gallery_rows),
        nearest=[
            face
            for query, order in zip(query_rows.tolist(), order_QG, strict=True)
            for face in _nearest(face_metrics, network, query, gallery_rows[order[:N_LISTED]].tolist())
        ],
    )


def write_retrieval(face_metrics: FaceMetrics, network: str, seed: int, folder: Path) -> None:
    """Write the nearest faces within each dataset, and the curve of accuracies over all datasets."""
    by_group = {
        name: retrieve(face_metrics, numbers, network, seed) for name, numbers in group_rows(face_metrics.rows).items()
    }
    overall = by_group.pop(OVERALL)
    nearest = [face for retrieval in by_group.values() if retrieval for face in retrieval.nearest]
    write_manifest(folder / "retrieval.parquet", RetrievedFace, nearest)
    if overall:
        ranks = {"inpainted": overall.ranks_Q, "true": overall.true_ranks_Q}
        depths = pd.RangeIndex(1, N_LISTED + 1, name="k")
        curves = pd.DataFrame({name: [np.mean(one_Q <= k) for k in depths] for name, one_Q in ranks.items()}, depths)
        write_text(folder / "plots" / "retrieval.csv", curves.to_csv(lineterminator="\n"))


def _nearest(
    face_metrics: FaceMetrics, network: str, query_row: int, nearest_rows: list[int]
) -> Iterator[RetrievedFace]:
    inpainted_ND, true_ND = face_metrics.features[network]
    query = face_metrics.rows[query_row]
    for rank, row in enumerate(nearest_rows, start=1):
        yield RetrievedFace(
            retrieved_id=f"{query.face_id}#{rank:02d}",
            query_id=query.face_id,
            dataset=query.dataset,
            person_id=query.person_id,
            rank=rank,
            face_id=face_metrics.rows[row].face_id,
            retrieved_person_id=face_metrics.rows[row].person_id,
            distance=float(np.linalg.norm(inpainted_ND[query_row] - true_ND[row])),
        )
