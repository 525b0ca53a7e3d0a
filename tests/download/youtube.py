"""YouTube in memory: yt-dlp's own extractor runs, and each of its requests gets an answer from here."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from yt_dlp.networking import Request, RequestDirector, Response

VIDEO_ID = "abcdefghijk"
ADDRESS = f"https://www.youtube.com/watch?v={VIDEO_ID}"

FORMAT = {
    "itag": 137,
    "url": "https://r1.googlevideo.com/videoplayback?itag=137",
    "mimeType": 'video/mp4; codecs="avc1.640028"',
    "width": 1920,
    "height": 1080,
    "bitrate": 1000,
    "qualityLabel": "1080p",
}
N_CHALLENGE = FORMAT | {"url": "https://r1.googlevideo.com/videoplayback?itag=137&n=abc"}
WITHOUT_URL = {name: value for name, value in FORMAT.items() if name != "url"}
SIGNATURE = WITHOUT_URL | {"signatureCipher": "s=abc&sp=sig&url=https%3A%2F%2Fr1.googlevideo.com%2Fvideoplayback"}


_CONFIG = {"INNERTUBE_CONTEXT": {"client": {"clientName": "WEB", "clientVersion": "2.20260101"}}}
_PAGE = f"<html><script>ytcfg.set({json.dumps(_CONFIG)});</script></html>"


def playable(*formats: Mapping[str, Any]) -> dict[str, Any]:
    """Return what YouTube answers of a video with these formats."""
    return {"playabilityStatus": {"status": "OK"}, "streamingData": {"adaptiveFormats": list(formats)}}


def refused(reason: str, *, subreason: str = "", captcha: bool = False) -> dict[str, Any]:
    """Return what YouTube answers of a video that it doesn't show."""
    screen: dict[str, Any] = (
        {"playerErrorMessageRenderer": {"subreason": {"simpleText": subreason}}} if subreason else {}
    )
    if captcha:
        screen["playerCaptchaViewModel"] = {"a": "b"}
    return {"playabilityStatus": {"status": "ERROR", "reason": reason, "errorScreen": screen}}


class YouTube:
    """Answers as it is told; counts its requests by path."""

    def __init__(self) -> None:
        self.answer: Mapping[str, Any] = {}
        self.of_clients: dict[str, Mapping[str, Any]] = {}
        """Other answers, by the name of the client that yt-dlp pretends to be."""
        self.video_id = VIDEO_ID
        self.requests: Counter[str] = Counter()

    def send(self, director: RequestDirector, request: Request) -> Response:
        """Answer a request of yt-dlp, as ``RequestDirector.send``."""
        path = request.url.split("?")[0].removeprefix("https://www.youtube.com")
        self.requests[path] += 1
        body: Any = {}
        if path.endswith("/player"):
            client = json.loads(request.data)["context"]["client"]["clientName"]
            details = {"videoId": self.video_id, "title": "t", "lengthSeconds": "10"}
            body = {"videoDetails": details, **self.of_clients.get(client, self.answer)}
        elif path.endswith("/next"):
            body = {"contents": {"a": "b"}}
        text = json.dumps(body) if path.startswith("/youtubei") else _PAGE
        return Response(io.BytesIO(text.encode()), request.url, {"Content-Type": "text/html"})


def install(monkeypatch: pytest.MonkeyPatch) -> YouTube:
    """Let yt-dlp's requests end here."""
    youtube = YouTube()
    monkeypatch.setattr(RequestDirector, "send", lambda director, request: youtube.send(director, request))
    return youtube
