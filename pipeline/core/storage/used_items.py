"""Which stored results a checkout uses, so that all others can be removed, and which are in use by a running process.

``<root>/.used/<sha256 of the checkout's path>/<step>/<run>.txt`` has the keys that the last such run used, one a line.
Its first line is ``# params <sha256>``, of the sections of params.yaml that decide the run's results. ``root`` is the
folder of the item store, or that of the trainings, where a step is a stage and a key a folder's name.
"""

import errno
import fcntl
import functools
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.base.errors import BadParams
from pipeline.core.base.params import PARAMS_FILE, read_section
from pipeline.core.storage.atomic import remove_folder, replacing, write_text

USED = ".used"
_CHECKOUT_FILE = "checkout.txt"
_PARAMS_LINE = "# params "
_DVC_FILE = Path("dvc.yaml")
_OF_DATASET = ("${key}", "${item.ds}")  # where dvc.yaml has the name of the dataset
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}


def record_used(root: Path, step: str, checkout: Path, run: str, keys: Iterable[str]) -> None:
    """Record that in ``checkout`` the last ``run`` of ``step`` used ``keys``, and no longer those recorded before.

    ``run`` tells runs of a step apart whose results are all needed: ``<stage>`` or ``<stage>@<dataset>``. In a store
    that this user can't write to, and so can't remove from, nothing is recorded.
    """
    folder = _folder_of(root, checkout)
    try:
        if not (folder / _CHECKOUT_FILE).is_file():
            write_text(folder / _CHECKOUT_FILE, f"{checkout.resolve()}\n")
        with (
            replacing(folder / step / f"{run}.txt") as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as file,
        ):
            file.write(f"{_PARAMS_LINE}{_params_hash(checkout, run)}\n")
            file.writelines(f"{key}\n" for key in keys)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise


def used_keys(
    root: Path, step: str, checkouts: Collection[Path], is_current: Callable[[Path, str], bool] = lambda *_: True
) -> set[str]:
    """Return the keys of ``step`` that the last runs in any of ``checkouts`` used.

    ``is_current``: whether a run of that name, in that checkout, is still one of its pipeline.
    """
    keys: set[str] = set()
    for checkout in checkouts:
        for path in sorted((_folder_of(root, checkout) / step).glob("*.txt")):
            if is_current(checkout, path.stem):
                with path.open(encoding="utf-8") as lines:
                    keys.update(line.rstrip("\n") for line in lines if not line.startswith(_PARAMS_LINE))
    return keys


def runs_in(root: Path, checkout: Path) -> list[str]:
    """Return the names of the runs that ``checkout`` has recorded, in order."""
    return sorted({path.stem for path in _folder_of(root, checkout).glob("*/*.txt")})


def runs_with_other_params(root: Path, checkout: Path) -> list[str]:
    """Return the names of the runs recorded of ``checkout`` that its params.yaml no longer describes, in order.

    Of a stage, that is, not of what several stages share. DVC may have put the results of other runs in their place.
    """
    changed = []
    for path in _folder_of(root, checkout).glob("*/*.txt"):
        if path.parent.name == path.stem.partition("@")[0]:
            with path.open(encoding="utf-8") as lines:
                if next(lines, "") != f"{_PARAMS_LINE}{_params_hash(checkout, path.stem)}\n":
                    changed.append(path.stem)
    return sorted(changed)


def forget_missing_checkouts(root: Path) -> None:
    """Remove what was recorded of checkouts that no longer exist, such as copies that ``dvc exp run --temp`` made."""
    for path in (root / USED).glob(f"*/{_CHECKOUT_FILE}"):
        try:
            Path(path.read_text(encoding="utf-8").strip()).stat()
        except (FileNotFoundError, NotADirectoryError):
            remove_folder(path.parent)
        except OSError:  # there may be one that this user can't see
            continue


def checkouts_of(root: Path) -> list[Path]:
    """Return all checkouts that have recorded a run, in order; some may no longer exist."""
    return sorted(Path(path.read_text(encoding="utf-8").strip()) for path in (root / USED).glob(f"*/{_CHECKOUT_FILE}"))


@functools.cache
def hold_in_use(folder: Path) -> None:
    """Keep what is in ``folder`` from being removed as unused for as long as this process lives.

    A step's folder of the item store, or a training's. Waits while unused results are being removed there.
    """
    while True:
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # removed in between
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if _is_at(descriptor, folder):
            return  # not closed: the system releases the lock when the process ends, however it ends
        os.close(descriptor)  # it was removed, and the lock is on what was there


@contextmanager
def unused(folder: Path) -> Iterator[bool]:
    """Yield whether no other process holds ``folder`` in use; while the block runs, none can begin to.

    One that does not exist is in use by none.
    """
    if not folder.is_dir():
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield _is_at(descriptor, folder)  # otherwise another process has removed it, and it may be there anew
    finally:
        os.close(descriptor)


def _folder_of(root: Path, checkout: Path) -> Path:
    return root / USED / hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()


def _is_at(descriptor: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def _params_hash(checkout: Path, run: str) -> str:
    """Return the hash of the sections of params.yaml that decide what ``run`` uses; one that is missing is null."""
    content = {section: _section(checkout, section) for section in sorted(_sections_of(checkout, run))}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _section(checkout: Path, section: str) -> Any:
    try:
        return read_section(section, checkout / PARAMS_FILE)
    except BadParams:
        return None


def _sections_of(checkout: Path, run: str) -> set[str]:
    """Return the sections named in dvc.yaml for the run's stage and all stages before it; without one, the stage's.

    Those before it decide its inputs, and so its keys.
    """
    stage, _, dataset = run.partition("@")
    sections, todo, done = {stage}, [stage], set()
    try:
        text = (checkout / _DVC_FILE).read_text(encoding="utf-8")
    except OSError:
        return sections
    for name in _OF_DATASET:
        text = text.replace(name, dataset or "*")
    stages = {name: one.get("do", one) for name, one in yaml.safe_load(text)["stages"].items()}
    while todo:
        if (name := todo.pop()) in done or name not in stages:
            continue
        done.add(name)
        sections.update(str(section).removesuffix(".*") for section in stages[name].get("params", ()))
        todo += [before for before, one in stages.items() if _is_before(one, stages[name])]
    return sections


def _is_before(stage: dict[str, Any], later: dict[str, Any]) -> bool:
    """Return whether ``later`` reads what ``stage`` writes: a file or folder of it, or in it."""
    outs = [f"{path}/" for one in stage.get("outs", ()) for path in ([one] if isinstance(one, str) else one)]
    deps = [f"{path}/" for path in later.get("deps", ())]
    return any(out.startswith(dep) or dep.startswith(out) for out in outs for dep in deps)
