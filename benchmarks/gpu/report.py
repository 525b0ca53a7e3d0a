"""What was measured so far: printed at once, and rewritten as JSON after each figure, so that a cut-off run has it."""

import json
import platform
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

Figures = dict[str, Any]
"""Figures by name, as JSON has them: numbers, texts, lists and further figures."""


class Report:
    """The sections of a run, each with what it measured, how long it took, and whether it ended well."""

    def __init__(self, out: Path | None, device: torch.device) -> None:
        self._out, self._started = out, time.monotonic()
        self.content: Figures = {"machine": _machine(device), "sections": {}, "seconds": 0.0}
        self._section: Figures = {}

    def run(self, name: str, work: Callable[["Report"], None]) -> None:
        """Run a section; whatever it raises is noted, and the next one can run."""
        started = time.monotonic()
        self._section = {"ok": False, "error": None, "seconds": 0.0}
        self.sections[name] = self._section
        self.line(f"\n{name}")
        try:
            work(self)
            self._section["ok"] = self._section["error"] is None
        except Exception as error:  # one section must not lose the others' figures
            self.fail(f"{type(error).__name__}: {error}")
            self._section["traceback"] = traceback.format_exc()
            traceback.print_exc()
        self._section["seconds"] = round(time.monotonic() - started, 1)
        self.write()
        outcome = "ok" if self._section["ok"] else f"FAILED: {self._section['error']}"
        self.line(f"  {name}: {outcome}, {self._section['seconds']} s")

    def add(self, name: str, figures: Any, line: str | None = None) -> None:
        """Add figures to the section, print a line on them, and write the JSON."""
        self._section[name] = figures
        if line is not None:
            self.line(f"  {line}")
        self.write()

    def fail(self, reason: str) -> None:
        """Note that the section did not show what it should."""
        self._section["error"] = reason if self._section["error"] is None else f"{self._section['error']}; {reason}"

    def line(self, text: str) -> None:
        """Print a line at once."""
        print(text, flush=True)

    def write(self) -> None:
        """Write the JSON, if there is a file for it."""
        self.content["seconds"] = round(self.elapsed_s, 1)
        if self._out is not None:
            self._out.write_text(json.dumps(self.content, indent=2) + "\n", encoding="utf-8")

    @property
    def sections(self) -> dict[str, Figures]:
        """The figures of each section so far."""
        sections: dict[str, Figures] = self.content["sections"]
        return sections

    @property
    def elapsed_s(self) -> float:
        """Seconds since the report was made."""
        return time.monotonic() - self._started

    @property
    def is_ok(self) -> bool:
        """Whether all sections ended well."""
        return all(section["ok"] for section in self.sections.values())


def _machine(device: torch.device) -> Figures:
    machine: Figures = {
        "device": device.type,
        "processor_cores": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        machine |= {
            "gpu": torch.cuda.get_device_name(device),
            "gpu_memory_gb": round(properties.total_memory / 1e9, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return machine
