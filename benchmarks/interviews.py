"""Write generated interviews with their ground truth, to look at and to measure on.

    python -m benchmarks.interviews OUT --n 3 --seconds 60 --seed 1

Writes interview-<seed>.mp4; its ground truth as interview-<seed>.<frames, shots, faces, voices, sounds>.parquet, whose
columns stand in pipeline/core/records/truth.py; and interview-<seed>.png, a frame of every shot with its kind. Prints a
line for each.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.images import encode_png
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.truth import InterviewTruth, write_truth
from pipeline.interview.write import write_interview
from pipeline.video.decode import rgb_frames_at

TILE_WIDTH_PX = 320
SHEET_COLUMNS = 5
LABEL_PX = 18  # height of the strip with a shot's kind


def main(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    n: Annotated[int, typer.Option(help="Number of interviews.")] = 3,
    seconds: Annotated[float, typer.Option(help="Length of each.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of the first; the others follow.")] = 1,
) -> None:
    """Write interviews and print for each its seconds of a core and its numbers of shots."""
    for spec in (InterviewSpec(seed=seed + k, duration_s=seconds) for k in range(n)):
        path = path_of(spec, out)
        started_s = time.process_time()
        truth = write_with_truth(spec, path)
        took_s = time.process_time() - started_s
        path.with_suffix(".png").write_bytes(encode_png(shot_sheet(path, truth)))
        kinds = ", ".join(f"{n_shots} {kind}" for kind, n_shots in sorted(Counter(s.kind for s in truth.shots).items()))
        speaking_s = sum(row.in_step_s for row in truth.voices)
        print(
            f"{path}: drawn in {took_s:.1f} s of one core; somebody seen speaks for {speaking_s:.0f} s; {kinds}",
            flush=True,
        )


def path_of(spec: InterviewSpec, folder: Path) -> Path:
    """Return where an interview is written."""
    return folder / f"interview-{spec.seed:04d}.mp4"


def write_with_truth(spec: InterviewSpec, path: Path) -> InterviewTruth:
    """Write an interview and, after it, its ground truth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    truth = write_interview(spec, path)
    write_truth(truth, path)
    return truth


def shot_sheet(path: Path, truth: InterviewTruth) -> ImageRGB:
    """Return a frame from the middle of every shot with its kind."""
    times = [shot.start_s + (shot.n_frames // 2) * (shot.end_s - shot.start_s) / shot.n_frames for shot in truth.shots]
    tiles = []
    for shot, (_, image) in zip(truth.shots, rgb_frames_at(path, times), strict=True):
        height = round(image.shape[0] * TILE_WIDTH_PX / image.shape[1])
        tile = cv2.resize(image, (TILE_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        text = f"{shot.shot_id} {shot.kind} {shot.start_s:.1f}-{shot.end_s:.1f} s"
        tile[:LABEL_PX] = tile[:LABEL_PX] // 4
        cv2.putText(tile, text, (6, LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % SHEET_COLUMNS)
    rows = [np.concatenate(tiles[k : k + SHEET_COLUMNS], axis=1) for k in range(0, len(tiles), SHEET_COLUMNS)]
    return np.asarray(np.concatenate(rows), np.uint8)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
