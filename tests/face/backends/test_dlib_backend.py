"""The dlib backend's landmarks do not depend on how large a face is, nor on where its box ends."""

import numpy as np
import pytest

from pipeline.core.base.arrays import ImageGrey, ImageRGB
from pipeline.face.backends.dlib_backend import DlibBackend
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.measures import eye_opening, lip_opening
from pipeline.face.measures.points import eye_centres, interocular_px
from pipeline.synthetic.look.aligned import HeadPose, aligned_face
from pipeline.synthetic.script.traits import traits_of

EYES = np.array([(96, 120), (160, 120)]) * 2


@pytest.fixture(scope="module")
def backend() -> DlibBackend:
    return DlibBackend()


def grey(picture: ImageRGB) -> ImageGrey:
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def drawn(person: int, size_px: int = 512, **options: float) -> ImageGrey:
    rng = np.random.default_rng(person)
    return grey(aligned_face(traits_of(4, person), rng=rng, size_px=size_px, pose=HeadPose(**options)))


@pytest.mark.parametrize("person", range(6))
def test_eyes_are_found_where_they_were_drawn(backend: DlibBackend, person: int) -> None:
    picture = drawn(person)
    (found, *_) = backend.detect(picture)
    points = backend.landmarks(picture, backend.box_around(backend.landmarks(picture, found.box)))
    np.testing.assert_allclose(np.array(eye_centres(points)), EYES, atol=0.08 * 128)


def test_a_small_face_has_points_finer_than_its_pixels(backend: DlibBackend) -> None:
    """At an eighth of the size whole pixels would move a point by up to 4 of 512; interpolation keeps it near."""
    import cv2

    large = drawn(1)
    box = backend.box_around(backend.landmarks(large, backend.detect(large)[0].box))
    small = np.asarray(cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA))
    points = (backend.landmarks(small, box.scaled(0.25)) + 0.5) * 4 - 0.5
    apart = np.hypot(*(points - backend.landmarks(large, box)).T)
    assert np.median(apart) < 2.0


@pytest.mark.parametrize("times", [2, 3])
def test_a_large_face_is_shrunk_and_has_the_same_points(backend: DlibBackend, times: int) -> None:
    picture = drawn(1)
    box = backend.box_around(backend.landmarks(picture, backend.detect(picture)[0].box))
    large = np.ascontiguousarray(picture.repeat(times, axis=0).repeat(times, axis=1))
    points = (backend.landmarks(large, box.scaled(times)) + 0.5) / times - 0.5
    assert np.median(np.hypot(*(points - backend.landmarks(picture, box)).T)) < 2.0


@pytest.mark.parametrize("place", [(-500.0, 40.0), (380.0, 2000.0), (505.0, 505.0)], ids=str)
def test_a_large_box_with_little_or_nothing_of_the_frame_still_gives_finite_points(
    backend: DlibBackend, place: tuple[float, float]
) -> None:
    assert bool(np.isfinite(backend.landmarks(drawn(1), Box(*place, 640, 640))).all())


def test_the_box_around_the_points_settles(backend: DlibBackend) -> None:
    """From any box near the face, going from box to points to box comes to one place: a follower does not drift."""
    picture = drawn(2)
    first = backend.detect(picture)[0].box
    places = []
    for dx, growth in ((0.0, 1.0), (0.1, 1.0), (-0.1, 1.1), (0.0, 0.9)):
        box = Box(first.x + dx * first.w, first.y, first.w * growth, first.h * growth)
        for _ in range(6):
            box = backend.box_around(backend.landmarks(picture, box))
        places.append((box.x, box.y, box.w))
    assert np.ptp(np.array(places), axis=0).max() < 0.04 * first.w


def test_a_shut_mouth_measures_as_shut_and_an_open_one_as_open(backend: DlibBackend) -> None:
    measured = []
    for opening in (0.0, 0.2, 0.4):
        picture = drawn(3, lip_opening=opening)
        box = backend.box_around(backend.landmarks(picture, backend.detect(picture)[0].box))
        measured.append(lip_opening(backend.landmarks(picture, box)))
    assert measured[0] < 0.03 and 0.1 < measured[1] < 0.3 and measured[2] > measured[1] + 0.1


def test_open_eyes_measure_open(backend: DlibBackend) -> None:
    picture = drawn(3)
    assert eye_opening(backend.landmarks(picture, backend.detect(picture)[0].box)) > 0.25


@pytest.mark.parametrize("box", [Box(-60, -40, 200, 200), Box(400, 380, 200, 200), Box(500, 500, 300, 300)], ids=str)
def test_a_box_beyond_the_frame_still_gives_68_finite_points(backend: DlibBackend, box: Box) -> None:
    points = backend.landmarks(drawn(1), box)
    assert points.shape == (68, 2) and bool(np.isfinite(points).all())


def test_points_keep_their_places_when_the_frame_is_shifted(backend: DlibBackend) -> None:
    picture = drawn(1)
    box = backend.detect(picture)[0].box
    shifted = np.pad(picture, ((37, 0), (53, 0)), mode="edge")
    moved = backend.landmarks(shifted, Box(box.x + 53, box.y + 37, box.w, box.h))
    here = backend.landmarks(picture, box)
    assert float(np.median(np.abs(moved - (53, 37) - here))) < 0.02 * interocular_px(here)


def test_no_face_is_found_in_noise(backend: DlibBackend) -> None:
    assert backend.detect(np.random.default_rng(0).integers(0, 256, (360, 640), np.uint8)) == []
