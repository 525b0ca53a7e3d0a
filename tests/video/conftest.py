"""A small video written by PyAV."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def write_video(path: Path, *, n_frames: int = 10, sound: bool = True) -> Path:
    """Write noise as MPEG-4 video, 64 x 48 at 25 fps, brighter on its left, with silence as AAC at 16 kHz."""
    import av

    width, height = 64, 48
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio: Any = container.add_stream("aac", rate=16_000) if sound else None
        for _ in range(n_frames):
            picture = rng.integers(0, 100, (height, width, 3), np.uint8)
            picture[:, : width // 2] += 150
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if sound:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 640 * n_frames), np.float32), "fltp", "mono")
            frame.sample_rate = 16_000
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 0.4 s, 64 x 48 pixels, with sound, larger than the first block that yt-dlp reads."""
    return write_video(tmp_path_factory.mktemp("video") / "talk.mp4")
