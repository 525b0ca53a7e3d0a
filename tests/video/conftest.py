"""A small video written by PyAV, and a local web server that misbehaves on request."""

import gc
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def write_video(path: Path, *, n_frames: int = 10, sound: bool = True) -> Path:
    """Write noise as MPEG-4 video, 64 x 48 at 25 fps, brighter on its left, with silence as AAC at 16 kHz."""
    import av

    width, height = 64, 48
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio: Any = container.add_stream("aac", rate=16_000) if sound else None
        for _ in range(n_frames):
            picture = rng.integers(0, 100, (height, width, 3), np.uint8)
            picture[:, : width // 2] += 150
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if sound:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 640 * n_frames), np.float32), "fltp", "mono")
            frame.sample_rate = 16_000
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 0.4 s, 64 x 48 pixels, with sound, larger than the first block that yt-dlp reads."""
    return write_video(tmp_path_factory.mktemp("video") / "talk.mp4")


STATUS = {"/secret.mp4": 401, "/forbidden.mp4": 403, "/gone.mp4": 410, "/busy.mp4": 429, "/broken.mp4": 503}
MOVED = {"/moved.mp4": "/talk.mp4", "/to_file.mp4": "file:///etc/hostname"}
PAGES = {
    "/page.html": b"<html><body>No video here</body></html>",
    "/list.html": b'<html><video src="/a/talk.mp4"></video><video src="/b/talk.mp4"></video></html>',
    "/one.html": b'<html><video src="/talk.mp4"></video></html>',
}
KINDS = {"/plain": "application/octet-stream", "/text.mp4": "text/plain"}
FILES = ("/talk.mp4", "/a/talk.mp4", "/b/talk.mp4", "/run.exe", "/named", "/cut.mp4", *KINDS)


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
        self.more: dict[str, bytes] = {}
        """What further paths hold; the suffix determines the kind."""
        self.hang_up = threading.Event()

    def url(self, path: str) -> str:
        """Return the URL of ``path``."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers for ``Server``."""

    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        """Answer by path."""
        path = self.path.split("?")[0]
        self.server.ranges.append(self.headers.get("Range", ""))
        if path in STATUS:
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

    def _reply(self, content: bytes, kind: str) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[len("bytes=") :].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.path == "/named":
            self.send_header("Content-Disposition", 'attachment; filename="../../../evil.mp4"')
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.path == "/cut.mp4" and self.server.cuts else len(content)
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
        return True


@pytest.fixture
def server(video: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server on 127.0.0.1 for one test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with Server(video.read_bytes()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.hang_up.set()
        server.shutdown()
        thread.join()
    gc.collect()
