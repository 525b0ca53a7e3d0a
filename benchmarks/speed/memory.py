"""The peak memory of detecting and cropping one clip in its own process: python -m benchmarks.speed.memory FILE."""

import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.speed.steps import FaceSteps
from pipeline.core.base.outcome import Dropped
from pipeline.video.clip import MediaClip
from pipeline.video.ffmpeg_program import run_ffmpeg

_STATUS = Path("/proc/self/status")


def media_clip(path: Path) -> MediaClip:
    return MediaClip(clip_id="b/c", path=path, sha256="", has_audio=True, start_s=None, end_s=None)


def peak_mb_of(path: Path) -> float:
    """Return the peak resident memory, MB of 2^20 bytes, of a new process that detects and crops the clip."""
    command = [sys.executable, "-m", "benchmarks.speed.memory", str(path)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def write_looped(path: Path, times: int, looped: Path) -> None:
    """Write a file that repeats another one ``times`` times, without encoding it again."""
    import ffmpeg

    run_ffmpeg(ffmpeg.input(str(path), stream_loop=times - 1).output(str(looped), codec="copy"))


def peak_mb() -> float:
    """Return the peak resident memory of this process, MB, without that of its parent.

    On Linux getrusage includes the parent's.
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
    faces = steps.crop(clip, steps.detect(clip))
    assert faces and not isinstance(faces, Dropped), faces
    print(peak_mb())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
