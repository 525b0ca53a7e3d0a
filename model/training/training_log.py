"""The log of a training: DVCLive's folder of losses, and sample pictures beside them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.images import encode_png
from pipeline.core.storage.atomic import replacing

PICTURES = "pictures"


class TrainingLog(Protocol):
    """Writes what a training reports."""

    def losses(self, step: int, means: Mapping[str, float]) -> None:
        """Add a point to the curve of each loss, by name."""

    def picture(self, step: int, picture: ImageRGB) -> None:
        """Add a sample picture."""


@contextmanager
def training_log(
    folder: Path | None,
    persistent_folder: Path | None,
    first_step: int,
    reports: Sequence[tuple[int, Mapping[str, float]]],
) -> Iterator[TrainingLog]:
    """Write to ``folder``: ``metrics.json``, ``plots/metrics/<loss>.tsv``, ``pictures/<step>.png``; None: nowhere.

    What the first ``first_step`` steps logged is written first: ``reports``, and the pictures in ``persistent_folder``,
    which outlives ``folder`` and gets the new pictures, too.
    """
    if folder is None:
        yield _NoLog()
        return
    from dvclive.live import Live

    if persistent_folder is not None:
        _restore_pictures(persistent_folder / PICTURES, folder / PICTURES, first_step)
    with Live(dir=str(folder), dvcyaml=None, save_dvc_exp=False) as live:
        log = _LiveLog(live, [parent / PICTURES for parent in (persistent_folder, folder) if parent])
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


def _restore_pictures(persistent: Path, pictures: Path, first_step: int) -> None:
    pictures.mkdir(parents=True, exist_ok=True)
    for path in sorted(persistent.glob("*.png")):
        if int(path.stem) <= first_step:
            shutil.copyfile(path, pictures / path.name)
