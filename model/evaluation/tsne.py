"""A map of faces by t-SNE (van der Maaten and Hinton 2008): are inpainted faces near the true ones of their person?

Fig. 9 of the paper.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from model.evaluation.face_metrics import FaceMetrics
from pipeline.core.records.evaluation import MapPoint

PERPLEXITY = 30.0
POINTS_PER_NEIGHBOUR = 3
"""Perplexity is a number of neighbours; t-SNE uses three times as many points, and there must be so many."""


def map_faces(face_metrics: FaceMetrics, network: str, seed: int) -> list[MapPoint]:
    """Return the inpainted and the true faces in the plane, by the directions of their features by ``network``.

    Fewer than two faces have no map: an empty list.
    """
    rows = face_metrics.rows
    if len(rows) < 2:
        return []
    coordinates = tsne_coordinates(np.concatenate(face_metrics.features[network]), seed)
    return [
        MapPoint(
            point_id=f"{row.face_id}{'+inpainted' if is_inpainted else ''}",
            face_id=row.face_id,
            dataset=row.dataset,
            person_id=row.person_id,
            is_inpainted=is_inpainted,
            x=float(x),
            y=float(y),
        )
        for (row, is_inpainted), (x, y) in zip(
            [(row, is_inpainted) for is_inpainted in (True, False) for row in rows], coordinates, strict=True
        )
    ]


def tsne_coordinates(features_ND: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Return (N, 2), N >= 4: similar features near each other, the same in every run; all 0 where all are equal."""
    lengths = np.linalg.norm(features_ND, axis=1, keepdims=True)
    directions_ND = features_ND / np.maximum(lengths, np.finfo(np.float32).tiny)
    if not np.ptp(directions_ND, axis=0).any():  # the PCA initialisation would be scaled by zero
        return np.zeros((len(directions_ND), 2), np.float32)
    perplexity = min(PERPLEXITY, (len(directions_ND) - 1) / POINTS_PER_NEIGHBOUR)
    with threadpool_limits(1):  # sums over threads differ in the last bits, which here decide the coordinates
        method = TSNE(perplexity=perplexity, init="pca", random_state=seed)
        return np.asarray(method.fit_transform(directions_ND), np.float32)
