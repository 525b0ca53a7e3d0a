"""Where a training runs, and what it writes beside its result: nothing of it decides what is learnt."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from model.training.distributed import TrainingProcess

MIN_CHECKPOINT_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingContext:
    """The processes, folders and log of a training; by default one process on the CPU without checkpoints and files.

    ``checkpoint_root`` is the folder of the checkpoints of all trainings, from which an interrupted one resumes;
    those that the run in ``checkout`` used are recorded there, and added to ``trainings``.
    ``log_folder`` gets DVCLive's files and sample pictures. ``log_on_main`` passes lines of the main process to
    ``log``.
    """

    process: TrainingProcess = TrainingProcess()
    checkpoint_root: Path | None = None
    checkout: Path | None = None
    trainings: list[str] = field(default_factory=list)
    checkpoint_every: int | None = None
    log_folder: Path | None = None
    log: Callable[[str], None] = print

    def steps_between_checkpoints(self, steps: int) -> int:
        """Return how many steps of a training of ``steps`` lie between two checkpoints."""
        return self.checkpoint_every or max(MIN_CHECKPOINT_STEPS, steps // 100)

    def log_on_main(self, line: str) -> None:
        """Log a line if this is the main process."""
        if self.process.is_main:
            self.log(line)
