"""Only windows of faces that may be standard are looked at, each frame once, and no further than the lips stay shut."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.records.face import CANDIDATE, RANDOM
from pipeline.core.records.frame import Frame
from pipeline.face.crops import verify
from pipeline.face.crops.verify import VERIFIED_COLUMNS, Verifier, verified_windows
from pipeline.face.mesh.face_mesh import MeshFit
from pipeline.face.mesh.mesh_measures import inner_lip_gap
from pipeline.face.mesh.region import Region
from tests.face.faces import PERFECT_FRAME, face, frames

AT_25 = frames([n / 25 for n in range(25)])
LIDS = np.array([159, 158, 160, 145, 144, 153, 386, 385, 387, 374, 380, 373])


def frame_at(time_s: float, track_id: str = "set/clip-t00") -> Frame:
    eyes = {"left_eye_x_px": 100.0, "left_eye_y_px": 100.0, "right_eye_x_px": 160.0, "right_eye_y_px": 100.0}
    return replace(PERFECT_FRAME, time_s=time_s, track_id=track_id, **eyes)


class DrawnMesh:
    """Fits a face whose lips are so far apart as the first pixel says, in hundredths of the eyes' distance."""

    def __init__(self) -> None:
        self.n_fits = 0

    def fit(self, picture: ImageRGB, region: Region) -> MeshFit:
        del region
        self.n_fits += 1
        points = np.random.default_rng(1).uniform(80, 180, (478, 3)).astype(np.float32)
        apart = float(np.hypot(*(mesh_eyes(points)[1] - mesh_eyes(points)[0])))
        gap = float(picture[0, 0, 0]) / 100 * apart
        across = (mesh_eyes(points)[1] - mesh_eyes(points)[0]) / apart
        for upper, lower in ((82, 87), (13, 14), (312, 317)):
            points[lower, :2] = points[upper, :2] + gap * np.array([-across[1], across[0]])
        assert float(inner_lip_gap(points)) == pytest.approx(float(picture[0, 0, 0]) / 100, abs=1e-4)
        return MeshFit(points, 1.0 - float(picture[0, 0, 1]) / 100)

    def fit_again(self, picture: ImageRGB, region: Region) -> MeshFit:
        self.n_fits += 1
        return self.fit(picture, region)


def mesh_eyes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from pipeline.face.mesh.mesh_measures import mesh_eye_centres

    left, right = mesh_eye_centres(points)
    return left, right


def picture(gap: int = 1, absent: int = 0) -> ImageRGB:
    found = np.full((240, 260, 3), 128, np.uint8)
    found[0, 0] = (gap, absent, 0)
    return found


def verifier(windows: dict[float, list[float]], max_gap: float = 0.06) -> tuple[Verifier, DrawnMesh]:
    mesh = DrawnMesh()
    return Verifier(mesh, windows, max_gap), mesh  # type: ignore[arg-type]  # stands for the network


def test_a_window_has_the_frames_exactly_on_its_edges() -> None:
    windows = verified_windows([face(0.4, sampled_by=CANDIDATE)], [AT_25], 0.08)
    assert windows == {0.4: pytest.approx([0.32, 0.36, 0.4, 0.44, 0.48])}


def test_of_many_frames_five_are_looked_at_from_edge_to_edge_with_the_faces_own() -> None:
    at_100 = frames([n / 100 for n in range(100)])
    (window,) = verified_windows([face(0.4, sampled_by=CANDIDATE)], [at_100], 0.12).values()
    assert len(window) == 5
    assert (window[0], window[-1]) == (0.28, 0.52)
    assert 0.4 in window


def test_a_random_face_is_verified_where_it_is_as_standard_as_some_candidate() -> None:
    candidates = [
        face(0.2, sampled_by=CANDIDATE, standardness=-2.0),
        face(0.8, sampled_by=CANDIDATE, standardness=-7.0),
    ]
    drawn = [face(0.4, sampled_by=RANDOM, standardness=-7.0), face(0.6, sampled_by=RANDOM, standardness=-7.1)]
    assert set(verified_windows([*candidates, *drawn], [AT_25], 0.0)) == {0.2, 0.4, 0.8}


def test_a_random_face_that_is_likely_standard_is_verified_though_all_candidates_are_more_so() -> None:
    candidate = face(0.2, sampled_by=CANDIDATE, standardness=-1.0)
    drawn = [face(0.4, sampled_by=RANDOM, standardness=-5.0), face(0.6, sampled_by=RANDOM, standardness=-5.1)]
    assert set(verified_windows([candidate, *drawn], [AT_25], 0.0)) == {0.2, 0.4}


def test_a_face_with_an_incomplete_window_is_not_verified() -> None:
    assert verified_windows([face(0.4, sampled_by=CANDIDATE, standardness=None)], [AT_25], 0.12) == {}


def test_the_largest_gap_and_the_least_presence_of_the_window_count() -> None:
    looker, _ = verifier({0.4: [0.36, 0.4, 0.44]})
    for time_s, gap, absent in ((0.36, 1, 0), (0.4, 2, 0), (0.44, 3, 2)):
        looker.look(frame_at(time_s), picture(gap, absent))
    columns = looker.columns(0.4)
    assert columns["lip_gap"] == pytest.approx(0.03, abs=1e-4)
    assert columns["rest_gap"] == pytest.approx(0.01, abs=1e-4)
    assert columns["mesh_presence"] == pytest.approx(0.98)
    assert columns["lid_share"] == pytest.approx(1.0)


def test_lips_look_as_parted_as_in_any_frame_of_the_window_and_eyes_as_in_the_faces_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The blue of the first pixel stands for both."""
    for name in ("lips_parted", "eyes_shut"):
        monkeypatch.setattr(verify, name, lambda picture, _points: float(picture[0, 0, 2]))
    looker, _ = verifier({0.4: [0.36, 0.4, 0.44]})
    for time_s, looks in ((0.36, 2), (0.4, 1), (0.44, 3)):
        shown = picture()
        shown[0, 0, 2] = looks
        looker.look(frame_at(time_s), shown)
    assert (looker.columns(0.4)["lips_parted"], looker.columns(0.4)["eyes_shut"]) == (3, 1)


def test_a_frame_of_two_windows_is_looked_at_once_and_one_of_none_never() -> None:
    looker, mesh = verifier({0.4: [0.4, 0.44], 0.48: [0.44, 0.48]})
    for time_s in (0.4, 0.44, 0.48, 0.52):
        looker.look(frame_at(time_s), picture())
    assert looker.times_s == {0.4, 0.44, 0.48}
    assert mesh.n_fits == 1 + 3  # the first place is found by two fits


def test_after_a_pause_the_face_is_looked_for_anew() -> None:
    looker, mesh = verifier({0.4: [0.4], 0.6: [0.6]})
    looker.look(frame_at(0.4), picture())
    looker.look(frame_at(0.6), picture())
    assert mesh.n_fits == 4


def test_after_a_cut_the_face_is_looked_for_anew() -> None:
    looker, mesh = verifier({0.4: [0.4], 0.44: [0.44]})
    looker.look(frame_at(0.4), picture())
    looker.look(frame_at(0.44, "set/clip-t01"), picture())
    assert mesh.n_fits == 4


def test_a_window_is_not_looked_at_further_once_the_lips_part() -> None:
    looker, mesh = verifier({0.4: [0.36, 0.4, 0.44]})
    for time_s, gap in ((0.36, 7), (0.4, 1), (0.44, 1)):
        looker.look(frame_at(time_s), picture(gap))
    assert mesh.n_fits == 2
    assert looker.columns(0.4)["lip_gap"] == pytest.approx(0.07, abs=1e-4)


def test_a_frame_that_another_window_needs_is_looked_at_all_the_same() -> None:
    looker, _ = verifier({0.4: [0.36, 0.4], 0.44: [0.4, 0.44]})
    for time_s, gap in ((0.36, 7), (0.4, 1), (0.44, 2)):
        looker.look(frame_at(time_s), picture(gap))
    assert looker.columns(0.4)["lip_gap"] == pytest.approx(0.07, abs=1e-4)
    assert looker.columns(0.44)["lip_gap"] == pytest.approx(0.02, abs=1e-4)


def test_without_a_window_or_with_a_frame_that_did_not_decode_nothing_is_known() -> None:
    looker, _ = verifier({0.4: [0.4, 0.44]})
    looker.look(frame_at(0.4), picture())
    assert looker.columns(0.4) == dict.fromkeys(VERIFIED_COLUMNS)
    assert looker.columns(0.8) == dict.fromkeys(VERIFIED_COLUMNS)


def test_a_mesh_of_no_face_neither_ends_a_window_nor_tells_where_the_lips_rest() -> None:
    looker, mesh = verifier({0.4: [0.36, 0.4, 0.44]})
    for time_s, gap, absent in ((0.36, 9, 80), (0.4, 2, 0), (0.44, 3, 0)):
        looker.look(frame_at(time_s), picture(gap, absent))
    columns = looker.columns(0.4)
    assert mesh.n_fits == 2 + 2 + 1  # after no face, the place is found anew
    assert columns["rest_gap"] == pytest.approx(0.02, abs=1e-4)
    assert columns["mesh_presence"] == pytest.approx(0.2)
