"""What yt-dlp reports becomes the right class, and the right kind of end.

Each message is a literal of the installed yt-dlp's source, or, where a site sends it, of that site.
"""

from pathlib import Path

import pytest
import yt_dlp

from pipeline.download.endings import Ending, Messages, classify
from pipeline.download.remedies import (
    COOKIES,
    CURL_CFFI,
    NEWER_YT_DLP,
    PASSWORD,
    PAYMENT,
    PROXY,
    SOLVER,
    TIME,
    TOKEN,
    WHAT_TO_DO,
)

SOURCE = Path(yt_dlp.__file__).parent
PERMANENT = ""

# (file of yt-dlp's source, or 'site'; the message; class; what would help)
ERRORS = [
    ("site", "Private video. Sign in if you've been granted access to this video", "private", COOKIES),
    ("site", "Video unavailable. This video has been removed by the uploader", "removed", PERMANENT),
    ("site", "This video is no longer available because the account has been terminated", "removed", PERMANENT),
    (
        "extractor/youtube/_video.py",
        "The uploader has not made this video available in your country",
        "geo_blocked",
        PROXY,
    ),
    (
        "YoutubeDL.py",
        "You might want to use a VPN or a proxy server (with --proxy)",
        "geo_blocked",
        PROXY,
    ),
    (
        "extractor/common.py",
        "This video is not available from your location due to geo restriction",
        "geo_blocked",
        PROXY,
    ),
    ("site", "Sign in to confirm your age. This video may be inappropriate for some users", "age_restricted", COOKIES),
    ("site", "Join this channel to get access to members-only content like this video", "members_only", COOKIES),
    ("site", "This live event will begin in 3 hours.", "live", TIME),
    ("site", "Premieres in 2 days", "live", TIME),
    ("site", "Premiere will begin shortly", "live", TIME),
    ("site", "This live stream recording is not available.", "unavailable", PERMANENT),
    ("site", "Sign in to confirm you're not a bot. Use --cookies for the authentication", "bot_check", TIME),
    ("site", "Sign in to confirm you\u2019re not a bot", "bot_check", TIME),
    (
        "extractor/youtube/_video.py",
        "YouTube is requiring a captcha challenge before playback",
        "bot_check",
        TIME,
    ),
    (
        "extractor/youtube/_video.py",
        "All player responses are invalid. Your IP is likely being blocked by Youtube",
        "bot_check",
        TIME,
    ),
    ("extractor/youtube/_video.py", "This content isn't available, try again later", "rate_limited", TIME),
    ("site", "This content isn\u2019t available, try again later.", "rate_limited", TIME),
    ("extractor/youtube/_video.py", "has been rate-limited by YouTube for up to an hour", "rate_limited", TIME),
    ("site", "Unable to download webpage: HTTP Error 429: Too Many Requests", "rate_limited", TIME),
    ("YoutubeDL.py", "Requested format is not available. Use --list-formats", "no_format", NEWER_YT_DLP),
    ("YoutubeDL.py", "No video formats found!", "no_format", NEWER_YT_DLP),
    ("extractor/common.py", "This video is DRM protected", "drm", PERMANENT),
    ("site", "unable to download video data: HTTP Error 403: Forbidden", "forbidden", TIME),
    ("site", 'Impersonate target "chrome" is not available.', "missing_tool", CURL_CFFI),
    ("extractor/common.py", "This video is only available for registered users", "login_required", COOKIES),
    ("extractor/twitter.py", "NSFW tweet requires authentication", "login_required", COOKIES),
    (
        "extractor/vimeo.py",
        "This video is protected by a password, use the --video-password",
        "password",
        PASSWORD,
    ),
    (
        "extractor/tvp.py",
        "Video requires payment and log-in, but log-in is not implemented",
        "paid",
        PAYMENT,
    ),
    ("site", "Unable to download JSON metadata: HTTP Error 412: Precondition Failed", "bot_check", TIME),
    ("extractor/bilibili.py", "Request is blocked by server (412), please wait and try later.", "bot_check", TIME),
    ("extractor/tiktok.py", "Your IP address is blocked from accessing this post", "bot_check", TIME),
    ("downloader/fragment.py", "The downloaded file is empty", "network", TIME),
    ("downloader/http.py", "Did not get any data blocks", "network", TIME),
    ("site", "fragment 7 not found, unable to continue", "network", TIME),
    ("site", "Unable to download webpage: curl: (6) Could not resolve host: example.org", "network", TIME),
    ("site", "HTTP Error 302: Found (redirect loop detected)", "network", TIME),
    ("site", "Unable to download webpage: HTTP Error 401: Unauthorized", "login_required", COOKIES),
    ("site", "Unable to download webpage: HTTP Error 451: Unavailable For Legal Reasons", "geo_blocked", PROXY),
    ("site", "Unable to download webpage: HTTP Error 404: Not Found", "not_found", PERMANENT),
    ("site", "Unable to download webpage: HTTP Error 410: Gone", "removed", PERMANENT),
    ("site", "Unable to download webpage: HTTP Error 502: Bad Gateway", "network", TIME),
    ("site", "Video unavailable", "unavailable", PERMANENT),
    ("site", "Something that nobody has read before", "unavailable", TIME),
]


@pytest.mark.parametrize(("file", "message", "reason", "remedy"), ERRORS)
def test_each_error_has_its_class_and_what_would_help(file: str, message: str, reason: str, remedy: str) -> None:
    if file != "site":
        assert message in (SOURCE / file).read_text(encoding="utf-8")
    assert classify(Messages(errors=[f"ERROR: [youtube] abcdefghijk: {message}"])) == Ending(reason, remedy)
    assert remedy == PERMANENT or remedy in WHAT_TO_DO


VIDEO = "extractor/youtube/_video.py"
NO_FORMAT = "ERROR: [youtube] abc: Requested format is not available. Use --list-formats for a list"

# (part of yt-dlp's source; the line; class and what would help of a video without formats that has this line beside it)
HINTS = [
    ("n challenge solving failed: Some formats may be missing.", "solver", SOLVER),
    ("Signature solving failed: Some formats may be missing.", "solver", SOLVER),
    ("No supported JavaScript runtime could be found.", "solver", SOLVER),
    ("YouTube is forcing SABR streaming for this client", "solver", SOLVER),
    ("formats require a GVS PO Token which was not provided.", "po_token", TOKEN),
    ("an experiment that applies DRM to all videos on the tv client.", "drm", NEWER_YT_DLP),
]


@pytest.mark.parametrize(("line", "reason", "remedy"), HINTS)
def test_a_warning_or_a_debug_line_tells_why_there_is_no_format(line: str, reason: str, remedy: str) -> None:
    assert line in (SOURCE / VIDEO).read_text(encoding="utf-8")
    warned = Messages([NO_FORMAT], [f"[youtube] abc: {line}"])
    logged = Messages([NO_FORMAT], [], [f"[debug] [youtube] abc: web client {line}"])
    assert classify(warned) == classify(logged) == Ending(reason, remedy)


def test_a_hint_changes_nothing_where_the_error_itself_tells_the_cause() -> None:
    hints = [line for line, *_ in HINTS]
    for error, reason in (("Private video", "private"), ("Video unavailable", "unavailable"), ("live event", "live")):
        assert classify(Messages([f"ERROR: [youtube] abc: {error}"], hints)).reason == reason


def test_the_solver_comes_before_the_token_that_it_would_need() -> None:
    lines = [line for line, *_ in reversed(HINTS)]
    assert classify(Messages([NO_FORMAT], lines)) == Ending("solver", SOLVER)


def test_of_several_errors_the_particular_one_counts_wherever_it_stands() -> None:
    vague, particular = "ERROR: [x] 1: HTTP Error 403: Forbidden", "ERROR: [x] 1: Sign in to confirm you're not a bot"
    assert (
        classify(Messages([vague, particular])) == classify(Messages([particular, vague])) == Ending("bot_check", TIME)
    )


def test_a_warning_alone_makes_no_failure_permanent() -> None:
    assert classify(Messages([], ["[x] 1: Unable to download subtitles: HTTP Error 404: Not Found"])) == Ending(
        "unavailable", TIME
    )
    assert classify(Messages([], ["[x] 1: HTTP Error 429: Too Many Requests"])) == Ending("rate_limited", TIME)


def test_an_interrupted_piece_that_was_forbidden_is_forbidden() -> None:
    line = "[download] Got error: HTTP Error 403: Forbidden. Retrying fragment 1 (1/5)..."
    assert classify(Messages(["ERROR: fragment 1 not found, unable to continue"], [], [line])) == Ending(
        "forbidden", TIME
    )


def test_a_file_that_could_not_be_written_here_says_nothing_about_the_video() -> None:
    message = "ERROR: unable to open for writing: [Errno 2] No such file or directory: './media.mp4.part'"
    assert classify(Messages([message])) == Ending("unavailable", TIME)


@pytest.mark.parametrize(
    "host", ["drm.example.org", "removed.example.org", "a.cloudflarestream.com", "login.example.org"]
)
def test_the_name_of_a_host_tells_no_class(host: str) -> None:
    cause = f"HTTPConnection(host='{host}', port=80): Failed to resolve '{host}' ([Errno -2] Name or service not known)"
    by_urllib3 = f'ERROR: [generic] x: Unable to download webpage: {cause} (caused by TransportError("{cause}"))'
    by_curl = (
        f"ERROR: [generic] x: Unable to download webpage: Failed to perform, curl: (6) Could not resolve host: {host}"
    )
    assert classify(Messages([by_urllib3])) == classify(Messages([by_curl])) == Ending("network", TIME)


@pytest.mark.parametrize(
    "message",
    [
        "ERROR: [vimeo] captcha private video: Unable to extract title",
        "ERROR: [x] a: KeyError('b'); please report this issue on https://x, captcha",
    ],
)
def test_neither_an_id_nor_the_advice_to_report_a_bug_tells_the_class(message: str) -> None:
    assert classify(Messages([message])) == Ending("unavailable", TIME)
