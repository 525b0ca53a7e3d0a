"""Another face in the place of one that is followed is a cut; light, damaged frames and movements are none."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import pipeline.speaker.observe as module
from pipeline.core.base.arrays import ImageGrey
from pipeline.core.base.params import load_params
from pipeline.core.records.track import Shot, Track
from pipeline.face.measures.boxes import Box
from pipeline.face.tracking.face_cut import is_other_face, persists, place_change, stands_out
from pipeline.face.tracking.settings import DetectParams
from pipeline.face.tracking.tracker import Tracker
from pipeline.video.clip import MediaClip
from pipeline.video.decode import GreyFrame
from tests.face.faces import FakeBackend, points_in

LEFT, MIDDLE, RIGHT = Box(60, 100, 120, 120), Box(260, 100, 120, 120), Box(460, 100, 120, 120)
WALL = np.full((360, 640), 125, np.uint8)


def person(seed: int, box: Box = LEFT) -> ImageGrey:
    """Return a patch of 6x6 soft spots, brighter than the wall, as large as ``box``."""
    spots = np.random.default_rng(seed).integers(140, 255, (6, 6), np.uint8)
    return np.asarray(cv2.resize(spots, (round(box.w), round(box.h)), interpolation=cv2.INTER_CUBIC))


def shot(*faces: tuple[Box, ImageGrey]) -> ImageGrey:
    picture = WALL.copy()
    for box, face in faces:
        picture[round(box.y) : round(box.y + box.h), round(box.x) : round(box.x + box.w)] = face
    return picture


def frames_of(pictures: list[ImageGrey]) -> list[GreyFrame]:
    return [GreyFrame(index=n, time_s=n / 25, luma=one, scale=1.0) for n, one in enumerate(pictures)]


def cuts(pictures: list[ImageGrey]) -> list[int]:
    """Return the frames that faces show to begin a shot; tracks begin in the first frame, and end there."""
    backend = FakeBackend()
    tracker = Tracker(backend, min_iou=0.3, max_gap_s=1.0, look_back_s=0.12)
    frames = frames_of(pictures)
    found = []
    for n, frame in enumerate(frames):
        if tracker.sees_cut(frame, frames[n + 1 : n + 3]):
            found.append(n)
            tracker.end_all()
        tracker.follow(frame)
        if n == 0 or found[-1:] == [n]:
            tracker.update(frame, backend.detect(frame.grey))
    return found


ANN, BEN = shot((LEFT, person(1))), shot((LEFT, person(2)))


def test_another_person_in_the_same_place_is_a_cut_at_the_first_frame_only() -> None:
    assert cuts([ANN] * 10 + [BEN] * 10 + [ANN] * 10) == [10, 20]


def test_a_flash_is_no_cut() -> None:
    bright = cv2.convertScaleAbs(ANN, alpha=0.7, beta=70)
    assert cuts([ANN] * 10 + [bright] + [ANN] * 10) == []


@pytest.mark.parametrize(("n_frames", "expected"), [(2, []), (3, [10])])
def test_what_lasts_for_two_frames_is_no_cut(n_frames: int, expected: list[int]) -> None:
    assert cuts([ANN] * 10 + [BEN] * n_frames + [ANN] * 10) == expected


def test_a_slow_change_is_no_cut() -> None:
    """Such as a head that turns."""
    shares = np.linspace(0, 1, 11)
    between = [cv2.addWeighted(BEN, float(share), ANN, float(1 - share), 0) for share in shares]
    assert cuts([ANN] * 10 + between + [BEN] * 10) == []


@pytest.mark.parametrize(("n_faces", "n_others", "expected"), [(2, 1, []), (2, 2, [10]), (3, 1, []), (3, 2, [10])])
def test_most_of_the_faces_must_be_others(n_faces: int, n_others: int, expected: list[int]) -> None:
    """One that a hand hides at once is none."""
    places = (LEFT, MIDDLE, RIGHT)[:n_faces]
    before = shot(*((box, person(n)) for n, box in enumerate(places)))
    after = shot(*((box, person(n + 10 * (n < n_others))) for n, box in enumerate(places)))
    assert cuts([before] * 10 + [after] * 10) == expected


def test_a_change_on_the_limits_stands_out() -> None:
    still = [0.0] * 4
    assert stands_out(0.15, still) and not stands_out(0.1499, still) and not stands_out(0.15, still[:3])
    usual = [0.02] * 8  # 10 times this and the noise of 0.003
    assert stands_out(0.23 + 1e-9, usual) and not stands_out(0.23 - 1e-9, usual)


def test_places_are_compared_by_their_correlation() -> None:
    rows = np.repeat(np.arange(0, 240, 15, dtype=np.uint8)[:, None], 16, axis=1)
    pictures = [rows, 255 - rows, rows // 2 + 40, rows.T.copy(), np.full((16, 16), 9, np.uint8)]
    before, *others = frames_of(pictures)
    whole = Box(0, 0, 16, 16)
    found = [place_change(before, one, whole) for one in (before, *others)]
    assert found == pytest.approx([0, 2, 0, 1, 1], abs=1e-3)
    assert place_change(before, others[0], Box(13, 0, 16, 16)) == 0.0  # three columns are in the picture
    assert persists(before, [others[0], others[2]], whole) and not persists(before, others[:2], whole)


def test_a_face_is_compared_with_itself_wherever_its_eyes_are() -> None:
    moved = Box(140, 130, 150, 150)
    face = person(1)
    before, after = frames_of([ANN, shot((moved, cv2.resize(face, (150, 150), interpolation=cv2.INTER_CUBIC)))])
    assert not is_other_face(before, points_in(LEFT), after, points_in(moved))
    other = frames_of([shot((moved, person(2, moved)))])[0]
    assert is_other_face(before, points_in(LEFT), other, points_in(moved))


def test_a_cut_that_only_a_face_shows_begins_a_shot_and_a_track(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "grey_frames", lambda *_, **__: iter(frames_of([ANN] * 12 + [BEN] * 12)))
    monkeypatch.setattr(module, "build_backend", lambda _: FakeBackend())
    observe = module.Observer(load_params(DetectParams, "detect"))
    clip = MediaClip(clip_id="set/clip", path=Path(), sha256="", has_audio=False, start_s=None, end_s=None)
    rows = observe(clip, Path())
    assert isinstance(rows, list)
    assert [(one.start_s, one.end_s) for one in rows if isinstance(one, Shot)] == [(0.0, 0.48), (0.48, 0.92)]
    assert [(one.start_s, one.end_s) for one in rows if isinstance(one, Track)] == [(0.0, 0.44), (0.48, 0.92)]
