"""Download ranges of videos from a local server, cut them, and compare what is read of them with what is in the video.

    python -m benchmarks.cut --n 50

Each picture has its number in black and white blocks, and clicks sound at irregular times, in several codecs, lengths
of groups of pictures and containers. Printed are, by kind of video, how many ranges were cut, how many have the right
first and last picture, and the largest errors of picture, sound and one against the other, milliseconds. Exit status 1
where one is not within a picture, or picture and sound are not within 20 ms.
"""

import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import av
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.recordings import blocks, click_times_s, clicks
from pipeline.audio.extract import extract_waveform
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip, content_of
from pipeline.core.records.media import Media
from pipeline.download.fetch import DownloadParams
from pipeline.download.settings import FetchSettings
from pipeline.sources.acquire import Acquirer
from pipeline.sources.downloads import Downloads
from pipeline.video.clip import MediaClip, media_clip
from pipeline.video.decode import grey_frames

SIDE_PX, N_BITS = 16, 12
BLACK, WHITE, HALF_WHITE = 30, 220, 125
MARGIN_S = 2.0
MOST_LATE_S = 0.04  # a picture of 25 a second
MOST_APART_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of video to write."""

    name: str
    video: str
    audio: str
    fps: Fraction = Fraction(25)
    options: tuple[tuple[str, str], ...] = ()
    rate_hz: int = 48_000
    picture_lengths: tuple[int, ...] = (1,)
    """How many ticks of 1 / fps the pictures last in turn; several: the rate varies."""
    sound_late_s: float = 0.0
    """By how much the sound's first sample comes after the first picture."""


NTSC = Fraction(30_000, 1001)
NO_OTHER = (("sc_threshold", "0"),)  # key frames than those of the group
KINDS = (
    Kind(
        name="h264.mp4",
        video="libx264",
        audio="aac",
        fps=NTSC,
        options=(("g", "150"), ("bf", "3"), *NO_OTHER),
        rate_hz=44_100,
    ),
    Kind(
        name="open_gop.mp4",
        video="libx264",
        audio="aac",
        options=(("g", "90"), ("x264-params", "open-gop=1"), *NO_OTHER),
    ),
    Kind(
        name="vp9.webm",
        video="libvpx-vp9",
        audio="libopus",
        fps=Fraction(30),
        options=(("g", "128"), ("deadline", "realtime"), ("cpu-used", "8"), ("lag-in-frames", "10")),
    ),
    Kind(
        name="variable_rate.mp4",
        video="libx264",
        audio="aac",
        fps=Fraction(120),
        options=(("g", "60"), ("bf", "2"), *NO_OTHER),
        picture_lengths=(4, 5, 3, 12, 4, 9, 2),
        sound_late_s=0.35,
    ),
    Kind(name="h264.mkv", video="libx264", audio="libopus", fps=NTSC, options=(("g", "250"), ("bf", "2"), *NO_OTHER)),
    Kind(
        name="av1.mp4",
        video="libsvtav1",
        audio="libopus",
        options=(("g", "100"), ("preset", "10"), ("svtav1-params", "lp=1:enable-tf=0:crf=15")),
    ),
    Kind(name="intra.mov", video="mjpeg", audio="pcm_s16le", fps=Fraction(24)),
)


@dataclass(frozen=True)
class Written:
    """A written video: when each picture is shown and each click begins, seconds since the first picture."""

    path: Path
    shown_s: NDArray[np.float64]
    clicks_s: NDArray[np.float64]


def write_counted(folder: Path, kind: Kind, length_s: float, seed: int = 0) -> Written:
    """Write a video of ``kind``: numbered pictures, and clicks 0.2 to 0.6 s apart."""
    path = folder / kind.name
    rng = np.random.default_rng(seed)
    times_s = np.cumsum(rng.uniform(0.2, 0.6, int(length_s / 0.2)))
    times_s = times_s[(times_s > kind.sound_late_s + 0.1) & (times_s < length_s - 0.1)]
    sound = clicks(length_s - kind.sound_late_s, [*(times_s - kind.sound_late_s)], kind.rate_hz)
    ticks: list[int] = []
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(kind.video, rate=kind.fps, options=dict(kind.options))
        video.width, video.height = SIDE_PX * N_BITS, SIDE_PX * 4
        video.pix_fmt = "yuvj420p" if kind.video == "mjpeg" else "yuv420p"
        audio: Any = container.add_stream(kind.audio, rate=kind.rate_hz, layout="mono")
        frames: list[tuple[float, Any, Any]] = [(at, audio, one) for at, one in blocks(sound, audio, kind.sound_late_s)]
        tick = 0
        while tick < length_s * kind.fps:
            frame = av.VideoFrame.from_ndarray(_counted(len(ticks)), format="rgb24")
            frame.pts, frame.time_base = tick, 1 / kind.fps
            frames.append((float(tick / kind.fps), video, frame))
            ticks.append(tick)
            tick += kind.picture_lengths[len(ticks) % len(kind.picture_lengths)]
        for _, stream, frame in sorted(frames, key=lambda one: one[0]):
            container.mux(stream.encode(frame))
        for stream in (video, audio):
            container.mux(stream.encode(None))
    return Written(path, np.array([float(one / kind.fps) for one in ticks]), times_s)


def _counted(number: int) -> NDArray[np.uint8]:
    bits = [WHITE if number >> bit & 1 else BLACK for bit in range(N_BITS)]
    row = np.repeat(np.array(bits, np.uint8), SIDE_PX)
    return np.repeat(np.broadcast_to(row, (SIDE_PX * 4, len(row)))[:, :, None], 3, axis=2)


def number_shown(picture: NDArray[np.uint8]) -> int:
    """Return the number that a picture has in its blocks."""
    middles = picture[SIDE_PX:-SIDE_PX].reshape(-1, N_BITS, SIDE_PX)[:, :, 4:-4].mean(axis=(0, 2))
    return sum(int(middle > HALF_WHITE) << bit for bit, middle in enumerate(middles))


@dataclass(frozen=True)
class Errors:
    """What is read of one range, compared with the video; seconds."""

    is_cut: bool
    first: int
    """Number of the first picture, less the right one."""
    last: int
    picture_s: float
    """Of the times of the pictures in the list's clock, the largest error."""
    sound_s: float
    """Of the times of the clicks, the largest; infinite where one is missing."""
    apart_s: float
    """Largest error of the sound against the picture."""


def errors_of(written: Written, clip: Clip, media: Media, path: Path) -> Errors:
    """Return the errors of a clip that was fetched from a written video."""
    one = media_clip(clip, media, path.parent)
    assert one.start_s is not None
    assert one.end_s is not None
    assert clip.start_s is not None
    assert clip.end_s is not None
    frames = [(number_shown(frame.grey), frame.time_s) for frame in _frames(one)]
    right = np.flatnonzero((written.shown_s >= clip.start_s - 0.0005) & (written.shown_s < clip.end_s - 0.0005))
    to_list_s = clip.start_s - one.start_s
    late_s = np.array([time_s + to_list_s - written.shown_s[number] for number, time_s in frames])
    heard = click_times_s(extract_waveform(path, max_duration_s=600, start_s=one.start_s, end_s=one.end_s))
    found_s = np.array(heard) + clip.start_s
    # One that begins before the range, or ends behind it, is not whole.
    inside = written.clicks_s[(written.clicks_s > clip.start_s + 0.03) & (written.clicks_s < clip.end_s - 0.03)]
    sound_s = [found_s[np.abs(found_s - at).argmin()] - at if len(found_s) else np.inf for at in inside]
    return Errors(
        is_cut=media.cut_start_s is not None,
        first=frames[0][0] - int(right[0]),
        last=frames[-1][0] - int(right[-1]),
        picture_s=float(np.abs(late_s).max()),
        sound_s=float(np.abs(sound_s).max(initial=0.0)),
        apart_s=float(max((abs(one - float(np.median(late_s))) for one in sound_s), default=0.0)),
    )


def _frames(one: MediaClip) -> Iterator[Any]:
    return grey_frames(one.path, max_side_px=1280, start_s=one.start_s, end_s=one.end_s, has_jumps=one.has_jumps)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Yield the address of a local server of the files in ``folder``."""
    with _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: yt-dlp looks at the start of a file, and hangs up."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


PARAMS = DownloadParams(
    max_height_px=1080,
    max_size_mb=1000,
    min_duration_s=0.1,
    max_duration_s=3600,
    max_clip_s=None,
    cut_margin_s=MARGIN_S,
    max_total_gb=None,
    min_kept_share=None,
    hdr="tone_map",
)
SETTINGS = FetchSettings(
    rate_limit=None, retries=1, retry_wait_s=0, request_wait_s=0, timeout_s=60, cookies=None, js_runtimes=()
)


def range_of(address: str, number: int, start_s: float | None, end_s: float | None) -> Clip:
    """Return the clip of a range of what is at ``address``."""
    return Clip(
        clip_id=f"set/{number:04d}",
        dataset="set",
        identity="one",
        address=address,
        start_s=start_s,
        end_s=end_s,
        **NO_CROP,
        published_split="",
        range_fps=None,
        licence="",
        origin="benchmark",
        content_hash=content_of(address, start_s, end_s),
    )


def random_ranges(length_s: float, n: int, seed: int) -> list[tuple[float, float]]:
    """Return ranges of 0.5 to 8 s: to the millisecond, and every second one in whole seconds, as lists have them."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(n):
        start_s = rng.uniform(0, length_s - 9)
        end_s = start_s + rng.uniform(0.5, 8)
        found.append((round(start_s), round(end_s) + 1) if number % 2 else (round(start_s, 3), round(end_s, 3)))
    return [(float(start_s), float(end_s)) for start_s, end_s in found]


def measure(kind: Kind, ranges_s: Sequence[tuple[float, float]], length_s: float, folder: Path) -> list[Errors]:
    """Return the errors of ranges of one video, fetched through the download step."""
    (folder / "served").mkdir(parents=True, exist_ok=True)
    written = write_counted(folder / "served", kind, length_s)
    found = []
    with served(folder / "served") as address:
        url = f"{address}/{kind.name}"
        acquirer = Acquirer(PARAMS, SETTINGS, Downloads(folder / "unfinished", "", {url: len(ranges_s)}))
        for number, (start_s, end_s) in enumerate(ranges_s):
            item = folder / "item"
            item.mkdir()
            clip = range_of(url, number, start_s, end_s)
            result = acquirer(clip, item)
            if isinstance(result, Dropped):
                raise RuntimeError(f"{kind.name}: {result}")
            found.append(errors_of(written, clip, result[0], item / result[0].path))
            shutil.rmtree(item)
    return found


def main(n: Annotated[int, typer.Option(help="Number of ranges, of all kinds.")] = 50, seed: int = 1) -> None:
    """Measure cuts of ``n`` random ranges."""
    length_s, is_right = 60.0, True
    print("kind                 n  cut  right ends  picture, sound, apart: largest errors in ms")
    for number, kind in enumerate(KINDS):
        ranges_s = random_ranges(length_s, len(range(number, n, len(KINDS))), seed + number)
        with tempfile.TemporaryDirectory() as folder:
            found = measure(kind, ranges_s, length_s, Path(folder))
        n_right = sum(one.first == one.last == 0 for one in found)
        largest = [max(float(getattr(one, name)) for one in found) for name in ("picture_s", "sound_s", "apart_s")]
        n_cut = sum(one.is_cut for one in found)
        errors = " ".join(f"{1000 * one:.2f}" for one in largest)
        print(f"{kind.name:<18}{len(found):>4}{n_cut:>5}{n_right:>12}  {errors}")
        is_right &= all(abs(one.first) <= 1 and abs(one.last) <= 1 for one in found)
        is_right &= largest[1] <= MOST_LATE_S and largest[2] <= MOST_APART_S
    if not is_right:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
