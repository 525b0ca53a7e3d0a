"""Run a command, `dvc repro` by default, and print how many seconds each of its stages took.

    python -m benchmarks.stage_seconds [dvc repro -f evaluate]

A stage takes the time from its line "Running stage" to the next one, so DVC's own time for it is counted too; what
passes before the first such line, DVC's reading of the pipeline and of the stages that are up to date, is "before".
"""

import re
import shutil
import subprocess
import sys
import time

STARTS = re.compile(r"^Running stage '(.+)':|^Stage '(.+)' is cached")


def seconds_by_stage(command: list[str]) -> tuple[dict[str, float], int]:
    """Return the seconds of each stage in the order of the run, and the command's exit status."""
    seconds: dict[str, float] = {}
    stage, since = "before", time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := STARTS.match(line):
                now = time.perf_counter()
                seconds[stage] = seconds.get(stage, 0.0) + now - since
                stage, since = found[1] or found[2], now
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - since
    return seconds, process.returncode


def main() -> None:
    """Print the seconds of each stage and their sum, after the command's own output."""
    command = sys.argv[1:] or ["dvc", "repro"]
    if not shutil.which(command[0]):
        raise SystemExit(f"{command[0]}: no such program: expected a command to run, such as 'dvc repro'")
    seconds, status = seconds_by_stage(command)
    for stage, value in seconds.items():
        print(f"{stage:<30}{value:8.1f} s")
    print(f"{'all':<30}{sum(seconds.values()):8.1f} s")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
