"""The texture of a head: skin, brows, hair, nostrils, beard, drawn once per person over (theta, y)."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.seeds import keyed_rng
from pipeline.synthetic.look.geometry import Reals
from pipeline.synthetic.look.head import EYE_X, HALF_HEIGHT, NOSE_BASE, HeadShape, grid, hair_mask, taper
from pipeline.synthetic.script.traits import Traits

TEXTURE_PX = (1024, 640)
SKIN_TONES = np.array([[104, 68, 52], [150, 100, 74], [205, 156, 126], [240, 206, 184]], np.float32)
HAIR_TONES = np.array([[22, 18, 17], [66, 42, 28], [128, 84, 48], [205, 170, 110]], np.float32)
GREY_HAIR = np.array([150, 148, 146], np.float32)
MOUTH_Y = 1.10
# The beard ends above this height, so that it stays inside the central part of an aligned face.
BEARD_END_Y = 1.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """RGB in [0, 255] of the parts drawn over or behind the textured head."""

    skin: Reals
    hair: Reals
    lips: Reals
    iris: Reals


def colours_of(traits: Traits) -> Colours:
    """Return a person's colours."""
    skin = _tone(SKIN_TONES, traits.skin) * _warmth(traits.skin_warmth)
    hair = _tone(HAIR_TONES, traits.hair_shade)
    if traits.hair_hue > 0.8:
        hair = 0.35 * hair + 0.65 * GREY_HAIR
    elif traits.hair_hue < 0.2:
        hair = hair * np.array([1.10, 0.72, 0.58], np.float32)
    pale = skin * np.array([0.90, 0.70, 0.68], np.float32)
    # Lips stay darker than the skin around them, as grey-level landmark models expect.
    red = np.array([176, 34, 52], np.float32) * np.float32(np.clip(skin.mean() / 140, 0.5, 1.0))
    brown, blue = np.array([52, 28, 14], np.float32), np.array([128, 176, 208], np.float32)
    return Colours(
        skin=np.clip(skin, 0, 250),
        hair=np.clip(hair, 0, 235),
        lips=pale + (0.15 + 0.65 * np.float32(traits.tempo)) * (red - pale),
        iris=brown + np.float32(traits.brightness) * (blue - brown),
    )


def _tone(tones: Reals, share: float) -> Reals:
    knots = np.linspace(0, 1, len(tones))
    return np.array([np.interp(share, knots, tones[:, k]) for k in range(3)], np.float32)


def _warmth(share: float) -> Reals:
    return np.array([0.98 + 0.05 * share, 1.0, 1.06 - 0.14 * share], np.float32)


def draw_texture(traits: Traits, shape: HeadShape) -> NDArray[np.uint8]:
    """Return the head's albedo, (rows, columns, 3) RGB, over a map of TEXTURE_PX."""
    theta, y = grid(TEXTURE_PX)
    x = front_x(shape, theta, y)
    colours = colours_of(traits)
    albedo = np.empty((*theta.shape, 3), np.float32)
    albedo[:] = colours.skin
    albedo *= 1 + 0.022 * _grain(traits, (3, 3))[..., None]
    _shade_skin(albedo, x, y)
    _draw_nostrils(albedo, x, y, shape)
    _draw_beard(albedo, x, y, traits, shape, colours)
    _draw_brows(albedo, x, y, traits, colours)
    _draw_hair(albedo, theta, y, traits, colours)
    return np.clip(albedo, 0, 255).astype(np.uint8)


def front_x(shape: HeadShape, theta: Reals, y: Reals) -> Reals:
    """Return x of surface points as seen from the front; points at the back get a far x."""
    x = shape.half_width * taper(shape, y) * np.sqrt(np.maximum(1 - (y / HALF_HEIGHT) ** 2, 0)) * np.sin(theta)
    return np.where(np.abs(theta) < np.pi / 2, x, 9.0).astype(np.float32)


def _grain(traits: Traits, blur_px: tuple[float, float]) -> Reals:
    """Return blurred noise of unit std that depends on the person, but on no trait of the voice."""
    columns, rows = TEXTURE_PX
    noise = keyed_rng("grain", repr(traits.skin), repr(traits.hair_hue)).normal(0, 1, (rows, columns))
    smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), sigmaX=blur_px[0], sigmaY=blur_px[1])
    return np.asarray(smooth / smooth.std(), np.float32)


def _blend(albedo: Reals, colour: Reals, coverage: Reals) -> None:
    albedo += coverage[..., None] * (colour - albedo)


def _dome(x: Reals, y: Reals, at: tuple[float, float], wide: float, high: float) -> Reals:
    return np.asarray(np.exp(-(((np.abs(x) - at[0]) / wide) ** 2) - ((y - at[1]) / high) ** 2), np.float32)


def _shade_skin(albedo: Reals, x: Reals, y: Reals) -> None:
    """Darken sockets, the fold beside the nose and the hollow under the lip; redden the cheeks."""
    dark = 0.30 * _dome(x, y, (EYE_X, -0.09), 0.30, 0.10) + 0.16 * _dome(x, y, (EYE_X, 0.13), 0.22, 0.05)
    dark += 0.14 * _dome(x, y, (0.24, -0.05), 0.10, 0.16)
    fold_x = 0.30 + 0.24 * np.clip((y - 0.70) / 0.45, 0, 1)
    fold = np.exp(-(((np.abs(x) - fold_x) / 0.035) ** 2)) * np.clip((y - 0.66) * 6, 0, 1) * np.clip((1.2 - y) * 5, 0, 1)
    dark += 0.16 * fold + 0.20 * _dome(x, y, (0.0, 1.37), 0.26, 0.05)
    albedo *= np.clip(1 - dark, 0, 1)[..., None]
    cheeks = 0.22 * _dome(x, y, (0.62, 0.52), 0.26, 0.22)
    albedo *= 1 - cheeks[..., None] * np.array([0.0, 0.55, 0.5], np.float32)


def _draw_nostrils(albedo: Reals, x: Reals, y: Reals, shape: HeadShape) -> None:
    """Draw the nostrils, the shadow under the nose and the edges of its wings."""
    tip, half = shape.nose_tip_y, shape.nose_half_width
    under = 0.24 * _dome(x, y, (0.0, tip + NOSE_BASE), 0.75 * half, 0.05)
    under += 0.28 * _dome(x, y, (half * 1.02, tip + 0.03), 0.035, 0.09)
    ridge = 0.22 * _dome(x, y, (0.13 + 0.25 * half, 0.38), 0.05, 0.22)
    albedo *= np.clip(1 - under - ridge, 0, 1)[..., None]
    albedo *= 1 + 0.10 * _dome(x, y, (0.0, 0.35), 0.05, 0.30)[..., None]
    openings = np.clip(1.4 * _dome(x, y, (0.50 * half, tip + 0.10), 0.30 * half, 0.035), 0, 0.9)
    _blend(albedo, albedo * np.float32(0.12), openings)


def _draw_beard(albedo: Reals, x: Reals, y: Reals, traits: Traits, shape: HeadShape, colours: Colours) -> None:
    """Draw moustache and chin beard, the darker the deeper the voice."""
    lip_y = 0.5 * (shape.nose_tip_y + NOSE_BASE + MOUTH_Y) - 0.02
    moustache = 0.8 * _dome(x, y, (0.17, lip_y), 0.24, 0.055)
    chin = np.clip(1.6 * _dome(x, y, (0.0, 1.33), 0.42, 0.16) - 0.35, 0, 1)
    chin = np.maximum(chin, 0.8 * _dome(x, y, (0.52, 1.16), 0.09, 0.16))
    end = np.clip((BEARD_END_Y - y) / 0.06, 0, 1)
    strands = np.clip(0.85 + 0.25 * _grain(traits, (0.8, 2.5)), 0.3, 1)
    cover = np.clip(np.maximum(moustache, chin) * end * strands, 0, 1)
    _blend(
        albedo,
        0.7 * colours.hair + 8,
        cover * np.float32(max(0.0, 1.25 * traits.depth - 0.25)) * np.clip((0.70 - np.abs(x)) / 0.05, 0, 1),
    )


def _draw_brows(albedo: Reals, x: Reals, y: Reals, traits: Traits, colours: Colours) -> None:
    """Draw two brows that thin out and sink towards the temples."""
    away = (np.abs(x) - 0.18) / 0.62  # 0 at the nose's end, 1 at the temple's
    middle = -0.325 + 0.06 * (traits.brow_tilt - 0.5) - 0.16 * away * (1 - away) * 2 + 0.10 * np.clip(away, 0, 1) ** 3
    thick = (0.050 + 0.050 * traits.brow_weight) * (1.05 - 0.6 * np.clip(away, 0, 1))
    cover = np.clip((thick - np.abs(y - middle)) / 0.022 + 0.4, 0, 1)
    cover *= np.clip(away * 9 + 0.4, 0, 1) * np.clip((1 - away) * 7, 0, 1)
    strands = np.clip(0.9 + 0.2 * _grain(traits, (1.6, 0.8)), 0.4, 1)
    _blend(albedo, 0.62 * colours.hair + 0.05 * colours.skin, cover * strands * np.float32(0.9))


def _draw_hair(albedo: Reals, theta: Reals, y: Reals, traits: Traits, colours: Colours) -> None:
    cover = hair_mask(theta, y, traits)
    strands = 1 + 0.16 * _grain(traits, (2.2, 11.0)) + 0.10 * _grain(traits, (7.0, 30.0))
    _blend(albedo, colours.hair * np.clip(strands, 0.4, 1.7)[..., None], cover)
