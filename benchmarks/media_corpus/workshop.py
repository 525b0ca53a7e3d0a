"""Where files are made: masters, their sound files, and encodings of them that several kinds start from."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from benchmarks.media_corpus.ffmpeg import Encode, encode, write_wave
from benchmarks.media_corpus.talkers import SOUND_HZ, Master, Masters, Talker


class Workshop:
    """Makes and keeps what several files need; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.masters = Masters(folder / "masters")
        self._locks: dict[str, Lock] = {}
        self._lock = Lock()

    def master(self, talker: Talker) -> Master:
        return self.masters.of(talker)

    def wave(self, talker: Talker) -> Path:
        """Return the talker's sound as a file."""
        return self.sound(f"p{talker.person}-{talker.n_frames}-{talker.fps}", lambda: self.master(talker).sound)

    def sound(self, name: str, sound: Callable[[], NDArray[np.float32]]) -> Path:
        """Return a sound file of that name; ``sound`` returns its samples, (N,) float32 at SOUND_HZ, if need be."""

        def write(path: Path) -> None:
            write_wave(path, sound(), SOUND_HZ)

        return self.once(f"{name}.wav", write)

    def clean(self, talker: Talker, suffix: str, how: Encode = Encode(), name: str = "") -> Path:
        """Return the talker's clip as a file that nothing is wrong with; ``name`` tells encodings apart."""
        master_name = f"p{talker.person}-{talker.fps}-{talker.pan_px}-{talker.n_frames}"

        def write(path: Path) -> None:
            self.encode(path, talker, how)

        return self.once(f"clean-{master_name}-{name}.{suffix}", write)

    def encode(
        self,
        path: Path,
        talker: Talker,
        how: Encode = Encode(),
        *,
        frames: NDArray[np.uint8] | None = None,
        fps: Fraction | int | None = None,
    ) -> Path:
        """Encode the talker's clip, or other frames with the talker's sound."""
        frames = self.master(talker).frames if frames is None else frames
        return encode(path, frames, fps or talker.fps, self.wave(talker) if how.sound else None, how)

    def once(self, name: str, write: Callable[[Path], object]) -> Path:
        """Return the path of ``name`` in the workshop, written by ``write(path)`` if it is not there yet."""
        path = self.folder / "parts" / name
        with self._lock:
            lock = self._locks.setdefault(name, Lock())
        with lock:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f"partial-{path.name}")
                write(partial)
                partial.rename(path)
        return path
