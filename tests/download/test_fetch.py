"""Downloads by the real yt-dlp from a local server: what comes, and what each failure is called."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import ffmpeg
import pytest
import yt_dlp

from benchmarks.cut import PARAMS as LARGE
from pipeline.core.base.errors import BadInput
from pipeline.core.base.outcome import FAILED, Dropped
from pipeline.download import fetch as fetch_module
from pipeline.download.fetch import Fetched, fetch, refuse
from pipeline.download.settings import FetchSettings, read_fetch_settings
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.held import held_video
from pipeline.video.probe import probe
from tests.download.conftest import Server

# yt-dlp leaves it to the garbage collector to close connections that it gives up.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

PARAMS = LARGE.model_copy(update={"max_size_mb": 5, "max_duration_s": 60, "cut_margin_s": None})
SETTINGS = FetchSettings(
    rate_limit=None,
    retries=1,
    retry_wait_s=0,
    request_wait_s=0,
    timeout_s=60,
    cookies=None,
    js_runtimes=(),
)
IMPATIENT = replace(SETTINGS, timeout_s=2)

Get = Callable[[str], Fetched | Dropped]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of one address."""
    return tmp_path / "item"


@pytest.fixture
def get(folder: Path) -> Get:
    """Fetch an address into ``folder``, impatiently where the server is slow."""
    return lambda address: fetch(address, folder, PARAMS, IMPATIENT if address.endswith("/slow.mp4") else SETTINGS)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/talk.mp4", "media.mp4"),
        ("/talk.mp4?x=../../y", "media.mp4"),
        ("/moved.mp4", "media.mp4"),
        ("/one.html", "media.mp4"),
        ("/text.mp4", "media.mp4"),
        ("/plain", "media.video"),
        ("/named", "media.mp4"),
    ],
)
def test_a_video_arrives_under_our_name_whatever_the_server_calls_it(
    path: str, name: str, get: Get, server: Server, folder: Path, tmp_path: Path
) -> None:
    found = get(server.url(path))
    assert isinstance(found, Fetched), found
    assert (found.path, found.path.read_bytes()) == (folder / name, server.content)
    assert found.tool.startswith("yt-dlp 20")
    assert files_below(tmp_path) == [f"item/{name}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "reason", "kind"),
    [
        ("/nothing.mp4", "not_found", "permanent"),
        ("/secret.mp4", "login_required", "mendable"),
        ("/forbidden.mp4", "forbidden", "passing"),
        ("/gone.mp4", "removed", "permanent"),
        ("/busy.mp4", "rate_limited", "passing"),
        ("/broken.mp4", "network", "passing"),
        ("/slow.mp4", "timeout", "passing"),
        ("/page.html", "unsupported", "permanent"),
        ("/list.html", "unsupported", "permanent"),
        ("/to_file.mp4", "unsupported", "permanent"),
        ("/run.exe", "unsupported", "permanent"),
        ("/endless.mp4", "too_large", "permanent"),
    ],
)
def test_each_failure_has_its_class_and_leaves_nothing_behind(
    path: str, reason: str, kind: str, get: Get, server: Server, tmp_path: Path
) -> None:
    found = get(server.url(path))
    assert isinstance(found, Dropped), found
    assert (found.reason, found.kind) == (reason, kind), found.detail
    assert found.detail != ""
    assert files_below(tmp_path) == []


def test_an_interrupted_transfer_is_resumed(get: Get, server: Server) -> None:
    """What yt-dlp asks before the transfer, once or, on a busy machine, twice, is cut too: it reads the start alone."""
    half = server.cut_from_start = len(server.content) // 2
    found = get(server.url("/cut.mp4"))
    assert isinstance(found, Fetched), found
    assert found.path.read_bytes() == server.content
    resumed = next(one for one in server.ranges if one)
    assert 0 < int(resumed.removeprefix("bytes=").removesuffix("-")) <= half


@pytest.mark.parametrize(
    ("before", "now", "goes_on"),
    [
        ({"ETag": '"1"'}, {"ETag": '"1"'}, True),
        ({"ETag": '"1"'}, {"ETag": '"2"'}, False),
        ({"ETag": 'W/"1"'}, {"ETag": 'W/"2"'}, True),
        ({"Last-Modified": "Fri, 27 Nov 2026 00:00:00 GMT"}, {"Last-Modified": "Sat, 28 Nov 2026 00:00:00 GMT"}, False),
    ],
)
def test_a_broken_transfer_goes_on_with_no_other_version_of_the_file(
    before: dict[str, str], now: dict[str, str], goes_on: bool, get: Get, server: Server, folder: Path
) -> None:
    size = len(server.content)
    server.version, server.cuts = before, [size, size // 2, 10, 10]
    assert isinstance(get(server.url("/cut.mp4")), Dropped)
    if not goes_on:
        n_first = int.from_bytes(server.content[:4])  # bytes of the first box
        server.content = server.content[:n_first] + b"\0\0\0\x10free" + bytes(8) + server.content[n_first:]
    server.version, server.cuts = now, []
    before_bytes = server.sent["/cut.mp4"]
    found = get(server.url("/cut.mp4"))
    assert isinstance(found, Fetched), found
    assert found.path.read_bytes() == server.content
    assert (server.sent["/cut.mp4"] - before_bytes < 2 * size) == goes_on  # it is looked at before
    assert files_below(folder) == ["media.mp4"]


def test_a_transfer_that_keeps_breaking_fails_and_the_next_run_continues_it(
    get: Get, server: Server, folder: Path
) -> None:
    size = len(server.content)
    server.cuts = [size, size // 2, 10, 10]
    broken = get(server.url("/cut.mp4"))
    assert isinstance(broken, Dropped)
    assert (broken.reason, broken.retryable) == ("network", True)
    assert files_below(folder) == ["media.mp4.part"]
    server.cuts, server.ranges = [], []
    found = get(server.url("/cut.mp4"))
    assert isinstance(found, Fetched), found
    assert found.path.read_bytes() == server.content
    assert server.ranges[-1] not in ("", "bytes=0-")


def test_a_finished_download_is_not_transferred_again(get: Get, server: Server) -> None:
    first, n_first = get(server.url("/talk.mp4")), len(server.ranges)
    assert get(server.url("/talk.mp4")) == first
    assert len(server.ranges) - n_first == n_first - 1


def test_a_file_with_a_stated_size_that_is_too_large_is_not_transferred(server: Server, folder: Path) -> None:
    params = PARAMS.model_copy(update={"max_size_mb": (len(server.content) - 1) / 1e6})
    found = fetch(server.url("/talk.mp4"), folder, params, SETTINGS)
    assert isinstance(found, Dropped)
    assert found.reason == "too_large"
    assert f"{len(server.content)} bytes > {len(server.content) - 1} bytes" in found.detail
    exact = PARAMS.model_copy(update={"max_size_mb": len(server.content) / 1e6})
    assert isinstance(fetch(server.url("/talk.mp4"), folder, exact, SETTINGS), Fetched)


def test_a_missing_host_is_a_network_failure_and_retryable(get: Get) -> None:
    found = get("http://127.0.0.1:9/talk.mp4")
    assert isinstance(found, Dropped)
    assert (found.reason, found.retryable) == ("network", True)


def test_a_file_url_is_copied_and_its_original_stays(get: Get, video: Path, folder: Path) -> None:
    found = get(video.as_uri())
    assert isinstance(found, Fetched)
    assert (found.path, found.path.read_bytes()) == (folder / "media.mp4", video.read_bytes())


def test_a_file_url_without_a_file_is_not_found(get: Get, tmp_path: Path) -> None:
    found = get((tmp_path / "no such.mp4").as_uri())
    assert isinstance(found, Dropped)
    assert (found.reason, found.retryable) == ("not_found", False)


def test_a_local_path_is_used_in_place(get: Get, video: Path, folder: Path) -> None:
    assert get(str(video)) == Fetched(path=video, tool="file")
    assert not folder.exists()


@pytest.mark.parametrize("address", ["", "no/such.mp4", "../../etc", "synthetic:seed=1", "ytsearch:talk"])
def test_a_path_without_a_file_is_not_found(address: str, get: Get) -> None:
    found = get(address)
    assert isinstance(found, Dropped)
    assert found.reason == "not_found"


@pytest.mark.parametrize("address", ["ftp://host/a.mp4", "http://", "http://[::1/a", "data://x", "://x", "x\n://y"])
def test_an_address_of_another_kind_is_unsupported(address: str, get: Get) -> None:
    found = get(address)
    assert isinstance(found, Dropped)
    assert found.reason == "unsupported"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a $HOME ${PATH}", "100% %(id)s", "~ ünï", "..x"])
def test_a_folder_may_have_any_name(name: str, server: Server, tmp_path: Path) -> None:
    found = fetch(server.url("/talk.mp4"), tmp_path / name, PARAMS, SETTINGS)
    assert getattr(found, "path", found) == tmp_path / name / "media.mp4"
    assert files_below(tmp_path) == [f"{name}/media.mp4"]


MASTER = b"""#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="sound.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=64x48,CODECS="mp4v.20.9,mp4a.40.2",AUDIO="a"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=4096x2160,CODECS="mp4v.20.9,mp4a.40.2",AUDIO="a"
high.m3u8
"""


def media_playlist(name: str, duration_s: float = 1) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:{duration_s},\n{name}\n#EXT-X-ENDLIST\n".encode()


def test_of_several_sizes_the_one_within_the_limit_comes_and_its_sound_is_joined(
    get: Get, server: Server, video: Path, tmp_path: Path
) -> None:
    noise = ffmpeg.input("anoisesrc=d=0.4", format="lavfi")
    server.more = {
        "/master.m3u8": MASTER,
        "/low.m3u8": media_playlist("low.ts"),
        "/sound.m3u8": media_playlist("sound.ts"),
        "/low.ts": run_ffmpeg(ffmpeg.input(video).output("pipe:", an=None, vcodec="mpeg2video", format="mpegts")),
        "/sound.ts": run_ffmpeg(noise.output("pipe:", acodec="aac", format="mpegts")),
    }
    found = get(server.url("/master.m3u8"))
    assert isinstance(found, Fetched), found
    held = probe(found.path)
    assert (held.width_px, held.height_px, held.has_audio) == (64, 48, True)
    assert ", ffmpeg " in found.tool
    assert found.format_id == "100+a-a"
    assert files_below(tmp_path / "item") == [found.path.name]


def test_a_broadcast_and_a_list_of_pieces_that_is_too_long_are_left_alone(get: Get, server: Server) -> None:
    server.more = {
        "/live.m3u8": media_playlist("low.ts").replace(b"#EXT-X-ENDLIST", b""),
        "/long.m3u8": media_playlist("low.ts", 62),
        "/rounded.m3u8": media_playlist("nothing.ts", 61),
    }
    assert get(server.url("/live.m3u8")) == Dropped(
        FAILED, "live", "still being broadcast, or announced", retryable=True
    )
    assert get(server.url("/long.m3u8")) == Dropped.filtered("too_long", "the site states 62 s")
    assert getattr(get(server.url("/rounded.m3u8")), "reason", "") == "network"


def test_a_piece_that_is_missing_fails_the_whole(get: Get, server: Server, folder: Path) -> None:
    server.more = {"/only.m3u8": media_playlist("nothing.ts")}
    found = get(server.url("/only.m3u8"))
    assert isinstance(found, Dropped)
    assert (found.reason, found.kind) == ("network", "passing"), found.detail
    assert str(folder) not in found.detail


def test_a_cookies_file_is_read_and_left_as_it_is(server: Server, folder: Path, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
    before = cookies.read_bytes()
    settings = replace(SETTINGS, cookies=cookies)
    assert isinstance(fetch(server.url("/talk.mp4"), folder, PARAMS, settings), Fetched)
    assert cookies.read_bytes() == before


def test_no_line_of_a_cookies_file_is_printed(
    server: Server, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cookies.txt"
    cookie = "127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tsecret1\n"
    odd = ".a.org TRUE / TRUE 0 name secret2\n.a.org\tTRUE\t/\tTRUE\tsecret3\tname\tsecret4\n\n"
    path.write_text(f"\ufeff# Netscape HTTP Cookie File\n{odd}#HttpOnly_{cookie}", "utf-8")
    settings = replace(SETTINGS, cookies=path)
    assert isinstance(fetch(server.url("/talk.mp4"), folder, PARAMS, settings), Fetched)
    assert "secret" not in "".join(capfd.readouterr())
    kept = settings.cookie_file()
    assert kept is not None
    assert kept.read() == f"# Netscape HTTP Cookie File\n#HttpOnly_{cookie}"


def test_a_cookies_file_in_another_encoding_is_named(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    path.write_bytes("# Netscape HTTP Cookie File\n.a.org\tTRUE\t/\tTRUE\t0\tname\tcaf\u00e9\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"cookies.txt: expected Netscape format: it is not in UTF-8"):
        fetch("http://127.0.0.1:9/a.mp4", folder, PARAMS, replace(SETTINGS, cookies=path))


def test_a_token_without_its_client_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("secret", "web+secret", "web.gvs+", "web.gvs+a,secret"):
        monkeypatch.setenv("FACEVOX_PO_TOKEN", text)
        with pytest.raises(BadInput, match=r"FACEVOX_PO_TOKEN: expected client\.context\+token") as raised:
            read_fetch_settings()
        assert "secret" not in str(raised.value)
    monkeypatch.setenv("FACEVOX_PO_TOKEN", "web.gvs+a,web.player+b")
    options = fetch_module._options("https://a.org", Path("x"), PARAMS, read_fetch_settings(), fetch_module._Log())
    assert options["extractor_args"] == {"youtube": {"po_token": ["web.gvs+a", "web.player+b"]}}


@pytest.mark.parametrize(("kind", "chosen"), [(None, "18"), ("video", "18"), ("sound", "140")])
def test_of_what_is_listed_as_sound_the_sound_alone_is_chosen(kind: str | None, chosen: str, tmp_path: Path) -> None:
    options = fetch_module._options("https://example.org/v", tmp_path, PARAMS, SETTINGS, fetch_module._Log(kind=kind))
    for name in ("match_filter", "progress_hooks", "playlist_items"):
        del options[name]
    both = {"format_id": "18", "ext": "mp4", "vcodec": "h264", "acodec": "aac", "height": 360, "width": 640}
    alone = {"format_id": "140", "ext": "m4a", "vcodec": "none", "acodec": "aac"}
    formats = [{**one, "url": "https://example.org/a", "protocol": "https"} for one in (alone, both)]
    info = {"id": "x", "title": "x", "extractor": "test", "extractor_key": "Test", "formats": formats}
    with yt_dlp.YoutubeDL({**options, "simulate": True, "quiet": True}) as downloader:
        assert downloader.process_video_result(info, download=False)["format_id"] == chosen


def test_a_cookies_file_that_is_none_stops_the_run(server: Server, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cookies.txt").write_text('[{"name": "value"}]')
    settings = replace(SETTINGS, cookies=tmp_path / "cookies.txt")
    with pytest.raises(BadInput, match=r"cookies.txt: expected Netscape format"):
        fetch(server.url("/talk.mp4"), folder, PARAMS, settings)


LENGTHS = [(0.1, None), (60.0, None), (0.09, "too_short"), (60.1, "too_long")]


@pytest.mark.parametrize(("duration_s", "reason"), LENGTHS)
def test_the_length_limits_hold_to_the_limit(duration_s: float, reason: str | None, video: Path) -> None:
    dropped = refuse(held_video(replace(probe(video), duration_s=duration_s)), PARAMS)
    assert (dropped and dropped.reason) == reason


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_RATE_LIMIT", "3e6")
    monkeypatch.setenv("FACEVOX_RETRIES", "0")
    monkeypatch.setenv("FACEVOX_JS_RUNTIMES", "node, deno")
    settings = read_fetch_settings()
    assert (settings.rate_limit, settings.retries, settings.timeout_s) == (3e6, 0, 30.0)
    assert settings.js_runtimes == ("node", "deno")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FACEVOX_RATE_LIMIT", "3M"),
        ("FACEVOX_RETRIES", "-1"),
        ("FACEVOX_RETRY_WAIT_S", "inf"),
        ("FACEVOX_COOKIES", "/no/such/cookies.txt"),
        ("FACEVOX_JS_RUNTIMES", "ruby"),
    ],
)
def test_a_setting_that_can_not_be_used_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=f"{name}='{value}'"):
        read_fetch_settings()


def offered(name: str, height_px: int, dynamic_range: str, vcodec: str) -> dict[str, Any]:
    size = {"width": height_px * 16 // 9, "height": height_px, "fps": 30}
    kind = {"ext": "mp4", "protocol": "https", "vcodec": vcodec, "acodec": "none", "vbr": 4000}
    return {"format_id": name, "url": f"https://example.org/{name}", "dynamic_range": dynamic_range, **size, **kind}


SDR_1080 = offered("sdr1080", 1080, "SDR", "avc1.640028")
SDR_720 = offered("sdr720", 720, "SDR", "av01.0.08M.08")
HDR_1080 = offered("hdr1080", 1080, "HDR10", "vp9.2")
HLG_1080 = offered("hlg1080", 1080, "HLG", "vp9.2")
UNSTATED_1080 = {key: value for key, value in SDR_1080.items() if key != "dynamic_range"}


@pytest.mark.parametrize(
    ("formats", "chosen"),
    [([SDR_1080, HDR_1080, HLG_1080], "sdr1080"), ([HDR_1080, SDR_720], "hdr1080"), ([HDR_1080], "hdr1080")]
    + [([UNSTATED_1080, HDR_1080], "sdr1080"), ([SDR_720, SDR_1080], "sdr1080")],
)
def test_sdr_is_fetched_where_it_is_as_large(formats: list[dict[str, Any]], chosen: str, tmp_path: Path) -> None:
    options = fetch_module._options("https://example.org/v", tmp_path, PARAMS, SETTINGS, fetch_module._Log())
    for name in ("match_filter", "progress_hooks", "playlist_items"):
        del options[name]
    info = {"id": "x", "title": "x", "extractor": "test", "extractor_key": "Test", "formats": deepcopy(formats)}
    info["webpage_url"] = "https://example.org/v"
    with yt_dlp.YoutubeDL({**options, "simulate": True, "quiet": True}) as downloader:
        assert downloader.process_video_result(info, download=False)["format_id"] == chosen


@pytest.mark.parametrize("text", ["[Errno 28] No space left on device", "[Errno 122] Disk quota exceeded"])
def test_without_room_the_run_stops(text: str, tmp_path: Path) -> None:
    log = fetch_module._Log()
    log.error(f"ERROR: unable to write data: {text}")
    with pytest.raises(OSError, match="disk full while downloading"):
        fetch_module._failure("http://a.org/a.mp4", tmp_path, SETTINGS, log)
