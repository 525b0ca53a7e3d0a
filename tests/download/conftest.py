"""A local web server that misbehaves on request."""

import gc
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.video.conftest import write_video

STATUS = {"/secret.mp4": 401, "/forbidden.mp4": 403, "/gone.mp4": 410, "/busy.mp4": 429, "/broken.mp4": 503}
MOVED = {"/moved.mp4": "/talk.mp4", "/to_file.mp4": "file:///etc/hostname"}
PAGES = {
    "/page.html": b"<html><body>No video here</body></html>",
    "/list.html": b'<html><video src="/a/talk.mp4"></video><video src="/b/talk.mp4"></video></html>',
    "/one.html": b'<html><video src="/talk.mp4"></video></html>',
}
KINDS = {"/plain": "application/octet-stream", "/text.mp4": "text/plain"}
FILES = ("/talk.mp4", "/a/talk.mp4", "/b/talk.mp4", "/run.exe", "/named", "/cut.mp4", *KINDS)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer of the server: by default the content, or the part of it that is asked for."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    kind: str = "video/mp4"
    stated: int | None = None
    """The Content-Length stated; None: the true one."""
    cut: int | None = None
    """How many bytes are sent before the connection breaks."""
    is_endless: bool = False
    hangs: bool = False
    """Whether the connection stays open after the last byte."""


class Server(ThreadingHTTPServer):
    """Serves ``content`` under paths that each behave in their own way; keeps the requests it got."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.ranges: list[str] = []
        """The Range header of each request, in order; empty for none."""
        self.cuts: list[int] = []
        """How many bytes of the answer the next requests for /cut.mp4 get before the connection breaks."""
        self.cut_from_start: int | None = None
        """How many bytes each answer for /cut.mp4 without a Range gets before the connection breaks; None: all."""
        self.version: dict[str, str] = {}
        """The header ETag or Last-Modified of files, for which a Range has to have the same If-Range, if any."""
        self.more: dict[str, bytes] = {}
        """What further paths hold; the suffix determines the kind."""
        self.hang_up = threading.Event()
        self.hanging = threading.Event()
        self.cues: dict[str, list[Answer]] = {}
        """The answers of the next requests for a path; the last one stays."""
        self.requests: list[str] = []
        """The path of each request, in order."""
        self.sent: Counter[str] = Counter()
        """How many bytes of bodies went out, by path."""

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the URL of ``path``."""
        return f"http://{host}:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers for ``Server``."""

    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        """Answer by path."""
        path = self.path.split("?")[0]
        self.server.requests.append(path)
        self.server.ranges.append(self.headers.get("Range", ""))
        if path in self.server.cues:
            answers = self.server.cues[path]
            self._answer(answers.pop(0) if len(answers) > 1 else answers[0])
        elif path in STATUS:
            self.send_error(STATUS[path])
        elif path in MOVED:
            self.send_response(302)
            self.send_header("Location", MOVED[path])
            self.end_headers()
        elif path in PAGES:
            self._reply(PAGES[path], "text/html")
        elif path == "/endless.mp4":
            self._reply_without_end()
        elif path == "/slow.mp4":
            self.server.hang_up.wait(5)
        elif path in self.server.more:
            kind = "application/x-mpegurl" if path.endswith(".m3u8") else "video/mp2t"
            self._reply(self.server.more[path], kind)
        elif path in FILES:
            self._reply(self.server.content, KINDS.get(path, "video/mp4"))
        else:
            self.send_error(404)

    def _answer(self, answer: Answer) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[len("bytes=") :].split("-")[0])
        body = answer.body if answer.body is not None else self.server.content
        if answer.status != 200:
            start, body = 0, b""
        self.send_response(206 if start else answer.status)
        self.send_header("Content-Type", answer.kind)
        if not answer.is_endless:
            self.send_header("Content-Length", str(answer.stated if answer.stated is not None else len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        while self._send(body[start:][: answer.cut]) and answer.is_endless:
            pass
        if answer.hangs:
            self.server.hanging.set()
            self.server.hang_up.wait(60)

    def _reply(self, content: bytes, kind: str) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[len("bytes=") :].split("-")[0])
        wanted = self.headers.get("If-Range")
        if wanted is not None and wanted not in self.server.version.values():
            start = 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in self.server.version.items():
            self.send_header(name, value)
        if self.path == "/named":
            self.send_header("Content-Disposition", 'attachment; filename="../../../evil.mp4"')
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.path == "/cut.mp4" and self.server.cuts else len(content)
        if self.path == "/cut.mp4" and not start and self.server.cut_from_start is not None:
            cut = self.server.cut_from_start
        self._send(content[start : start + cut])

    def _reply_without_end(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.end_headers()
        while self._send(self.server.content):
            pass

    def _send(self, content: bytes) -> bool:
        try:
            self.wfile.write(content)
        except OSError:
            return False
        self.server.sent[self.path.split("?")[0]] += len(content)
        return True


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 0.4 s, 64 x 48 pixels, with sound, larger than the first block that yt-dlp reads."""
    return write_video(tmp_path_factory.mktemp("video") / "talk.mp4")


@pytest.fixture
def server(video: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server on 127.0.0.1 for one test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.0.0.2,localhost")
    with Server(video.read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.hang_up.set()
        server.shutdown()
        thread.join()
    gc.collect()
