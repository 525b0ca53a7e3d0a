"""Draw a head: its lit surface by ray casting on a coarse grid, eyes and mouth on top."""

import cv2
import numpy as np

from pipeline.synthetic.look.body import SHIFT, draw_ears
from pipeline.synthetic.look.features import Expression, View, draw_eye, draw_mouth
from pipeline.synthetic.look.geometry import PIVOT, Camera, Reals, project
from pipeline.synthetic.look.head import jawed, look_up, map_place
from pipeline.synthetic.look.rays import Rays, cast_rays, hit_head, hit_nose
from pipeline.synthetic.look.scene import Image, Light, light_in
from pipeline.synthetic.look.skin import TEXTURE_PX
from pipeline.synthetic.look.talker import Talker

GRID_PER_UNIT = 30.0  # rays a head unit: shape and shading need no more
SHINE = 26.0
SHINE_POWER = 18


def draw_head(image: Image, talker: Talker, turn: Reals, camera: Camera, light: Light, face: Expression) -> None:
    """Draw ears, head, eyes and mouth into the image, in place."""
    draw_ears(image, talker, turn, camera, light)
    skull, nose = (_outline(p, turn, camera, face.lip_gap) for p in (talker.skull, talker.nose))
    left, top, right, bottom = _box(skull, nose, image.shape)
    if right - left < 4 or bottom - top < 4:
        return
    part = image[top:bottom, left:right]
    skin = _lit_skin(talker, turn, camera, light, face.lip_gap, (left, top, right, bottom))
    coverage = np.zeros(part.shape[:2], np.uint8)
    for outline in (skull, nose):
        fixed = np.rint((outline - [left, top]) * (1 << SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(coverage, fixed, 255, cv2.LINE_AA, SHIFT)
    weight = coverage.astype(np.float32) / 255
    part[:] = cv2.blendLinear(skin, np.ascontiguousarray(part), weight, 1 - weight)
    view = View(turn=turn, camera=camera, light=_front_light(light, turn))
    for side in (-1, 1):
        if _faces_camera(side, turn):
            draw_eye(image, side, talker, view, face)
    if _faces_camera(0, turn):
        draw_mouth(image, talker, view, face)


def _outline(points: Reals, turn: Reals, camera: Camera, jaw: float) -> Reals:
    moved = points.copy()
    moved[:, 1] = jawed(points[:, 1], jaw)
    return np.asarray(cv2.convexHull(project(moved, turn, camera))[:, 0], np.float32)


def _box(skull: Reals, nose: Reals, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    both = np.concatenate([skull, nose])
    low = np.maximum(np.floor(both.min(axis=0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(both.max(axis=0)) + 2, (shape[1], shape[0])).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _lit_skin(
    talker: Talker, turn: Reals, camera: Camera, light: Light, jaw: float, box: tuple[int, int, int, int]
) -> Image:
    """Return the lit surface over a box of the image (left, top, right, bottom), (H, W, 3) RGB."""
    left, top, right, bottom = box
    size = (right - left, bottom - top)
    step = max(1.0, camera.scale_px / GRID_PER_UNIT)
    n_columns, n_rows = (int(np.ceil(length / step)) + 1 for length in size)
    columns_px = left + (np.arange(n_columns) + 0.5) * (size[0] / n_columns) - 0.5
    rows_px = top + (np.arange(n_rows) + 0.5) * (size[1] / n_rows) - 0.5
    theta, y = _surface(talker, cast_rays(columns_px, rows_px, turn, camera), turn, jaw)
    brightness, shine = _shade(look_up(talker.shape.normals, theta, y), light, turn)
    maps = [cv2.resize(m, size, interpolation=cv2.INTER_LINEAR) for m in map_place(theta, y, TEXTURE_PX)]
    albedo = cv2.remap(talker.texture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gain = cv2.resize(brightness, size, interpolation=cv2.INTER_LINEAR)
    lit = cv2.multiply(albedo, cv2.merge([gain * np.float32(t) for t in light.tint]), dtype=cv2.CV_8U)
    gloss = cv2.resize(shine, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return np.asarray(cv2.add(lit, cv2.merge([gloss, gloss, gloss])))


def _surface(talker: Talker, rays: Rays, turn: Reals, jaw: float) -> tuple[Reals, Reals]:
    theta, y, distance = hit_head(talker.shape, rays, jaw)
    nose_box = _nose_box(talker, rays, turn)
    part = Rays(x=rays.x[nose_box], y=rays.y[nose_box], z=rays.z[nose_box], direction=rays.direction)
    if part.x.size:
        nose_theta, nose_y, is_nose = hit_nose(talker.shape, part, distance[nose_box], jaw)
        theta[nose_box] = np.where(is_nose, nose_theta, theta[nose_box])
        y[nose_box] = np.where(is_nose, nose_y, y[nose_box])
    return theta, y


def _nose_box(talker: Talker, rays: Rays, turn: Reals) -> tuple[slice, slice]:
    """Return the rows and columns of a grid of rays that may hit the nose."""
    nose = (talker.nose - PIVOT) @ turn[:2].T
    corner = np.array([rays.x[0, 0], rays.y[0, 0], rays.z[0, 0]]) - PIVOT
    far = np.array([rays.x[-1, -1], rays.y[-1, -1], rays.z[-1, -1]]) - PIVOT
    first, last = turn[:2] @ corner, turn[:2] @ far
    n = np.array(rays.x.shape[::-1])
    place = (nose - first) / (last - first) * (n - 1)
    low = np.clip(np.floor(place.min(axis=0)).astype(int) - 1, 0, n)
    high = np.clip(np.ceil(place.max(axis=0)).astype(int) + 2, 0, n)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _shade(normals: Reals, light: Light, turn: Reals) -> tuple[Reals, Reals]:
    """Return the gain of the albedo, and the specular shine to add, grey levels."""
    towards = light_in(light, turn)
    facing = normals @ towards
    gain = light.ambient + (1.12 - light.ambient) * np.clip(0.25 + 0.75 * facing, 0, 1)
    halfway = towards + turn[2]
    halfway /= np.linalg.norm(halfway)
    shine = SHINE * np.clip(normals @ halfway, 0, 1) ** SHINE_POWER
    return gain.astype(np.float32), shine.astype(np.float32)


def _front_light(light: Light, turn: Reals) -> float:
    return float(light.ambient + (1.12 - light.ambient) * max(0.0, 0.25 + 0.75 * light_in(light, turn)[2]))


def _faces_camera(side: int, turn: Reals) -> bool:
    """Return whether the surface at an eye (side -1, 1) or the mouth (0) faces the camera."""
    normal = np.array([0.36 * side, 0.0, 0.93], np.float32)
    return bool(turn[2] @ normal > 0.12)
