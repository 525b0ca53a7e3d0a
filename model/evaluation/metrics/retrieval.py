"""Retrieve a person by an inpainted face: accuracy among the first K of a gallery of true faces (Fig. 8)."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.draws import draw_order
from pipeline.core.base.errors import BadInput

DEPTHS = (1, 5, 8, 10)


def choose_queries(face_ids: Sequence[str], persons: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Return (N,) True for one face, drawn by hash, of each person who has two or more: the others are the gallery."""
    n_faces_of = Counter(persons)
    chosen: set[str] = set()
    is_query = np.zeros(len(face_ids), np.bool_)
    for row in sorted(range(len(face_ids)), key=lambda row: draw_order(seed, face_ids[row])):
        if n_faces_of[persons[row]] > 1 and persons[row] not in chosen:
            chosen.add(persons[row])
            is_query[row] = True
    return is_query


def rank_gallery(
    queries_QD: NDArray[np.float32],
    query_persons: Sequence[str],
    gallery_GD: NDArray[np.float32],
    gallery_persons: Sequence[str],
) -> NDArray[np.intp]:
    """Return (Q, G) rows of the gallery, the nearest by Euclidean distance first.

    Of faces at equal distance those of the query's person come last, so that features that are all equal retrieve
    nobody.
    """
    persons, gallery = np.asarray(gallery_persons), gallery_GD.astype(np.float64)
    order_QG = np.empty((len(queries_QD), len(gallery)), np.intp)
    for row, (query_D, person) in enumerate(zip(queries_QD, query_persons, strict=True)):
        order_QG[row] = np.lexsort((persons == person, np.linalg.norm(gallery - query_D, axis=1)))
    return order_QG


def first_hits(
    order_QG: NDArray[np.intp], query_persons: Sequence[str], gallery_persons: Sequence[str]
) -> NDArray[np.int64]:
    """Return (Q,) the rank, from 1, of the first face of each query's person.

    Raises BadInput for a query whose person is not in the gallery.
    """
    is_own_QG = np.asarray(gallery_persons)[order_QG] == np.asarray(query_persons)[:, None]
    for person, is_in_gallery in zip(query_persons, is_own_QG.any(axis=1), strict=True):
        if not is_in_gallery:
            raise BadInput(f"retrieval: expected faces of '{person}' in the gallery, found none")
    return np.asarray(1 + is_own_QG.argmax(axis=1), np.int64)
