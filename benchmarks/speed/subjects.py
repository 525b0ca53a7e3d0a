"""Measure what the step subjects costs beside detect: CPU seconds of both, clip by clip, in one process.

``python -m benchmarks.speed.subjects FOLDER...`` measures it on montages of the clips in folders
(benchmarks/accuracy/montages.py), ``make bench`` on a generated interview. Faces and voices are embedded, overlap and
music found by the networks of params.yaml; then once more without overlap and music.
"""

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.accuracy.figures import list_folder, write_params
from benchmarks.accuracy.turns import montage_parser, write_montages
from benchmarks.timing import cpu_seconds
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.face.tracking.settings import DetectParams
from pipeline.identity.network.recogniser import named_recogniser
from pipeline.identity.network.subject_embedding import RecogniseParams
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.identity.sound.event_network import EventNetwork
from pipeline.identity.sound.overlap_network import OverlapNetwork
from pipeline.identity.subjects.embedding import ClipEmbedder, read_tracked_clips
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.sound import SoundNetworks
from pipeline.identity.subjects.voices import VoiceEmbedder
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.write import write_interview
from pipeline.speaker.observe import Observer
from pipeline.weights.fetch import find_weights
from stages.__main__ import run_stage

DATASET = "videos"
DURATION_S = 60.0
_NO_FOLDER = Path()  # neither step writes files


def main() -> None:
    """Measure on montages of the clips in folders."""
    options = montage_parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as work:
        at = options.at or Path(work)
        write_montages(options.folders, at / "montages", options.seconds, options.seed)
        _measure(at / "montages", Layout(at))


def measure_subjects(folder: Path) -> None:
    """Print the figures of a generated interview, written into ``folder``."""
    videos = folder / "interviews"
    videos.mkdir()
    write_interview(InterviewSpec(seed=1, duration_s=DURATION_S), videos / "interview.mp4")
    print(f"\na generated interview of {DURATION_S:.0f} s")
    _measure(videos, Layout(folder))


def _measure(videos: Path, at: Layout) -> None:
    write_params(at, DATASET)
    list_folder(at, DATASET, videos)
    for stage in ("download", "detect"):
        run_stage(stage, DATASET, at)
    params, recognise = load_params(SubjectsParams, "subjects"), load_params(RecogniseParams, "recognise")
    assert params.voices is not None and recognise.network is not None
    assert params.overlap is not None and params.music is not None
    voices = VoiceEmbedder(VoiceNetwork(find_weights(params.voices)), params.voices)
    sounds = SoundNetworks(OverlapNetwork(find_weights(params.overlap)), EventNetwork(find_weights(params.music)))
    detect = load_params(DetectParams, "detect")
    faces = named_recogniser(recognise.network, threads=1)
    steps: dict[str, Callable[..., object]] = {
        "detect": Observer(detect),
        "subjects": ClipEmbedder(faces, voices, sounds),
        "without overlap and music": ClipEmbedder(faces, voices),
    }
    items = list(read_tracked_clips(DATASET, params, at, params.voice_s, all_sound=True))
    seconds = dict.fromkeys(steps, 0.0)
    for number, item in enumerate([items[0], *items]):
        for name, step in steps.items():
            took_s = cpu_seconds(partial(step, item.clip if name == "detect" else item, _NO_FOLDER))
            seconds[name] += took_s if number else 0.0  # the first time loads the models, as a worker does once
    n_faces = sum(len(one.faces) for one in items)
    n_stretches = sum(len(parts_s) for one in items for parts_s in one.shots)
    counts = f"{n_faces} faces kept, {n_stretches} stretches, {len(items)} clips"
    print(f"  detect {seconds['detect']:.1f} CPU seconds; {counts}")
    for name in [*steps][1:]:
        print(f"  {name:34} {100 * seconds[name] / seconds['detect']:7.1f} % of it: {seconds[name]:.1f} CPU seconds")


if __name__ == "__main__":
    main()
