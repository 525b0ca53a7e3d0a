"""Which version of a file a server sent, so that a broken transfer goes on with no other (RFC 9110, 13.1.5)."""

import json
from pathlib import Path
from typing import Any

from yt_dlp.networking import Request, Response

from pipeline.core.storage.atomic import write_text

_MOST = 20  # addresses of one video
_WHOLE = 200
_WEAK = "W/"


class Versions:
    """The versions of the files of one download, by address, kept in ``path`` beside their parts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._known = {str(url): str(version) for url, version in dict(json.loads(path.read_bytes())).items()}
        except (OSError, ValueError, TypeError):  # none yet
            self._known = {}

    def ask(self, request: Any) -> None:
        """Have a transfer that goes on from its part go on only where the server still has the version of that."""
        if _is_resumed(request) and request.url in self._known:
            request.headers["If-Range"] = self._known[request.url]

    def note(self, request: Any, response: Response) -> None:
        """Note what is sent from its start; not what is looked at while there is a part of another version."""
        url = request.url if isinstance(request, Request) else request
        is_anew = response.status == _WHOLE and (_is_resumed(request) or url not in self._known)
        is_page = (response.headers.get("Content-Type") or "").startswith("text/")
        version = response.headers.get("ETag") or _WEAK
        if version.startswith(_WEAK):
            version = response.headers.get("Last-Modified") or ""
        if isinstance(url, str) and is_anew and not is_page and (version or url in self._known):
            self._known[url] = version
            self._known = {one: known for one, known in [*self._known.items()][-_MOST:] if known}
            write_text(self._path, json.dumps(self._known))


def _is_resumed(request: Any) -> bool:
    """Return whether all is asked for from some byte on; pieces of a file have an end too."""
    return isinstance(request, Request) and str(request.headers.get("Range") or "").endswith("-")
