"""Draw an aligned face directly, without a clip."""

from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.look.body import draw_body
from pipeline.synthetic.look.face import draw_head
from pipeline.synthetic.look.features import Expression
from pipeline.synthetic.look.geometry import Camera, head_turn, rotation
from pipeline.synthetic.look.landmarks import landmarks
from pipeline.synthetic.look.scene import Image, add_noise, draw_light, draw_noises, draw_room
from pipeline.synthetic.look.talker import talker_of
from pipeline.synthetic.script.traits import Traits

ALIGNED_EYES = (96.0, 160.0, 120.0)  # left x, right x, y of the eye centres in a square of 256 pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPose:
    """Angles of a head, degrees, and its lip opening in interocular distances."""

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    lip_opening: float = 0.0


FRONTAL = HeadPose()


def aligned_face(
    traits: Traits,
    *,
    rng: np.random.Generator,
    room_rng: np.random.Generator | None = None,
    size_px: int = 256,
    pose: HeadPose = FRONTAL,
) -> Image:
    """Return a (size_px, size_px, 3) uint8 RGB face whose eye centres lie at (96, 120) and (160, 120) of 256.

    Light, room, noise and gaze come from ``rng``; all but gaze from ``room_rng``, if any: an equal one gives the
    same room. Alignment removes the roll of the line between the eyes.
    """
    talker = talker_of(traits)
    room_rng = room_rng or rng
    light, room, noises = (
        draw_light(room_rng),
        draw_room(room_rng, size_px, size_px),
        draw_noises(room_rng, size_px, size_px),
    )
    turn = head_turn(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    at_unit = landmarks(talker, turn, Camera(x_px=0, y_px=0, scale_px=1), 0.0)
    eyes = at_unit.right_eye_px - at_unit.left_eye_px
    tilt_deg = -float(np.rad2deg(np.arctan2(eyes[1], eyes[0])))
    level = rotation(0, 0, tilt_deg)
    turn = np.asarray(level @ turn, np.float32)
    left_x, right_x, eyes_y = (size_px / 256 * p for p in ALIGNED_EYES)
    scale = (right_x - left_x) / float(np.linalg.norm(eyes))
    middle = level[:2, :2] @ (at_unit.left_eye_px + at_unit.right_eye_px) / 2 * scale
    camera = Camera(x_px=(left_x + right_x) / 2 - float(middle[0]), y_px=eyes_y - float(middle[1]), scale_px=scale)
    face = Expression(
        lip_gap=pose.lip_opening * float(np.linalg.norm(eyes)),
        eye_opening=1.0,
        gaze_x=float(rng.normal(0, 0.2)),
        gaze_y=float(rng.normal(0, 0.1)),
    )
    draw_body(room, talker, camera, light, tilt_deg)
    draw_head(room, talker, turn, camera, light, face)
    return add_noise(room, noises[0])
