"""How a run ends before its end: by Ctrl-C or a signal, or because the process that started it is gone.

Nothing that was started stays behind: a stage ends its descendants, and what a killed process can't end ends by itself,
since each watches the process above it. Processes are found and watched through /proc and pidfds, which Linux has;
elsewhere only the signals are handled.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

DVC_STAGE = "DVC_STAGE"
"""Set by DVC for the commands of its stages."""

_SHELLS = frozenset({"sh", "dash", "bash", "zsh", "fish", "ksh", "ash", "busybox"})
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 8.0  # for finally blocks; what hangs in one, or in native code, is ended after it
_SAME_SIGNAL_S = 1.0  # a signal to the group, and the end of dvc by the same signal, come together
_LOOK_EVERY_S = 1.0
_KILL_ROUNDS, _KILL_ROUND_S = 100, 0.01

_HOW_TO_GO_ON = "Everything finished is kept: run the same command to go on from it."


class Stopped(BaseException):
    """Raised in the main thread by a signal; no ``except Exception`` stops it, and finally blocks tidy up."""

    def __init__(self, cause: str, number: int) -> None:
        super().__init__(_sentence(cause))
        self.exit_code = 128 + number
        """As shells count: 130 after Ctrl-C, 143 after SIGTERM."""


class _Stop:
    """What this process knows of its being stopped."""

    first_s: float | None = None
    cause: str | None = None
    is_said = threading.Lock()
    """Taken, and never released, by the one who says why."""


_CAUSES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "the terminal was closed"}


def stop_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise Stopped in the main thread; signals that are ignored stay so (``nohup``).

    A second signal, more than a second later, ends this process and its descendants at once, and so do eight seconds
    without an end, also in native code, which Python does not interrupt.
    """
    owner = os.getpid()
    arrived, arrives = os.pipe()
    os.set_blocking(arrives, False)
    signal.set_wakeup_fd(arrives, warn_on_full_buffer=False)
    _start_thread(_end_after_grace, arrived)

    def stop(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:  # a forked process: not the one that tidies up
            os._exit(128 + number)
        now = time.monotonic()
        if _Stop.first_s is None:
            _Stop.first_s = now
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch raises an error for each of its workers that ends
            raise Stopped(_Stop.cause or _CAUSES[signal.Signals(number)], number)
        if now - _Stop.first_s > _SAME_SIGNAL_S:
            _end_now(number)

    for number in _CAUSES:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)


def exit_stopped(stopped: Stopped) -> NoReturn:
    """Leave no process behind, say why, and exit at once: an orderly exit of Python takes torch some seconds."""
    end_descendants()
    stopped.__traceback__ = stopped.__context__ = None  # frees the frames: finally blocks of generators in them run
    with suppress(OSError):  # who read it may be gone
        sys.stdout.flush()
    _say_once(str(stopped))
    os._exit(stopped.exit_code)


def adopt_orphans() -> None:
    """Make descendants whose parent was killed children of this process, so that ``end_descendants`` finds them."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> None:
    """Kill all processes that this one started, directly or not; parents before their children."""
    for _ in range(_KILL_ROUNDS):  # one may start another while it is killed
        pids = list(_descendants(os.getpid()))
        if not pids:
            return
        for pid in pids:
            _kill(pid)
        time.sleep(_KILL_ROUND_S)


def has_descendants() -> bool:
    """Whether a process that this one started, directly or not, has not ended."""
    return next(_descendants(os.getpid()), None) is not None


def stop_with_dvc() -> None:
    """Where DVC started this process, stop it as by SIGTERM when that DVC is gone, even by SIGKILL."""
    if DVC_STAGE not in os.environ or sys.platform != "linux":
        return
    dvc = _starter()
    if dvc is None:
        _stop_for_lack_of_dvc()
    else:
        _start_thread(_watch, dvc, _stop_for_lack_of_dvc)


def end_with_parent() -> None:
    """End this worker, and the programs it started, at once when the process that started it is gone.

    Called first in a worker. It gets a process group of its own, so that Ctrl-C in a terminal reaches the parent alone:
    a program that it ends in the middle of an item is no failure of that item. SIGTERM ends it at once, also in native
    code.
    """
    import multiprocessing

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    started_by = multiprocessing.parent_process()
    parent = os.getppid() if started_by is None or started_by.pid is None else started_by.pid
    if os.getpid() != os.getsid(0):
        os.setpgid(0, 0)
    _start_thread(_watch, parent, _end_group)
    if os.getppid() != parent:
        _end_group()


def _stop_for_lack_of_dvc() -> None:
    if _Stop.first_s is None:
        _Stop.cause = "the dvc that ran this stage is gone"
        os.kill(os.getpid(), signal.SIGTERM)


def _end_group() -> NoReturn:
    os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _end_after_grace(arrived: int) -> NoReturn:
    """Wait for the first of the signals, whose numbers come as bytes, then for the grace."""
    while (number := os.read(arrived, 1)[0]) not in _CAUSES:
        pass
    time.sleep(_GRACE_S)
    _end_now(number)


def _end_now(number: int) -> NoReturn:
    end_descendants()
    _say_once(_sentence(_Stop.cause or _CAUSES[signal.Signals(number)]))
    os._exit(128 + number)


def _sentence(cause: str) -> str:
    return f"Stopped: {cause}. {_HOW_TO_GO_ON}"


def _say_once(sentence: str) -> None:
    """Write to standard error, past Python's buffer, which the interrupted code may be writing to."""
    if _Stop.is_said.acquire(blocking=False):
        with suppress(OSError):
            os.write(2, f"{sentence}\n".encode())


def _start_thread(function: Callable[..., object], *args: object) -> None:
    threading.Thread(target=function, args=args, daemon=True).start()


def _watch(pid: int, then: Callable[[], object]) -> None:
    _wait_for_end_of(pid)
    then()


def _wait_for_end_of(pid: int) -> None:
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # not Linux, or an old one
        while _exists(pid):
            time.sleep(_LOOK_EVERY_S)
        return
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    poll.poll()
    os.close(watched)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _starter() -> int | None:
    """Return the nearest ancestor that is no shell between; None where it is gone and init took its place."""
    pid = os.getppid()
    while pid > 1 and _name_of(pid) in _SHELLS:
        pid = _parent_of(pid)
    if pid > 1 or (pid == 1 and _is_python(1)):
        return pid
    return None


def _is_python(pid: int) -> bool:
    return any(word in _read(pid, "cmdline") for word in (b"python", b"dvc"))


def _name_of(pid: int) -> str:
    return _read(pid, "comm").decode("utf-8", "replace").strip()


def _parent_of(pid: int) -> int:
    fields = _stat_of(pid)
    return int(fields[1]) if fields else 0


def _has_ended(pid: int) -> bool:
    """Whether ``pid`` is gone, or a zombie: killed, and not yet waited for."""
    return _stat_of(pid)[:1] in ([], [b"Z"])


def _stat_of(pid: int) -> list[bytes]:
    """Return state, parent and so on; 'pid (name)' stands before them, and the name may contain brackets."""
    return _read(pid, "stat").rpartition(b")")[2].split()


def _read(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


def _descendants(pid: int) -> Iterator[int]:
    """Yield the descendants of ``pid`` that have not ended, each before its own."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        children.setdefault(_parent_of(int(folder.name)), []).append(int(folder.name))
    todo = children.get(pid, [])
    while todo:
        one = todo.pop(0)
        if not _has_ended(one):
            yield one
        todo += children.get(one, [])


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
