"""Measure the accuracy of the sound: VAD against the talkers' ground truth, and clicks against flashes.

Run as ``python -m benchmarks.accuracy.sound``. It generates talkers of the 'wide' preset, runs the stage download on
them, decodes and cuts their sound with the numbers of params.yaml, and prints each figure with its target;
``python -m benchmarks.accuracy`` prints the same figures for the clips that it has generated itself.

A frame is 10 ms. By the truth it is voiced when its middle lies in a burst of speech, from the onset of the voice to
the end of its decay; pauses between bursts last half a second or more, and within a burst the voice never stops, so
that every frame is clear. A detector predicts voice when it keeps the sample in the frame's middle. Padding that a
detector adds on purpose counts as an error.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.figures import Figure, list_wide, print_and_exit, read_options
from benchmarks.recordings import CLOSE_S, RECORDINGS, click_and_flash
from pipeline.audio.extract import extract_waveform
from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import PROFILES, SAMPLE_RATE_HZ, SILERO, SileroProfile, VadProfile
from pipeline.audio.segment import cut
from pipeline.audio.settings import AudioParams
from pipeline.audio.vad import voiced_mask
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.truth import TruthSpeech
from pipeline.core.storage.manifest import read_manifest
from stages.__main__ import run_stage

DATASET = "sound"
SMALLEST_PX = 64  # the picture does not matter here
FRAME_SAMPLES = SAMPLE_RATE_HZ // 100  # 10 ms
SPEECH_TRUTH = ".speech.parquet"
MAX_ERROR_PERCENT = 8.0
DETECTORS: Mapping[str, VadProfile | SileroProfile] = {
    "webrtc, paper": PROFILES["paper"].vad,
    "webrtc, voice2face": PROFILES["voice2face"].vad,
    "webrtc, sf2f": PROFILES["sf2f"].vad,
    "silero": SILERO,
}
WITH_TARGET = ("webrtc, paper", "silero")


def main() -> None:
    """Measure and print the figures; exit with status 1 when a target is missed."""
    options = read_options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        at = Layout(Path(folder))
        list_wide(at, DATASET, options.persons, options.seed, (SMALLEST_PX, SMALLEST_PX), edge_cases=False)
        run_stage("download", DATASET, at)
        figures = measure_sound(at, DATASET)
    print_and_exit(figures)


def measure_sound(at: Layout, dataset: str) -> list[Figure]:
    """Return the figures of the talkers of ``dataset``, downloaded in ``at``, and of clicks and flashes."""
    params = load_params(AudioParams, "audio", at.params)
    talkers = sorted(at.media_folder(dataset).glob(f"person_*{SPEECH_TRUTH}"))
    segments = [one for path in talkers for one in _true_segments(path, params)]
    figures = [_vad_figure(name, segments) for name in DETECTORS]
    return [*(one for one in figures if one is not None), _offset_figure()]


def _true_segments(truth: Path, params: AudioParams) -> Iterator[tuple[NDArray[np.int16], NDArray[np.bool_]]]:
    """Yield the samples of each segment of a talker, and whether each of their 10 ms frames is truly voiced."""
    media = truth.with_name(truth.name.removesuffix(SPEECH_TRUTH) + ".mp4")
    bursts = read_manifest(truth, TruthSpeech)
    for segment in cut(extract_waveform(media, max_duration_s=params.max_duration_s), params):
        samples = to_int16(segment.samples[: segment.n_own_samples])
        middle_s = segment.start_s + _middles(samples) / SAMPLE_RATE_HZ
        inside = [(middle_s >= burst.start_s) & (middle_s < burst.end_s) for burst in bursts]
        yield samples, np.any(inside, axis=0)


def _middles(samples: NDArray[np.int16]) -> NDArray[np.intp]:
    """Return the middle sample of each whole frame of 10 ms."""
    return np.arange(len(samples) // FRAME_SAMPLES) * FRAME_SAMPLES + FRAME_SAMPLES // 2


def _vad_figure(name: str, segments: list[tuple[NDArray[np.int16], NDArray[np.bool_]]]) -> Figure | None:
    """Print the errors of a detector, and return its error rate where it has a target."""
    predicted = np.concatenate([voiced_mask(samples, DETECTORS[name])[_middles(samples)] for samples, _ in segments])
    true = np.concatenate([voiced for _, voiced in segments])
    error, false, missed = (
        100 * float(np.mean(one)) for one in (predicted != true, predicted & ~true, ~predicted & true)
    )
    print(
        f"VAD {name}: error {error:.2f} % of {len(true)} frames of 10 ms: {false:.2f} % false positives, "
        f"{missed:.2f} % false negatives; {100 * float(true.mean()):.1f} % are voiced"
    )
    if name not in WITH_TARGET:
        return None
    return Figure(f"VAD error in frames of 10 ms, {name}", error, MAX_ERROR_PERCENT, False, "%")


def _offset_figure() -> Figure:
    """Return the largest offset between a click and a flash of the same time, over all containers and offsets."""
    offsets_s = []
    for recording in RECORDINGS:
        with tempfile.TemporaryDirectory() as folder:
            flashes_s, clicks_s = click_and_flash(recording, Path(folder) / f"clip.{recording.suffix}")
        offsets_s += [abs(click - flash) for flash, click in zip(flashes_s, clicks_s, strict=True)]
    n_containers = len({recording.suffix for recording in RECORDINGS})
    name = f"click-flash offset, largest of {len(RECORDINGS)} files, {n_containers} containers"
    return Figure(name, 1000 * max(offsets_s), 1000 * CLOSE_S, False, "ms")


if __name__ == "__main__":
    main()
