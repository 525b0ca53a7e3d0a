"""Retrieve the test persons by their inpainted faces, as the paper does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.evaluation.metrics.retrieval import choose_queries, first_hits, rank_gallery
from model.evaluation.scores import Scores
from pipeline.records.evaluation import RetrievedFace

LISTED = 10


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Q queries, one a person, among G true faces of the others."""

    persons: list[str]
    """Who asks, (Q)."""
    places_Q: NDArray[np.int64]
    """The place, from 1, at which each inpainted face first meets its person."""
    true_places_Q: NDArray[np.int64]
    """The same when the true face asks: what the network could find at best."""
    n_gallery: int
    nearest: list[RetrievedFace]


def retrieve(scores: Scores, chosen: Sequence[int], network: str, seed: int) -> Retrieval | None:
    """Return how the ``chosen`` rows' inpainted faces find their persons; None where no person has two faces.

    One face of each person asks: the inpainted one, by Euclidean distance of features. The gallery are the true faces
    of the rows that don't ask.
    """
    rows, features = np.asarray(chosen, np.intp), scores.features[network]
    persons = [scores.rows[row].person_id for row in rows]
    is_query = choose_queries([scores.rows[row].face_id for row in rows], persons, seed)
    if not is_query.any():
        return None
    asking, asked = rows[is_query], rows[~is_query]
    who, owners = ([scores.rows[row].person_id for row in some] for some in (asking, asked))
    gallery_GD = features.true_ND[asked]
    order_QG = rank_gallery(features.inpainted_ND[asking], who, gallery_GD, owners)
    true_order_QG = rank_gallery(features.true_ND[asking], who, gallery_GD, owners)
    return Retrieval(
        persons=who,
        places_Q=first_hits(order_QG, who, owners),
        true_places_Q=first_hits(true_order_QG, who, owners),
        n_gallery=len(asked),
        nearest=[
            face
            for query, order in zip(asking.tolist(), order_QG, strict=True)
            for face in _nearest(scores, network, query, asked[order[:LISTED]].tolist())
        ],
    )


def _nearest(scores: Scores, network: str, query: int, found: list[int]) -> Iterator[RetrievedFace]:
    inpainted_ND, true_ND = scores.features[network]
    asking = scores.rows[query]
    for place, row in enumerate(found, start=1):
        yield RetrievedFace(
            place_id=f"{asking.face_id}#{place:02d}",
            query_id=asking.face_id,
            dataset=asking.dataset,
            person_id=asking.person_id,
            place=place,
            face_id=scores.rows[row].face_id,
            found_person_id=scores.rows[row].person_id,
            distance=float(np.linalg.norm(inpainted_ND[query] - true_ND[row])),
        )
