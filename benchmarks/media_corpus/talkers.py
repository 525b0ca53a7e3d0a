"""Generated talkers as masters: pictures without any container or codec, their sound, and where their faces are."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.media_corpus.ffmpeg import decode_rgb
from pipeline.synthetic.clip import sound_of, write_clip
from pipeline.synthetic.plan import plan_clip
from pipeline.synthetic.script.spec import ClipSpec

SIZE_PX = (480, 272)
FPS = 25
N_FRAMES = 90
DURATION_S = N_FRAMES / FPS
SOUND_HZ = 16_000
NEARLY_LOSSLESS = 4
PERSONS = 6
SEED = 7

Frames: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Talker:
    """A generated person in a clip of their own.

    ``pan_px``: the whole picture swings by so much from side to side, so that interlaced fields differ.
    """

    person: int
    fps: int = FPS
    pan_px: int = 0
    n_frames: int = N_FRAMES


class Master:
    """A talker's clip: ``frames`` (T, H, W, 3) uint8 RGB, ``eyes`` (T, 2, 2) left and right, x and y, in pixels
    from the picture's corner, ``lips`` (T,), ``sound`` (N,) float32 at SOUND_HZ."""

    def __init__(self, folder: Path, talker: Talker) -> None:
        self.talker = talker
        self._folder = folder
        with np.load(folder / "truth.npz") as truth:
            self.eyes: Floats = truth["eyes"]
            self.lips: Floats = truth["lips"]
            self.sound: NDArray[np.float32] = truth["sound"]

    @cached_property
    def frames(self) -> Frames:
        frames: Frames = np.load(self._folder / "frames.npy", mmap_mode="r")
        return frames

    def index_at(self, time_s: float) -> int:
        """Return the frame that is shown at a time; the nearest where that is outside."""
        return int(np.clip(np.floor(time_s * self.talker.fps + 1e-6), 0, len(self.lips) - 1))


class Masters:
    """Masters by talker, made once and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._made: dict[Talker, Master] = {}

    def of(self, talker: Talker) -> Master:
        with self._lock:
            if talker not in self._made:
                folder = self._folder / f"p{talker.person}-{talker.fps}-{talker.pan_px}-{talker.n_frames}"
                if not (folder / "done.json").exists():
                    _make(talker, folder)
                self._made[talker] = Master(folder, talker)
            return self._made[talker]


def _spec(talker: Talker) -> ClipSpec:
    return ClipSpec(
        seed=SEED,
        person=talker.person,
        clip=0,
        duration_s=float(Fraction(talker.n_frames, talker.fps)),
        width_px=SIZE_PX[0],
        height_px=SIZE_PX[1],
        fps_num=talker.fps,
        crf=NEARLY_LOSSLESS,
    )


@cache
def voice_of(talker: Talker) -> NDArray[np.float32]:
    """Return a talker's sound, (N,) at SOUND_HZ, without drawing any picture."""
    spec = _spec(talker)
    sound = sound_of(spec, plan_clip(spec, np.arange(spec.n_frames) / float(spec.fps)))
    assert sound is not None
    return sound


def _make(talker: Talker, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    spec = _spec(talker)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "clip.mp4")
        truth = write_clip(spec, path)
        frames = decode_rgb(path, SIZE_PX, filters="scale=in_color_matrix=bt601:in_range=tv")
    (face,) = truth.faces
    # The generator counts from the first pixel's centre, this package from the picture's corner.
    eyes = np.stack([face.left_eye_px, face.right_eye_px], axis=1) + 0.5
    if talker.pan_px:
        shift = _swing(talker)
        frames = np.stack([np.roll(frame, int(x), axis=1) for frame, x in zip(frames, shift, strict=True)])
        eyes[:, :, 0] += shift[:, None]
    assert len(frames) == talker.n_frames
    np.save(folder / "frames.npy", frames)
    np.savez(folder / "truth.npz", eyes=eyes, lips=face.lip_opening, sound=voice_of(talker))
    (folder / "done.json").write_text(json.dumps({"frames": len(frames)}))


def _swing(talker: Talker) -> NDArray[np.int64]:
    time_s = np.arange(talker.n_frames) / talker.fps
    return np.asarray(np.rint(talker.pan_px * np.sin(2 * np.pi * 0.5 * time_s)), np.int64)


def squeezed(frames: Frames, width: int, height: int) -> Frames:
    """Return (T, H, W, 3) frames of another size."""
    how = cv2.INTER_AREA if width <= frames.shape[2] else cv2.INTER_CUBIC
    resized = [cv2.resize(np.ascontiguousarray(frame), (width, height), interpolation=how) for frame in frames]
    return np.stack(resized).astype(np.uint8)


def joined_sound(parts: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    return np.concatenate(parts).astype(np.float32)
