"""Measure what the step subjects costs beside detect: CPU seconds of both, clip by clip, in one process.

``python -m benchmarks.speed.subjects FOLDER...`` measures it on montages of the clips in folders
(benchmarks/accuracy/montages.py), ``make bench`` on a generated interview. Faces and voices are embedded by the
networks of params.yaml.
"""

import os
import tempfile
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
from pipeline.identity.subjects.embedding import ClipEmbedder, read_tracked_clips
from pipeline.identity.subjects.settings import SubjectsParams
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
    voices = VoiceEmbedder(VoiceNetwork(find_weights(params.voices)), params.voices)
    detect = load_params(DetectParams, "detect")
    observe = Observer(detect)
    embed = ClipEmbedder(detect.backend, named_recogniser(recognise.network, threads=1), voices)
    items = list(read_tracked_clips(DATASET, params, at, params.voice_s))
    observe(items[0].clip, _NO_FOLDER), embed(items[0], _NO_FOLDER)  # load the models, as a worker does once
    detect_s = subjects_s = 0.0
    for item in items:
        detect_s += cpu_seconds(partial(observe, item.clip, _NO_FOLDER))
        subjects_s += cpu_seconds(partial(embed, item, _NO_FOLDER))
    n_faces, n_stretches = sum(len(one.frames) for one in items), sum(len(one.stretches_s) for one in items)
    print(
        f"  subjects beside detect              {100 * subjects_s / detect_s:7.1f} %: {subjects_s:.1f} beside "
        f"{detect_s:.1f} CPU seconds, {n_faces} faces and {n_stretches} stretches of {len(items)} clips"
    )


if __name__ == "__main__":
    main()
