"""Parts of a long file, as a list names them."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import AAC, Encode, ff, write_wave
from benchmarks.media_corpus.kinds.starts import GOP
from benchmarks.media_corpus.talkers import DURATION_S, SOUND_HZ, Talker, joined_sound
from benchmarks.media_corpus.truth import FAILED, FILTERED, Case, Heard, Shown, Truth
from benchmarks.media_corpus.workshop import Workshop

N_PARTS = 60  # of a long file: 216 s, more than the corpus lets the project decode of one file's sound


def ranges() -> Iterator[Case]:
    for suffix in ("mp4", "mkv", "ts"):
        for start_s, end_s in ((1.2, 6.5), (50.4, 54.0), (151.3, 155.8), (212.4, 216.0)):
            yield _range(f"{start_s:g} to {end_s:g} s of {suffix}", suffix, start_s, end_s)
    yield _range("from late to the end mp4", "mp4", 212.4, None)
    yield _range("over the end mkv", "mkv", 213.0, 260.0)
    yield _range("to the middle mp4", "mp4", None, 2.8)
    yield _range("half a frame off mp4", "mp4", 100.82, 105.02)
    gone = Truth(picture=frozenset({"bad_range", FAILED, FILTERED}), sound=frozenset({"bad_range", FAILED, FILTERED}))
    for suffix in ("mp4", "mkv", "ts"):
        yield _range(f"behind the end {suffix}", suffix, 300.0, 310.0, (gone,))


def _range(name: str, suffix: str, start_s: float | None, end_s: float | None, truths: tuple[Truth, ...] = ()) -> Case:
    """Return a part of a long file in which six talkers take turns."""
    total_s = N_PARTS * DURATION_S
    first, last = start_s or 0.0, min(end_s or total_s, total_s)
    pieces = []
    for number in range(N_PARTS):
        begin_s = number * DURATION_S
        from_s, to_s = max(first, begin_s), min(last, begin_s + DURATION_S)
        if to_s - from_s > 0.1:
            pieces.append((from_s, to_s, Talker(number % 6), from_s - begin_s))
    shown = tuple(Shown(start_s=s, end_s=e, talker=t, source_s=at) for s, e, t, at in pieces)
    heard = tuple(Heard(start_s=s, end_s=e, talker=t, source_s=at) for s, e, t, at in pieces)
    truth = Truth(shown=shown, heard=heard, min_covered_share=0.7)
    return Case(
        f"range {name}",
        "range",
        lambda shop, path: _long(shop, path, suffix),
        suffix,
        truths or (truth,),
        (start_s, end_s),
    )


def _long(shop: Workshop, path: Path, suffix: str) -> None:
    def write(to: Path) -> None:
        parts = [
            shop.clean(Talker(number % 6), "mkv", Encode(video=GOP.video, sound=()), "gop-mute")
            for number in range(N_PARTS)
        ]
        listing = to.with_suffix(".txt")
        listing.write_text("".join(f"file '{part.absolute()}'\n" for part in parts))
        waves = [shop.master(Talker(number % 6)).sound for number in range(N_PARTS)]
        wave = write_wave(to.with_suffix(".wav"), joined_sound(waves), SOUND_HZ)
        ff(
            "-f",
            "concat",
            "-safe",
            0,
            "-i",
            listing,
            "-i",
            wave,
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c:v",
            "copy",
            *AAC,
            to,
        )

    long = shop.once(f"long.{suffix}", write)
    path.hardlink_to(long)
