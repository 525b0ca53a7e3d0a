"""What is behind a person becomes white; what the person encloses stays."""

import numpy as np

from pipeline.face.crops.background import whiten


def test_only_what_is_connected_with_the_edge_becomes_white() -> None:
    picture = np.full((20, 20, 3), 40, np.uint8)
    share = np.zeros((20, 20), np.float32)
    share[5:, 4:16] = 1.0
    share[10, 10] = 0.0  # a dark eye
    white = whiten(picture, share)
    assert (white[share == 1.0] == 40).all()
    assert (white[10, 10] == 40).all()
    outside = (share == 0.0) & ~np.pad([[True]], ((10, 9), (10, 9)))
    assert (white[outside] == 255).all()


def test_in_between_both_are_mixed() -> None:
    picture = np.full((1, 5, 3), 55, np.uint8)
    white = whiten(picture, np.array([[0.3, 0.4, 0.5, 0.6, 0.7]], np.float32))
    assert white[0, :, 0].tolist() == [255, 205, 155, 105, 55]
