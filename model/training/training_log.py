"""What people and DVC see of a training: DVCLive's folder of losses, and pictures beside them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pipeline.base.arrays import ImageRGB
from pipeline.base.images import encode_png
from pipeline.storage.atomic import replacing

PICTURES = "pictures"


class TrainingLog(Protocol):
    """Takes down what a training reports."""

    def losses(self, step: int, means: Mapping[str, float]) -> None:
        """Add a point to the curve of each loss."""

    def picture(self, step: int, picture: ImageRGB) -> None:
        """Add a picture."""


@contextmanager
def training_log(
    folder: Path | None, kept: Path | None, first_step: int, reports: Sequence[tuple[int, Mapping[str, float]]]
) -> Iterator[TrainingLog]:
    """Write to ``folder``: ``metrics.json``, ``plots/metrics/<loss>.tsv``, ``pictures/<step>.png``; None: nowhere.

    What the ``first_step`` steps before have told is written first: ``reports``, and the pictures in ``kept``, a
    folder that outlives the other, to which new ones go as well.
    """
    if folder is None:
        yield _NoLog()
        return
    from dvclive.live import Live

    if kept is not None:
        _bring_back(kept / PICTURES, folder / PICTURES, first_step)
    with Live(dir=str(folder), dvcyaml=None, save_dvc_exp=False) as live:
        log = _LiveLog(live, [place / PICTURES for place in (kept, folder) if place])
        for step, means in reports:
            log.losses(step, means)
        yield log


class _LiveLog:
    def __init__(self, live: Any, picture_folders: list[Path]) -> None:
        self._live, self._picture_folders = live, picture_folders

    def losses(self, step: int, means: Mapping[str, float]) -> None:
        self._live.step = step
        for name, mean in means.items():
            self._live.log_metric(name, mean)
        self._live.make_summary()

    def picture(self, step: int, picture: ImageRGB) -> None:
        data = encode_png(picture)
        for folder in self._picture_folders:
            with replacing(folder / f"{step:09d}.png") as temporary:
                temporary.write_bytes(data)


class _NoLog:
    def losses(self, step: int, means: Mapping[str, float]) -> None:
        pass

    def picture(self, step: int, picture: ImageRGB) -> None:
        pass


def _bring_back(kept: Path, pictures: Path, first_step: int) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    for path in sorted(kept.glob("*.png")):
        if int(path.stem) <= first_step:
            shutil.copyfile(path, pictures / path.name)
