"""The signs of a head's angles, and that rays and projection agree."""

import numpy as np

from pipeline.synthetic.look.geometry import PIVOT, Camera, project, rotation
from pipeline.synthetic.look.head import head_shape, jawed, surface_points, unjawed
from pipeline.synthetic.look.rays import cast_rays, hit_head
from pipeline.synthetic.script.traits import traits_of

CAMERA = Camera(x_px=100.0, y_px=80.0, scale_px=50.0)
NOSE_TIP = np.array([[0.0, PIVOT[1], 2.0]], np.float32)
RIGHT_EAR = np.array([[1.2, PIVOT[1], 0.0]], np.float32)


def _moved(point: np.ndarray, **angles_deg: float) -> tuple[float, float]:
    turn = rotation(**{"yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0, **angles_deg})
    (before,), (after,) = (project(point, t, CAMERA) for t in (rotation(0, 0, 0), turn))
    return float(after[0] - before[0]), float(after[1] - before[1])


def test_positive_yaw_brings_the_nose_to_the_images_right() -> None:
    x_px, y_px = _moved(NOSE_TIP, yaw_deg=30.0)
    assert abs(x_px - 50 * 2.25 * 0.5) < 1e-3 and abs(y_px) < 1e-3


def test_positive_pitch_brings_the_nose_up() -> None:
    x_px, y_px = _moved(NOSE_TIP, pitch_deg=30.0)
    assert abs(x_px) < 1e-3 and abs(y_px + 50 * 2.25 * 0.5) < 1e-3


def test_positive_roll_turns_clockwise_so_that_the_images_right_goes_down() -> None:
    _, y_px = _moved(RIGHT_EAR, roll_deg=30.0)
    assert abs(y_px - 50 * 1.2 * 0.5) < 1e-3


def test_a_place_moved_by_the_jaw_finds_its_way_back() -> None:
    y = np.linspace(-2, 2, 41, dtype=np.float32)
    assert np.abs(unjawed(jawed(y, 0.4), 0.4) - y).max() < 1e-6
    assert np.array_equal(jawed(y, 0.4)[y < 0.95], y[y < 0.95])


def test_a_ray_through_a_projected_point_of_the_surface_hits_that_point() -> None:
    shape, turn = head_shape(traits_of(1, 0)), rotation(20.0, -10.0, 8.0)
    theta, y = np.float32([0.1, 0.4, -0.3, 0.7]), np.float32([-0.6, 0.5, 0.9, -0.1])
    points = project(surface_points(shape, theta, y, 0.0, 0.0), turn, CAMERA)
    flat = type(shape)(
        **{
            name: np.zeros_like(shape.bulge) if name == "bulge" else getattr(shape, name)
            for name in type(shape).__dataclass_fields__
        }
    )
    for point, true_theta, true_y in zip(points, theta, y, strict=True):
        ray = cast_rays(point[:1], point[1:], turn, CAMERA)
        found_theta, found_y, _ = hit_head(flat, ray, 0.0)
        assert abs(found_theta[0, 0] - true_theta) < 0.02
        assert abs(found_y[0, 0] - true_y) < 0.02
