"""The same picture coded by other matrices, ranges, depths, samplings and transfers, with and without tags."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import AV1, H264, H264_RGB, H265, OPUS, VP9, Encode
from benchmarks.media_corpus.talkers import Talker, squeezed
from benchmarks.media_corpus.truth import GOOD_TOLERANCE, HDR_TOLERANCE, LOSSY_TOLERANCE, Case, may_end, of
from benchmarks.media_corpus.workshop import Workshop

PRORES = ("-c:v", "prores_ks")
FFV1 = ("-c:v", "ffv1")
SD, HD = (480, 272), (1280, 720)
N_FRAMES_HD = 50  # large pictures cost as much as seven others each
MATRIX_TAG = {"bt601": "smpte170m", "bt709": "bt709", "bt2020": "bt2020nc", "smpte240m": "smpte240m", "fcc": "fcc"}
# To the light of a screen whose white is 203 cd/m2 (BT.2408), and from there to the curve of PQ or HLG.
_TO_HDR = (
    "format=gbrp,setparams=color_primaries=bt709:color_trc={curve}:range=pc,zscale=tin={curve}:pin=bt709:min=gbr:rin=full:t=linear:"
    "npl=203,format=gbrpf32le,zscale=p={primaries}:t={transfer}:m={matrix}:r={spread}:npl=203,format={pix_fmt}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How RGB becomes the coded picture; ``tags``: what the file says of it ('' for nothing)."""

    matrix: str = "bt709"
    is_full: bool = False
    pix_fmt: str = "yuv420p"
    tags: str = ""

    @property
    def filters(self) -> str:
        spread = "pc" if self.is_full else "tv"
        tags = self.tags or "colorspace=unknown"
        scaled = f"scale=out_color_matrix={self.matrix}:out_range={spread}:flags=accurate_rnd"
        return f"{scaled},format={self.pix_fmt},setparams={tags}"


def tagged(matrix: str, *, is_full: bool = False, pix_fmt: str = "yuv420p") -> Coding:
    spread = "pc" if is_full else "tv"
    tags = f"colorspace={MATRIX_TAG[matrix]}:range={spread}:color_primaries=bt709:color_trc=bt709"
    return Coding(matrix=matrix, is_full=is_full, pix_fmt=pix_fmt, tags=tags)


def codings() -> Iterator[Case]:
    sounds = {"webm": OPUS}
    # (name, suffix, coder, coding, size)
    rows: list[tuple[str, str, tuple[str, ...], Coding, tuple[int, int]]] = [
        *(
            (f"{m} {'full' if f else 'limited'} h264 mp4", "mp4", H264, tagged(m, is_full=f), SD)
            for m in MATRIX_TAG
            for f in (False, True)
            if not f or m.startswith("bt")
        ),
        *((f"{m} limited h264 mkv", "mkv", H264, tagged(m), SD) for m in ("bt601", "bt709")),
        ("untagged SD", "mp4", H264, Coding(matrix="bt601"), SD),
        ("untagged SD ts", "ts", H264, Coding(matrix="bt601"), SD),
        ("untagged HD", "mp4", H264, Coding(matrix="bt709"), HD),
        ("untagged HD mkv vp9", "mkv", VP9, Coding(matrix="bt709"), HD),
        ("untagged HD ts", "ts", H264, Coding(matrix="bt709"), HD),
        ("untagged HD 10 bit", "mp4", H265, Coding(matrix="bt709", pix_fmt="yuv420p10le"), HD),
        ("HD tagged 601", "mp4", H264, tagged("bt601"), HD),
        ("HD full 709", "mov", H264, tagged("bt709", is_full=True), HD),
        *(
            (f"709 {p}", "mkv", FFV1, tagged("bt709", pix_fmt=p), SD)
            for p in ("yuv422p", "yuv444p", "yuv410p", "yuv411p", "yuv420p10le", "yuv444p16le")
        ),
        *(
            (f"709 h264 {p}", "mp4", H264, tagged("bt709", pix_fmt=p), SD)
            for p in ("yuv422p", "yuv444p", "yuv420p10le")
        ),
        ("709 444 full 10 bit", "mkv", H265, tagged("bt709", is_full=True, pix_fmt="yuv444p10le"), SD),
        ("709 hevc 10 bit", "mp4", H265, tagged("bt709", pix_fmt="yuv420p10le"), SD),
        ("709 hevc full mov", "mov", (*H265, "-tag:v", "hvc1"), tagged("bt709", is_full=True), SD),
        ("709 vp9 webm", "webm", VP9, tagged("bt709"), SD),
        ("601 vp9 webm", "webm", VP9, tagged("bt601"), SD),
        ("709 vp9 full webm", "webm", VP9, tagged("bt709", is_full=True), SD),
        ("709 av1 mp4", "mp4", AV1, tagged("bt709"), SD),
        ("709 av1 10 bit webm", "webm", AV1, tagged("bt709", pix_fmt="yuv420p10le"), SD),
        ("709 prores", "mov", PRORES, tagged("bt709", pix_fmt="yuv422p10le"), SD),
        (
            "mjpeg avi",
            "avi",
            ("-c:v", "mjpeg", "-q:v", "2"),
            Coding(matrix="bt601", is_full=True, pix_fmt="yuvj420p", tags="range=pc"),
            SD,
        ),
        (
            "mjpeg 444 mov",
            "mov",
            ("-c:v", "mjpeg", "-q:v", "2"),
            Coding(matrix="bt601", is_full=True, pix_fmt="yuvj444p", tags="range=pc"),
            SD,
        ),
        ("v210 mov 709", "mov", ("-c:v", "v210"), tagged("bt709", pix_fmt="yuv422p10le"), SD),
        ("mpeg2 709 ts", "ts", ("-c:v", "mpeg2video", "-q:v", "2"), tagged("bt709"), SD),
        ("theora ogv", "ogv", ("-c:v", "libtheora", "-q:v", "10"), Coding(matrix="bt601"), SD),
    ]
    for number, (name, suffix, video, coding, size) in enumerate(rows):
        audio = ("-c:a", "libvorbis") if suffix == "ogv" else sounds.get(suffix, Encode().sound)
        how = Encode(video=video, colour=coding.filters, sound=audio if suffix != "avi" else ("-c:a", "pcm_s16le"))
        yield _coded(f"colour {name}", suffix, how, size, number)
    for number, (name, suffix, video, pix_fmt) in enumerate(
        (
            ("x264rgb mp4", "mp4", H264_RGB, "rgb24"),
            ("png mov", "mov", ("-c:v", "png"), "rgb24"),
            ("huffyuv avi", "avi", ("-c:v", "huffyuv"), "rgb24"),
            ("utvideo avi", "avi", ("-c:v", "utvideo"), "gbrp"),
            ("ffv1 rgb", "mkv", FFV1, "bgr0"),
            ("ffv1 rgb 16 bit", "mkv", FFV1, "gbrp16le"),
            ("qtrle mov", "mov", ("-c:v", "qtrle"), "rgb24"),
            ("qtrle with alpha", "mov", ("-c:v", "qtrle"), "argb"),
            ("raw bgr avi", "avi", ("-c:v", "rawvideo"), "bgr24"),
            ("vp9 gbr", "webm", VP9, "gbrp"),
            ("ffv1 with alpha", "mkv", FFV1, "bgra"),
        )
    ):
        audio = OPUS if suffix == "webm" else Encode().sound if suffix in ("mp4", "mkv") else ("-c:a", "pcm_s16le")
        yield _coded(f"colour {name}", suffix, Encode(video=video, colour=f"format={pix_fmt}", sound=audio), SD, number)
    for number, (name, suffix, video) in enumerate((("grey ffv1", "mkv", FFV1), ("grey h264", "mp4", H264))):
        how = Encode(video=video, colour="format=gray")
        yield _coded(f"colour {name}", suffix, how, SD, number, is_grey=True)


def _coded(name: str, suffix: str, how: Encode, size: tuple[int, int], number: int, *, is_grey: bool = False) -> Case:
    talker = Talker(number % 6) if size == SD else Talker(number % 2, n_frames=N_FRAMES_HD)

    def make(shop: Workshop, path: Path) -> None:
        frames = shop.master(talker).frames
        shop.encode(path, talker, how, frames=frames if size == SD else squeezed(frames, *size))

    is_rough = any(word in name for word in ("yuv410p", "yuv411p", "theora", "mpeg2", "webm", "av1", "fcc", "mjpeg"))
    tolerance = LOSSY_TOLERANCE if is_rough else GOOD_TOLERANCE
    truth = of(talker, colour_tolerance=tolerance, is_grey=is_grey)
    if size != SD:
        truth = replace(truth, shown=tuple(replace(one, view=replace(one.view, aspect=16 / 9)) for one in truth.shown))
    return Case(name, "colour", make, suffix, (truth,))


def _to_hdr(transfer: str, pix_fmt: str = "yuv420p10le", spread: str = "tv", primaries: str = "bt2020") -> str:
    tags = f"setparams=colorspace=bt2020nc:color_primaries={primaries}:color_trc={transfer}:range={spread}"
    filters = _TO_HDR.format(
        curve="bt709", primaries=primaries, transfer=transfer, matrix="bt2020nc", spread=spread, pix_fmt=pix_fmt
    )
    return f"{filters},{tags}"


def high_dynamic_range() -> Iterator[Case]:
    rows = [
        ("{} hevc mp4", "mp4", H265, "yuv420p10le", "tv"),
        ("{} hevc mkv", "mkv", H265, "yuv420p10le", "tv"),
        ("{} vp9 webm", "webm", (*VP9, "-profile:v", "2"), "yuv420p10le", "tv"),
        ("{} av1 mp4", "mp4", AV1, "yuv420p10le", "tv"),
        ("{} h264 10 bit mov", "mov", H264, "yuv420p10le", "tv"),
        ("{} ffv1 444 full", "mkv", FFV1, "yuv444p12le", "pc"),
        ("{} hevc ts", "ts", H265, "yuv420p10le", "tv"),
        ("{} 8 bit", "mp4", H264, "yuv420p", "tv"),
    ]
    for curve, transfer in (("pq", "smpte2084"), ("hlg", "arib-std-b67")):
        for number, (name, suffix, video, pix_fmt, spread) in enumerate(rows):
            how = Encode(
                video=video,
                colour=_to_hdr(transfer, pix_fmt, spread),
                sound=OPUS if suffix == "webm" else Encode().sound,
            )
            yield _hdr(f"hdr {name.format(curve)}", suffix, how, Talker(number % 6))
    wide = _to_hdr("bt709", "yuv420p10le")
    yield _hdr("hdr not: bt2020 colours with the curve of SDR", "mp4", Encode(video=H265, colour=wide), Talker(1))
    p3 = _to_hdr("bt709", "yuv420p", primaries="smpte432").replace("bt2020nc", "bt709")
    yield _hdr("hdr not: P3 colours of a phone", "mov", Encode(video=H264, colour=p3), Talker(2))
    p3_hdr = _to_hdr("smpte2084", primaries="smpte432")
    yield _hdr("hdr pq with P3 colours", "mp4", Encode(video=H265, colour=p3_hdr), Talker(4))


def _hdr(name: str, suffix: str, how: Encode, talker: Talker) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        shop.encode(path, talker, how)

    return Case(
        name,
        "hdr",
        make,
        suffix,
        (may_end(of(talker, colour_tolerance=HDR_TOLERANCE), *(("hdr",) if "not" not in name else ())),),
    )
