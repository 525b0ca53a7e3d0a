"""Measure the costly steps on generated clips, on one core, against the floor of bare decoding."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pipeline.audio.clip import HeardClip, listen
from pipeline.audio.settings import AudioParams
from pipeline.face.crop import CropParams, Cropper, ObservedClip
from pipeline.face.observe import DetectParams, Observer
from pipeline.outcome import Dropped
from pipeline.params import load_params
from pipeline.records.frame import Frame
from pipeline.records.track import Track
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.spec import ClipSpec
from pipeline.video.clip import MediaClip

SIZES_PX = ((640, 360), (1280, 720))
DURATION_S = 60.0
N_ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for width_px, height_px in SIZES_PX:
            _measure(Path(folder), width_px, height_px)


def _measure(folder: Path, width_px: int, height_px: int) -> None:
    spec = ClipSpec(seed=77, person=0, clip=0, duration_s=DURATION_S, width_px=width_px, height_px=height_px)
    path = folder / f"{height_px}.mp4"
    render_s = _seconds(lambda: write_clip(spec, path))
    print(f"\n{width_px}x{height_px}, {DURATION_S:.0f} s at 25 fps, H.264 + AAC, one core")
    print(f"  render and encode a talker          {spec.n_frames / render_s:7.0f} frames/s")
    clip = MediaClip(clip_id="b/c", path=path, sha256="", rotation_deg=0, has_audio=True, start_s=None, end_s=None)
    observer = Observer(load_params(DetectParams, "detect"))
    cropper = Cropper(load_params(CropParams, "crop"), "dlib")
    audio = load_params(AudioParams, "audio")

    def observe_and_crop() -> None:
        seen = observer(clip, folder)
        assert not isinstance(seen, Dropped)
        main_track = next(row.track_id for row in seen if isinstance(row, Track) and row.is_main)
        frames = tuple(row for row in seen if isinstance(row, Frame) and row.track_id == main_track)
        cropper(ObservedClip(clip, frames), folder)

    observe_and_crop()  # loads the models, which a worker does once
    # In turn, so that a machine that slows down slows all of them.
    rounds = [
        (_seconds(lambda: _decode(path)), _seconds(observe_and_crop), _seconds(lambda: _listen(clip, folder, audio)))
        for _ in range(N_ROUNDS)
    ]
    decode_s, faces_s, sound_s = (sorted(column)[N_ROUNDS // 2] for column in zip(*rounds, strict=True))
    ratio = sorted(faces / decode for decode, faces, _ in rounds)[N_ROUNDS // 2]
    print(f"  bare decode (the floor)             {DURATION_S / decode_s:7.1f} x realtime")
    print(
        f"  detect + crop                       {DURATION_S / faces_s:7.1f} x realtime, {ratio:.2f} x the floor's cost"
    )
    print(f"  sound to log-mel, with decoding     {DURATION_S / sound_s:7.1f} x realtime")


def _decode(path: Path) -> None:
    import av

    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass


def _listen(clip: MediaClip, folder: Path, params: AudioParams) -> None:
    listen(HeardClip(clip, (0.0, DURATION_S)), folder, params=params)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
