"""Measure the costly steps on generated clips: time on one core relative to decoding, and memory."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.recordings import Recording, write_recording
from benchmarks.speed.export import measure_exports
from benchmarks.speed.memory import media_clip, peak_mb_of, write_looped
from benchmarks.speed.recognition import measure_labels
from benchmarks.speed.steps import FaceSteps
from benchmarks.speed.subjects import measure_subjects
from benchmarks.timing import seconds
from pipeline.audio.clip import AudioItem, HeardSubject, segment_clip
from pipeline.audio.extract import extract_waveform
from pipeline.audio.features import segment_features
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.segment import WHOLE_CLIP
from pipeline.audio.settings import AudioParams
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import load_params
from pipeline.core.records.subject import main_subject_id
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.clip import MediaClip

SIZES_PX = ((640, 360), (1280, 720))
DURATION_S = 60.0
N_ROUNDS = 3
N_SOUND_ROUNDS = 9  # a minute of sound takes a few hundredths of a second
SOUND_TARGET, FEATURES_TARGET = 300, 1000  # times realtime
N_TIMES_AS_LONG = 30  # the clip whose memory is compared with the first's


def main() -> None:
    _keep_to_one_core()
    with tempfile.TemporaryDirectory() as folder:
        paths = [_measure_time(Path(folder), width_px, height_px) for width_px, height_px in SIZES_PX]
        _measure_sound(paths[0])
        _measure_memory(paths[0])
        measure_subjects(Path(folder))
        measure_labels(Path(folder))
        measure_exports(Path(folder))


def _keep_to_one_core() -> None:
    import cv2

    cv2.setNumThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class _Round(NamedTuple):
    """Seconds of each, measured one after the other, so that a machine that slows down slows all of them."""

    decode: float
    detect: float
    crop: float
    sound: float


def _measure_time(folder: Path, width_px: int, height_px: int) -> Path:
    """Generate a clip, print the time of each step on it, and return its path."""
    spec = ClipSpec(seed=77, person=0, clip=0, duration_s=DURATION_S, width_px=width_px, height_px=height_px)
    path = folder / f"{width_px}x{height_px}.mp4"
    render_s = seconds(lambda: write_clip(spec, path))
    print(f"\n{width_px}x{height_px}, {DURATION_S:.0f} s at 25 fps, H.264 + AAC, one core")
    print(f"  render and encode a talker          {spec.n_frames / render_s:7.0f} frames/s")
    clip, steps, audio = media_clip(path), FaceSteps(), load_params(AudioParams, "audio")
    frames = steps.detect(clip)
    faces = steps.crop(clip, frames)  # both have loaded their models now, as a worker does once
    assert faces and not isinstance(faces, Dropped), faces
    rounds = [
        _Round(
            decode=seconds(lambda: _decode(path)),
            detect=seconds(lambda: steps.detect(clip)),
            crop=seconds(lambda: steps.crop(clip, frames)),
            sound=seconds(lambda: _listen(clip, folder, audio)),
        )
        for _ in range(N_ROUNDS)
    ]
    faces_s = median(one.detect + one.crop for one in rounds)
    print(f"  decoding alone                      {DURATION_S / median(one.decode for one in rounds):7.1f} x realtime")
    print(
        f"  detect + crop                       {DURATION_S / faces_s:7.1f} x realtime, "
        f"{median((one.detect + one.crop) / one.decode for one in rounds):.2f} x the time of decoding "
        f"(detect {median(one.detect / one.decode for one in rounds):.2f}, "
        f"crop {median(one.crop / one.decode for one in rounds):.2f})"
    )
    print(f"  sound to log-mel, with decoding     {DURATION_S / median(one.sound for one in rounds):7.1f} x realtime")
    return path


def _measure_sound(path: Path) -> None:
    """Print the time of a clip's sound, as it is and in the format of most real media."""
    from scipy.signal import resample_poly

    sound = extract_waveform(path, max_duration_s=DURATION_S)
    common = Recording(suffix="mp4", audio="aac", rate_hz=48_000, layout="stereo", shown_s=DURATION_S)
    upsampled = resample_poly(sound, common.rate_hz, SAMPLE_RATE_HZ)
    common_path = write_recording(path.with_name("common.mp4"), common, np.stack([upsampled, upsampled]))
    params = load_params(AudioParams, "audio")
    voice = {name: params.model_copy(update={"vad": name}) for name in ("webrtc", "silero")}
    works: dict[str, Callable[[], object]] = {
        "16 kHz mono AAC to log-mel": lambda: _listen(media_clip(path), path.parent, voice["webrtc"]),
        "48 kHz stereo AAC to log-mel": lambda: _listen(media_clip(common_path), path.parent, voice["webrtc"]),
        "voice (webrtc) + log-mel alone": lambda: [*segment_features(sound, voice["webrtc"])],
        "voice (silero) + log-mel alone": lambda: [*segment_features(sound, voice["silero"])],
    }
    targets = (SOUND_TARGET, SOUND_TARGET, FEATURES_TARGET, None)
    print(f"\nsound, {DURATION_S:.0f} s, one core")
    for (name, work), target in zip(works.items(), targets, strict=True):
        work()  # loads the models, as a worker does once
        took_s = [seconds(work) for _ in range(N_SOUND_ROUNDS)]
        suffix = f" (target >= {target})" if target else ""
        print(
            f"  {name:35} {DURATION_S / median(took_s):7.1f} x realtime, best {DURATION_S / min(took_s):7.1f}{suffix}"
        )


def _measure_memory(path: Path) -> None:
    """Print the peak memory for a clip, and for one that repeats it many times."""
    looped = path.with_name("looped.mp4")
    write_looped(path, N_TIMES_AS_LONG, looped)
    short_mb, long_mb = peak_mb_of(path), peak_mb_of(looped)
    minutes = DURATION_S * N_TIMES_AS_LONG / 60
    print(f"\ndetect + crop, a process each, peak resident memory: the clip of {path.stem}, and it repeated")
    print(f"  {DURATION_S:3.0f} s                               {short_mb:7.0f} MB")
    print(f"  {minutes:3.0f} min                             {long_mb:7.0f} MB, {long_mb / short_mb:.2f} x as much")


def _decode(path: Path) -> None:
    import av

    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass


def _listen(clip: MediaClip, folder: Path, params: AudioParams) -> None:
    subject = HeardSubject(main_subject_id(clip.clip_id), ((0.0, DURATION_S),), (WHOLE_CLIP,))
    segment_clip(AudioItem(clip, (subject,)), folder, params=params)


if __name__ == "__main__":
    main()
