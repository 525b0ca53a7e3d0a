"""A worker that has started a program, for tests of how both end; prints a line once all three processes run."""

import multiprocessing
import subprocess

from pipeline.engine.stopping import end_with_parent


def work() -> None:
    end_with_parent()
    with subprocess.Popen(["sleep", "1000"]):
        print("started", flush=True)


if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work).start()
