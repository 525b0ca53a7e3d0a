"""Gaps, jumps and drift, and pictures at other and at varying rates."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import AAC, BT601, H264, MPEG4, Encode, ff
from benchmarks.media_corpus.kinds.starts import _coder
from benchmarks.media_corpus.talkers import DURATION_S, Talker
from benchmarks.media_corpus.truth import DISCONTINUOUS, FAILED, Case, Heard, Shown, Truth, may_end, of
from benchmarks.media_corpus.workshop import Workshop

INTRA = Encode(video=(*H264, "-g", "1"))


def gaps() -> Iterator[Case]:
    for number, suffix in enumerate(("mkv", "ts", "mp4", "mov", "flv")):
        yield _lossy(f"in the sound {suffix}", suffix, Talker(number), sound=(1.2, 2.0))
        yield _lossy(f"in the picture {suffix}", suffix, Talker(number + 1), picture=(1.2, 2.0))
        yield _lossy(f"in both {suffix}", suffix, Talker((number + 2) % 6), sound=(1.4, 2.0), picture=(1.4, 2.0))
    for jump_s in (0.5, 10.0):
        talker = Talker(3 if jump_s < 1 else 4)
        kept, closed = _jumped(talker, jump_s, both=True), of(talker)
        how = Encode(video=INTRA.video)
        yield _jump(f"both jump {jump_s:g} s", talker, jump_s, "av", (kept, may_end(closed, FAILED)), how)
    yield _jump(
        "only the sound jumps 0.6 s",
        Talker(1),
        0.6,
        "a",
        (may_end(_jumped(Talker(1), 0.6, both=False), FAILED),),
        INTRA,
    )
    yield _drift("sound 3 % slower by its stamps", Talker(5), 1.03)
    yield _drift("sound 3 % faster by its stamps", Talker(0), 0.97)


def _lossy(
    name: str,
    suffix: str,
    talker: Talker,
    *,
    sound: tuple[float, float] | None = None,
    picture: tuple[float, float] | None = None,
) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        clean = shop.clean(talker, "mkv", INTRA, "intra")
        filters = [
            f"-bsf:{stream}\nnoise=drop='between(pts*tb,{lost[0]},{lost[1]})'"
            for stream, lost in (("a", sound), ("v", picture))
            if lost
        ]
        ff("-i", clean, "-c", "copy", *(word for one in filters for word in one.split("\n")), path)

    heard: tuple[Heard, ...] = (Heard(talker=talker),)
    if sound:
        heard = (Heard(talker=talker, end_s=sound[0]), Heard(talker=talker, start_s=sound[1], source_s=sound[1]))
    shown: tuple[Shown, ...] = (Shown(talker=talker),)
    if picture:
        shown = (Shown(talker=talker, end_s=picture[0]), Shown(talker=talker, start_s=picture[1], source_s=picture[1]))
    return Case(f"gap {name}", "gap", make, suffix, (of(talker, shown=shown, heard=heard),))


def _jumped(talker: Talker, jump_s: float, *, both: bool) -> Truth:
    at_s = DURATION_S / 2
    heard = (
        Heard(talker=talker, end_s=at_s),
        Heard(talker=talker, start_s=at_s + jump_s, end_s=DURATION_S + jump_s, source_s=at_s),
    )
    shown: tuple[Shown, ...] = (Shown(talker=talker),)
    if both:
        shown = (
            Shown(talker=talker, end_s=at_s),
            Shown(talker=talker, start_s=at_s + jump_s, end_s=DURATION_S + jump_s, source_s=at_s),
        )
    return of(talker, shown=shown, heard=heard)


def _jump(name: str, talker: Talker, jump_s: float, streams: str, truths: tuple[Truth, ...], how: Encode) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        offset = f"if(gte(PTS*TB,{DURATION_S / 2}),{jump_s}/TB,0)"
        filters = [word for one in streams for word in (f"-bsf:{one}", f"setts=pts='PTS+{offset}':dts='DTS+{offset}'")]
        ff("-i", shop.clean(talker, "mkv", how, "intra"), "-c", "copy", *filters, path)

    return Case(f"gap {name}", "gap", make, "mkv", truths)


def _drift(name: str, talker: Talker, rate: float) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        ff("-i", shop.clean(talker, "mkv"), "-c", "copy", "-bsf:a", f"setts=pts='PTS*{rate}':dts='DTS*{rate}'", path)

    heard = (Heard(talker=talker, end_s=DURATION_S * rate, rate=1 / rate),)
    return Case(f"gap drift: {name}", "gap", make, "mkv", (may_end(of(talker, heard=heard), DISCONTINUOUS),))


def rates() -> Iterator[Case]:
    for number, (fps, suffix) in enumerate(
        (
            (Fraction(30000, 1001), "mp4"),
            (Fraction(24000, 1001), "mkv"),
            (Fraction(60), "ts"),
            (Fraction(15), "flv"),
            (Fraction(25, 2), "avi"),
            (Fraction(10), "mp4"),
        )
    ):
        yield _resampled(fps, suffix, Talker(number))
    for number, (suffix, pattern) in enumerate(
        (
            ("mp4", "mod(n,3)"),
            ("mkv", "mod(n,3)"),
            ("webm", "gt(mod(n,7),2)"),
            ("mov", "lt(n,40)+not(mod(n,2))"),
            ("mkv", "gt(random(0),0.3)"),
        )
    ):
        yield _chosen(f"variable rate {number} {suffix}", suffix, Talker(number), pattern)
    for suffix, coder in (("avi", (*MPEG4, "-bf", "2")), ("avi", (*H264, "-bf", "3"))):
        yield _plain(
            f"B-frames {coder[1]} {suffix}",
            suffix,
            Talker(1),
            Encode(video=coder, sound=("-c:a", "libmp3lame", "-ar", "48000")),
        )
    for name, options in (
        ("fragmented", ("-movflags", "frag_keyframe+empty_moov")),
        ("fragmented dash", ("-movflags", "dash+delay_moov", "-frag_duration", "500000")),
        ("negative cts", ("-movflags", "negative_cts_offsets")),
        ("faststart", ("-movflags", "faststart")),
        ("odd time scale", ("-video_track_timescale", "1000003")),
    ):
        yield _plain(f"mp4 {name}", "mp4", Talker(4), Encode(video=(*H264, "-bf", "3", "-g", "25"), options=options))
    yield _plain(
        "open GOP of mpeg2", "ts", Talker(5), Encode(video=("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "12"))
    )


def _plain(name: str, suffix: str, talker: Talker, how: Encode) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        shop.encode(path, talker, how)

    return Case(f"rate {name}", "rate", make, suffix, (of(talker),))


def _resampled(fps: Fraction, suffix: str, talker: Talker) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        master = shop.master(talker)
        indices = [master.index_at(float(n / fps)) for n in range(int(DURATION_S * fps))]
        sound = ("-c:a", "libmp3lame", "-ar", "44100") if suffix in ("avi", "flv") else AAC
        shop.encode(path, talker, Encode(sound=sound), frames=master.frames[indices], fps=fps)

    return Case(f"rate {float(fps):.3f} fps {suffix}", "rate", make, suffix, (of(talker),))


def _chosen(name: str, suffix: str, talker: Talker, pattern: str) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        how = _coder(suffix)
        shop.encode(
            path, talker, Encode(video=how.video, sound=how.sound, colour=f"{BT601},select='{pattern}+eq(n,0)'")
        )

    return Case(f"rate {name}", "rate", make, suffix, (of(talker),))
