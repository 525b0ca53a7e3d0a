"""The peak memory of detecting and cropping one clip in a process of its own: python -m benchmarks.memory FILE."""

import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pipeline.face.crop import CropParams, Cropper, ObservedClip
from pipeline.face.observe import DetectParams, Observer
from pipeline.outcome import Dropped
from pipeline.params import load_params
from pipeline.records.frame import Frame
from pipeline.records.track import Track
from pipeline.video.clip import MediaClip

_STATUS = Path("/proc/self/status")


class FaceSteps:
    """The steps detect and crop, with the params of this checkout."""

    def __init__(self) -> None:
        self._observer = Observer(load_params(DetectParams, "detect"))
        self._cropper = Cropper(load_params(CropParams, "crop"), "dlib")

    def detect(self, clip: MediaClip) -> tuple[Frame, ...]:
        """Return the frames of the main track."""
        seen = self._observer(clip, Path())
        assert not isinstance(seen, Dropped), seen
        main_track = next(row.track_id for row in seen if isinstance(row, Track) and row.is_main)
        return tuple(row for row in seen if isinstance(row, Frame) and row.track_id == main_track)

    def crop(self, clip: MediaClip, frames: tuple[Frame, ...]) -> None:
        faces = self._cropper(ObservedClip(clip, frames), Path())
        assert faces and not isinstance(faces, Dropped), faces


def media_clip(path: Path) -> MediaClip:
    return MediaClip(clip_id="b/c", path=path, sha256="", rotation_deg=0, has_audio=True, start_s=None, end_s=None)


def peak_mb_of(path: Path) -> float:
    """Return the peak resident memory, MB of 2^20 bytes, of a new process that detects and crops the clip."""
    command = [sys.executable, "-m", "benchmarks.memory", str(path)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def write_looped(path: Path, times: int, looped: Path) -> None:
    """Write a file that plays another one so many times, nothing encoded anew."""
    import imageio_ffmpeg

    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    subprocess.run([*ffmpeg, "-stream_loop", str(times - 1), "-i", path, "-c", "copy", looped], check=True)


def _peak_mb() -> float:
    """Return the peak resident memory of this process, without that of the one it was started from.

    Which getrusage counts in on Linux.
    """
    if _STATUS.exists():
        (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # bytes, on macOS


def main(path: Path) -> None:
    import cv2

    cv2.setNumThreads(1)
    steps, clip = FaceSteps(), media_clip(path)
    steps.crop(clip, steps.detect(clip))
    print(_peak_mb())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
