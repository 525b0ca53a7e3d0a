"""Where a training runs, and what it writes beside its result: nothing of it decides what is learnt."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.training.distributed import TrainingProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingContext:
    """By default one process on the CPU that keeps no checkpoints and writes no files.

    ``checkpoint_root`` is the folder of the checkpoints of all trainings, from which an interrupted one resumes.
    ``log_folder`` gets DVCLive's files and sample pictures. ``log`` takes lines of text, of the main process only.
    """

    process: TrainingProcess = TrainingProcess()
    checkpoint_root: Path | None = None
    log_folder: Path | None = None
    log: Callable[[str], None] = print

    def log_on_main(self, line: str) -> None:
        """Log a line if this is the main process."""
        if self.process.is_main:
            self.log(line)
