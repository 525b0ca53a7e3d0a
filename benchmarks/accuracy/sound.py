"""Measure how right the sound is: voice against the talkers' truth, and clicks against flashes.

Run as ``python -m benchmarks.accuracy.sound``. It generates talkers of the 'wide' preset, takes them through the stage
download and through decoding and cutting with the numbers of params.yaml, and prints each figure with its target;
``python -m benchmarks.accuracy`` prints the same figures of the clips it has made itself.

A frame is 10 ms. In truth it is voiced when its middle lies in a burst of speech, from where the voice sets in to where
it has died away; pauses between bursts last half a second and more, and within a burst the voice never stops, so no
frame is a matter of taste. A detector calls it voiced when it keeps the sample in its middle. Padding that a detector
adds on purpose counts as wrong.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import stages.download
from benchmarks.accuracy.figures import Figure, list_wide, read_options, tell
from benchmarks.recordings import CLOSE_S, RECORDINGS, click_and_flash
from pipeline.audio.extract import extract_waveform
from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import PROFILES, SAMPLE_RATE_HZ, SILERO, SileroProfile, VadProfile
from pipeline.audio.segment import cut
from pipeline.audio.settings import AudioParams
from pipeline.audio.vad import voiced_mask
from pipeline.base.layout import Layout
from pipeline.base.params import load_params
from pipeline.records.truth import TruthSpeech
from pipeline.storage.manifest import read_manifest

DATASET = "sound"
SMALLEST_PX = 64  # the picture does not matter here
FRAME_SAMPLES = SAMPLE_RATE_HZ // 100  # 10 ms
SPEECH_TRUTH = ".speech.parquet"
MOST_WRONG_PERCENT = 8.0
DETECTORS: Mapping[str, VadProfile | SileroProfile] = {
    "webrtc, paper": PROFILES["paper"].vad,
    "webrtc, voice2face": PROFILES["voice2face"].vad,
    "webrtc, sf2f": PROFILES["sf2f"].vad,
    "silero": SILERO,
}
WITH_TARGET = ("webrtc, paper", "silero")


def main() -> None:
    """Measure and print the figures; fail when a target is missed."""
    options = read_options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        at = Layout(Path(folder))
        list_wide(at, DATASET, options.persons, options.seed, (SMALLEST_PX, SMALLEST_PX), edge_cases=False)
        stages.download.main(DATASET, at)
        figures = measure_sound(at, DATASET)
    tell(figures)


def measure_sound(at: Layout, dataset: str) -> list[Figure]:
    """Return the figures of the talkers of ``dataset``, downloaded in ``at``, and of clicks and flashes."""
    params = load_params(AudioParams, "audio", at.params)
    talkers = sorted(at.media_folder(dataset).glob(f"person_*{SPEECH_TRUTH}"))
    heard = [one for path in talkers for one in _heard_segments(path, params)]
    figures = [_voice_figure(name, heard) for name in DETECTORS]
    return [*(one for one in figures if one is not None), _step_figure()]


def _heard_segments(truth: Path, params: AudioParams) -> Iterator[tuple[NDArray[np.int16], NDArray[np.bool_]]]:
    """Yield the samples of each segment of a talker, and for each of their 10 ms whether it is voiced in truth."""
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


def _voice_figure(name: str, heard: list[tuple[NDArray[np.int16], NDArray[np.bool_]]]) -> Figure | None:
    """Print how a detector errs, and return its error where it has a target."""
    called = np.concatenate([voiced_mask(samples, DETECTORS[name])[_middles(samples)] for samples, _ in heard])
    true = np.concatenate([voiced for _, voiced in heard])
    wrong, added, missed = (100 * float(np.mean(one)) for one in (called != true, called & ~true, ~called & true))
    print(
        f"voice, {name}: {wrong:.2f} % of {len(true)} frames of 10 ms are wrong: {added:.2f} % called voice that "
        f"are none, {missed:.2f} % missed; {100 * float(true.mean()):.1f} % are voice"
    )
    if name not in WITH_TARGET:
        return None
    return Figure(f"frames of 10 ms whose voice is misjudged, {name}", wrong, MOST_WRONG_PERCENT, False, "%")


def _step_figure() -> Figure:
    """Return by how much a click and a flash of the same time lie apart at most, in every container and offset."""
    apart_s = []
    for recording in RECORDINGS:
        with tempfile.TemporaryDirectory() as folder:
            seen_s, av_covered_s = click_and_flash(recording, Path(folder) / f"clip.{recording.suffix}")
        apart_s += [abs(heard - seen) for seen, heard in zip(seen_s, av_covered_s, strict=True)]
    n_containers = len({recording.suffix for recording in RECORDINGS})
    name = f"click and flash apart, most in {len(RECORDINGS)} files, {n_containers} containers"
    return Figure(name, 1000 * max(apart_s), 1000 * CLOSE_S, False, "ms")


if __name__ == "__main__":
    main()
