"""Names of files and keys from ids: never a path, and never one name for two ids."""

import hashlib
import re
from collections.abc import Iterable

from pipeline.core.base.errors import BadInput

MAX_NAME_LENGTH = 80
_HASH_LENGTH = 16
# A leading hyphen would be read as an option.
_ESCAPED = re.compile(rb"^-|[^A-Za-z0-9_-]")
# Device names on Windows, whatever suffix follows.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def safe_name(text: str) -> str:
    """Return a name for ``text``: 1-80 of A-Z a-z 0-9 _ - =, the first no hyphen.

    Each byte of any other character becomes ``=`` and two hexadecimal digits, no text becomes ``=``, and what would be
    longer is cut and ends with ``=x`` and 16 digits of the text's hash: two texts never share a name.
    """
    content = text.encode("utf-8", "surrogatepass")
    name = _ESCAPED.sub(lambda found: _escape(found[0]), content).decode("ascii") or "="
    if _DEVICES.fullmatch(name):
        return _escape(content[:1]).decode("ascii") + name[1:]
    if len(name) <= MAX_NAME_LENGTH:
        return name
    digest = hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]
    return f"{name[: MAX_NAME_LENGTH - _HASH_LENGTH - 2]}=x{digest}"


def folder_names(ids: Iterable[str]) -> dict[str, str]:
    """Return the folder name of each id.

    Raises BadInput when two names differ in case only: on many disks both would be one folder.
    """
    names = {one: safe_name(one) for one in sorted(set(ids))}
    id_of: dict[str, str] = {}
    for one, name in names.items():
        other = id_of.setdefault(name.lower(), one)
        if other != one:
            raise BadInput(
                f"'{other}' and '{one}' would share a folder on disks that ignore case:"
                " merge or rename them in manifests/review/persons.csv and run 'dvc repro'."
            )
    return names


def _escape(content: bytes) -> bytes:
    return b"".join(b"=%02X" % byte for byte in content)
