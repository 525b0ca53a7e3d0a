"""Mend the files of DVC that a killed dvc leaves half written, and on which every later ``dvc repro`` would end.

DVC writes ``.dvc/tmp/rwlock`` and ``dvc.lock`` in place. Cut off, both stop DVC before it runs any stage. Its temporary
files among the results are removed. Its other files need nothing: those of the cache are renamed into place, and the
databases undo what was not finished.
"""

import fcntl
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pipeline.core.storage.atomic import write_text

_LOCK, _RWLOCK, _RWLOCK_GUARD = "lock", "rwlock", "rwlock.lock"
_RWLOCK_KEYS = {"read", "write"}
_FIRST_LINE = "schema: '2.0'\n"
_LAST_LINE = re.compile(r"\s+(size|nfiles): \d+\n\Z")
_STAGE_LINE = re.compile(r"(?m)^  \S")
_STAGE_KEYS = {"cmd", "deps", "params", "outs"}
# DVC names a temporary file by 16 random bytes, in the folder of what it links or copies there.
_TEMPORARY = re.compile(r"\.[\w-]{22}\.tmp", re.ASCII)
_FOLDERS_OF_OUTS = ("data", "data/*", "manifests/**")


def mend_dvc_files(root: Path) -> list[str]:
    """Mend what a killed dvc left in the checkout ``root``; return a sentence for each file that was mended.

    Does nothing while a dvc is at work there, and in a folder that is no checkout of DVC.
    """
    temporary = root / ".dvc" / "tmp"
    if not temporary.is_dir() or not os.access(temporary, os.W_OK) or _uses_other_locks(root):
        return []
    mended: list[str] = []
    with _held(temporary / _LOCK) as is_idle:
        if is_idle and _is_cut_off(root / "dvc.lock"):
            mended.append(_mend_lock_file(root / "dvc.lock"))
        if is_idle:
            _remove_temporaries(root)
    with _held(temporary / _LOCK, temporary / _RWLOCK_GUARD) as is_idle:
        if is_idle and (fault := _fault_of(temporary / _RWLOCK)):
            (temporary / _RWLOCK).unlink()
            mended.append(f"{temporary / _RWLOCK}: {fault}; removed, DVC makes it anew.")
    return [one for one in mended if one]


def _uses_other_locks(root: Path) -> bool:
    """Whether DVC is set to lock by hard links, whose holders can't be told from dead ones."""
    files = (root / ".dvc" / name for name in ("config", "config.local"))
    return any("hardlink_lock" in file.read_text(encoding="utf-8", errors="replace") for file in files if file.exists())


@contextmanager
def _held(*paths: Path) -> Iterator[bool]:
    """Hold DVC's own locks if nobody else does; yield whether they are held."""
    with ExitStack() as stack:
        try:
            for path in paths:
                file = stack.enter_context(path.open("a"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _remove_temporaries(root: Path) -> None:
    for folder in (root, *(one for pattern in _FOLDERS_OF_OUTS for one in root.glob(pattern) if one.is_dir())):
        for path in folder.glob(".*.tmp"):
            if _TEMPORARY.fullmatch(path.name) and not path.is_dir():
                path.unlink(missing_ok=True)


def _fault_of(path: Path) -> str:
    """Return why DVC can't go on with ``path``, empty when it can.

    DVC itself forgets a process whose id is free. It waits for ever for a zombie, and for another process that was
    given the id since, as in a container, where ids are small.
    """
    try:
        text, changed_s = path.read_text(encoding="utf-8"), path.stat().st_mtime
        pids = _pids_of(json.loads(text))
    except FileNotFoundError:
        return ""
    except (ValueError, TypeError, KeyError, AttributeError):
        return "cut off by a kill"
    if pids and not any(_holds(pid, changed_s) for pid in pids):
        return "names only processes that have ended"
    return ""


def _pids_of(rwlock: Any) -> set[int]:
    """Return the ids in ``rwlock``; raises as the values do where it does not have DVC's form."""
    if not rwlock.keys() <= _RWLOCK_KEYS:
        raise ValueError
    infos = [*rwlock.get("write", {}).values()]
    for readers in rwlock.get("read", {}).values():
        infos += readers
    return {_pid_of(info) for info in infos}


def _pid_of(info: dict[str, Any]) -> int:
    if not isinstance(info["pid"], int) or not isinstance(info["cmd"], str):
        raise TypeError
    return info["pid"]


def _holds(pid: int, changed_s: float) -> bool:
    """Whether the process ``pid`` can have written itself into a file that was last written at ``changed_s``."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return True  # no Linux, where it can't be told
    if fields[0] == "Z":
        return False
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - age_s <= changed_s + 1.0  # the kernel's ticks are 10 ms, a file's time may be coarser


def _is_cut_off(path: Path) -> bool:
    """Whether ``path`` ends as DVC never ends it; only in doubt is it read as a whole."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 200))
            end = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return False
    if _LAST_LINE.search(end):
        return False
    return not end.endswith("\n") or not _is_whole(path.read_text(encoding="utf-8", errors="replace"))


def _is_whole(text: str) -> bool:
    import yaml

    try:
        content = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return False
    if not isinstance(content, dict) or content.get("schema") != "2.0":
        return False
    stages = content.get("stages", {})
    return isinstance(stages, dict) and all(map(_is_whole_stage, stages.values()))


def _is_whole_stage(stage: Any) -> bool:
    return (
        isinstance(stage, dict) and "cmd" in stage and all(stage.get(key, True) for key in stage.keys() & _STAGE_KEYS)
    )


def _mend_lock_file(path: Path) -> str:
    """Leave out the last stage of ``path``; return what was done, nothing where that does not help.

    DVC takes the results of stages that the file lacks from its cache of runs, or runs them again, which computes
    nothing that is in the store. A file that is damaged elsewhere, as by a merge, is left to its owner.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if not (text.startswith(_FIRST_LINE) or _FIRST_LINE.startswith(text)):
        return ""
    starts = [found.start() for found in _STAGE_LINE.finditer(text)]
    if len(starts) <= 1:
        path.unlink()
        return f"{path}: cut off by a kill within its first stage; removed, DVC makes it anew."
    if not _is_whole(text[: starts[-1]]):
        return ""
    write_text(path, text[: starts[-1]])
    name = text[starts[-1] :].split(":")[0].strip()
    return f"{path}: cut off by a kill at stage '{name}', which was left out; DVC finds its result again."


def main() -> None:
    """Mend the checkout in the working directory; ``./facevox dvc ...`` does so before it starts dvc."""
    for sentence in mend_dvc_files(Path()):
        print(sentence, file=sys.stderr)


if __name__ == "__main__":
    main()
