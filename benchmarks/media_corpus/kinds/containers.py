"""Containers, streams without one, and files named as another one."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import AAC, H264, H265, MP2, MP3, MPEG2, MPEG4, Encode, ff
from benchmarks.media_corpus.talkers import Talker
from benchmarks.media_corpus.truth import FAILED, LOSSY_TOLERANCE, Case, may_end, of
from benchmarks.media_corpus.workshop import Workshop


def containers() -> Iterator[Case]:
    rows: list[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
        ("m2ts", H264, ("-c:a", "ac3"), ()),
        ("mts", H264, ("-c:a", "pcm_bluray"), ("-mpegts_m2ts_mode", "1")),  # else its sound is data of no kind
        ("vob", MPEG2, ("-c:a", "ac3"), ()),
        ("mpg", ("-c:v", "mpeg1video", "-q:v", "2"), MP2, ()),
        ("flv", ("-c:v", "flv", "-q:v", "2"), MP3, ()),
        ("f4v", H264, AAC, ("-f", "mp4")),
        ("wmv", ("-c:v", "wmv2", "-q:v", "2"), ("-c:a", "wmav2"), ()),
        ("asf", ("-c:v", "msmpeg4", "-q:v", "2"), ("-c:a", "wmav1"), ()),
        ("ogv", ("-c:v", "libtheora", "-q:v", "9"), ("-c:a", "libvorbis"), ()),
        (
            "webm",
            ("-c:v", "libvpx", "-crf", "8", "-b:v", "2M", "-cpu-used", "8", "-deadline", "realtime"),
            ("-c:a", "libvorbis"),
            (),
        ),
        ("3gp", MPEG4, AAC, ()),
        ("3g2", H264, AAC, ()),
        ("avi", ("-c:v", "libxvid", "-q:v", "2"), MP3, ()),
        ("avi", ("-c:v", "msmpeg4v2", "-q:v", "2"), ("-c:a", "pcm_s16le"), ()),
        ("nut", ("-c:v", "ffv1"), ("-c:a", "flac"), ()),
        ("mxf", MPEG2, ("-c:a", "pcm_s16le", "-ar", "48000"), ()),
        ("mkv", ("-c:v", "mjpeg", "-q:v", "2"), ("-c:a", "pcm_s16le"), ()),
        ("dv", ("-c:v", "dvvideo"), ("-c:a", "pcm_s16le", "-ar", "48000", "-ac", "2"), ()),
        ("ism", (*H264, "-bf", "0"), AAC, ("-f", "ismv")),  # without an edit list, B-frames would be out of step
        (
            "mkv",
            ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "12", "-x265-params", "log-level=error:pools=1"),
            ("-c:a", "libopus"),
            ("-cluster_time_limit", "100"),
        ),
    ]
    for number, (suffix, video, sound, options) in enumerate(rows):
        if suffix != "dv":
            yield _container(
                f"{suffix} {video[1]}", suffix, Talker(number % 6), Encode(video=video, sound=sound, options=options)
            )
    for suffix, video, shape in (
        ("h264", H264, "h264"),
        ("hevc", H265, "hevc"),
        ("m2v", MPEG2, "mpeg2video"),
        ("m4v", MPEG4, "m4v"),
    ):
        yield _raw(
            f"raw {suffix}",
            suffix,
            Talker(len(suffix) % 6),
            Encode(video=(*video, "-bf", "0") if suffix == "h264" else video, sound=(), options=("-f", shape)),
        )
    for true, said in (("mkv", "mp4"), ("ts", "mpg"), ("mp4", "avi"), ("flv", "mov"), ("webm", "mkv")):
        yield _misnamed(true, said, Talker(len(true + said) % 6))


def _container(name: str, suffix: str, talker: Talker, how: Encode) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        shop.encode(path, talker, how)

    return Case(f"container {name}", "container", make, suffix, (of(talker, colour_tolerance=LOSSY_TOLERANCE),))


def _raw(name: str, suffix: str, talker: Talker, how: Encode) -> Case:
    """Return a stream without a container, so without sound and stamps."""

    def make(shop: Workshop, path: Path) -> None:
        shop.encode(path, talker, how)

    truth = of(talker, heard=(), sound=frozenset({"no_audio", "no_sound"}))
    truths = (truth if suffix == "h264" else may_end(truth, FAILED),)
    return Case(f"container {name}", "container", make, suffix, truths)


def _misnamed(true: str, said: str, talker: Talker) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        coder = (
            ("-c:v", "libvpx", "-crf", "8", "-b:v", "2M", "-cpu-used", "8", "-c:a", "libopus")
            if true == "webm"
            else ("-c:v", "copy", *MP3)
            if true == "flv"
            else ("-c", "copy")
        )
        ff("-i", shop.clean(talker, "mp4"), *coder, "-f", {"mkv": "matroska", "ts": "mpegts"}.get(true, true), path)

    return Case(f"container {true} named {said}", "container", make, said, (of(talker),))
