"""Measure every data stage on a video of hours and on its first minutes: peak memory, seconds, and what a kill costs.

    python -m benchmarks.speed.long_video [--hours 3] [--minutes 3] [--fps 5] [--seen 60] [--set PARAM=VALUE]

A generated interview of a minute, repeated to three minutes at ``--fps`` pictures a second and black after the first
``--seen`` seconds, is repeated without encoding it again, once for hours and once for minutes. Each video is the only
clip of a checkout, whose stages from sources to dataset run one after another with one worker, as they do in a fresh
run. The peak is that of a stage's processes together. Then one stage, detect, is killed in the middle of the long
video, and runs again.

Exits with 1 when the long video takes more than a fifth more memory than the short one in any stage.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.scale.checkout import set_params
from benchmarks.scale.measure import ROOT, Usage, run
from benchmarks.scale.names import CACHE
from benchmarks.speed.memory import peak_mb, write_looped
from pipeline.audio.extract import joined, of_sound
from pipeline.audio.reading import SoundRange
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.write import write_interview
from pipeline.sources.table import COLUMNS
from pipeline.video.decode import grey_frames
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.probe import probe

DATASET = "film"
STAGES = {name: [name, DATASET] for name in ("sources", "download", "detect", "subjects", "crop")}
STAGES |= {"select": ["select"], "audio": ["audio", DATASET], "recognise": ["recognise", DATASET]}
STAGES |= {"persons": ["persons"], "identify": ["identify", DATASET], "dataset": ["dataset"]}
MOST_GROWTH = 1.2
_TABLE = "clips.csv"
_INTERVIEW_S, _UNIT_S = 60.0, 180.0
_KEY_FRAME_S = 10
_RANGE_S = 30.0
_LOOK_EVERY_S = 0.2


def write_videos(folder: Path, lengths_s: Mapping[str, float], fps: int, seen_s: float) -> dict[str, Path]:
    """Write a video of each length of one interview; return them by name."""
    import ffmpeg

    interview, unit = folder / "interview.mp4", folder / "unit.mp4"
    write_interview(InterviewSpec(seed=7, duration_s=_INTERVIEW_S), interview)
    black = f"drawbox=t=fill:color=black:enable='gte(t,{seen_s})'"
    options = {"r": fps, "vcodec": "libx264", "preset": "veryfast", "g": _KEY_FRAME_S * fps, "vf": black}
    thrice = ffmpeg.input(str(interview), stream_loop=round(_UNIT_S / _INTERVIEW_S) - 1)
    run_ffmpeg(thrice.output(str(unit), acodec="copy", **options))
    paths = {}
    for name, length_s in lengths_s.items():
        paths[name] = folder / f"{name}.mp4"
        write_looped(unit, max(1, round(length_s / _UNIT_S)), paths[name])
    return paths


def make_checkout(folder: Path, video: Path, changes: Sequence[str]) -> None:
    """Write params.yaml, with ``changes``, for one video, and the note that there is no face recognition network."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", folder)
    row = ["talk", "host", str(video.absolute()), "", "", "CC0-1.0"]
    (folder / _TABLE).write_text(f"{','.join(COLUMNS)}\n{','.join(row)}\n")
    source = f"sources.{DATASET}={{kind: table, input: {_TABLE}}}"
    set_params(folder, f"datasets=[{DATASET}]", source, *changes)
    (folder / "manifests").mkdir()
    (folder / "manifests" / "recognition_network.json").write_text(json.dumps({"recognition_network": None}))


def command_of(stage: str) -> list[str]:
    """Return the command of a stage."""
    return [sys.executable, "-m", "stages", *STAGES[stage]]


def print_cost_by_place(video: Path) -> None:
    """Print what half a minute near the start and near the end of a video costs: its pictures, and its sound."""
    duration_s = probe(video).duration_s
    for start_s in (_RANGE_S, duration_s - 2 * _RANGE_S) * 2:
        end_s = start_s + _RANGE_S
        wanted = SoundRange(max_duration_s=_RANGE_S, start_s=start_s, end_s=end_s, has_jumps=False)
        pictures = grey_frames(video, max_side_px=1280, start_s=start_s, end_s=end_s, has_jumps=False)
        before_s = time.process_time()
        n_pictures = sum(1 for _ in pictures)
        between_s = time.process_time()
        of_sound(video, wanted, joined)
        after_s = time.process_time()
        print(
            f"from {start_s:.0f} s: {n_pictures} pictures in {between_s - before_s:.2f} s of a core, "
            f"their sound in {after_s - between_s:.2f} s; peak of this process {peak_mb():.0f} MiB",
            flush=True,
        )


def kill_in_the_middle(folder: Path) -> str:
    """Let detect begin anew, kill it when half of its parts are stored, and return what it says when it runs again."""
    items = folder / CACHE / "items" / "detect"
    n_parts = sum(1 for _ in items.glob("**/item.json"))
    shutil.rmtree(items)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FACEVOX_CACHE": str((folder / CACHE).absolute())}
    process = subprocess.Popen(command_of("detect"), cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None and sum(1 for _ in items.glob("**/item.json")) < n_parts // 2:
        time.sleep(_LOOK_EVERY_S)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = re.search(r"detect@\S+ \d+ items.*", run(command_of("detect"), folder).output)
    return found[0] if found else "detect said nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--fps", type=int, default=5)
    parser.add_argument(
        "--seen", type=float, default=60.0, help="seconds of each three minutes in which faces are seen"
    )
    parser.add_argument("--set", action="append", default=[], metavar="PARAM=VALUE", help="a param of both runs")
    parser.add_argument("--keep", type=Path, help="make everything here, and keep it")
    parser.add_argument("--places", action="store_true", help="measure the cost by place alone, and no stage")
    parser.add_argument("--no-kill", action="store_true", help="leave out the kill")
    arguments = parser.parse_args()
    os.environ["FACEVOX_WORKERS"] = "1"
    with tempfile.TemporaryDirectory(prefix="facevox-long-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        lengths_s = {"short": 60 * arguments.minutes, "long": 3600 * arguments.hours}
        videos = write_videos(folder, lengths_s, arguments.fps, arguments.seen)
        print_cost_by_place(videos["long"])
        if arguments.places:
            return
        used: dict[str, dict[str, Usage]] = {}
        for name, video in videos.items():
            make_checkout(folder / f"{name}-run", video, arguments.set)
            used[name] = {}
            for stage in STAGES:
                used[name][stage] = run(command_of(stage), folder / f"{name}-run")
                one = used[name][stage]
                print(f"{name:<6}{stage:<10}{one.peak_mib:6.0f} MiB {one.cpu_seconds:7.1f} s of a core", flush=True)
        growth = {stage: used["long"][stage].peak_mib / used["short"][stage].peak_mib for stage in STAGES}
        print(", ".join(f"{stage} {share:.2f}" for stage, share in growth.items()))
        if not arguments.no_kill:
            print(f"killed with half of its parts done, and run again: {kill_in_the_middle(folder / 'long-run')}")
    if faults := [stage for stage, share in growth.items() if share > MOST_GROWTH]:
        raise SystemExit(f"more than {MOST_GROWTH} times the memory: {', '.join(faults)}")


if __name__ == "__main__":
    main()
