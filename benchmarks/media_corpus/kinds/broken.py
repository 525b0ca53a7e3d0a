"""Files that are no media, or of which a part is lost."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.media_corpus.ffmpeg import H264, MP2, MP3, MPEG2, MPEG4, Encode, ff
from benchmarks.media_corpus.patches import atom, zeroed
from benchmarks.media_corpus.talkers import DURATION_S, Talker
from benchmarks.media_corpus.truth import FAILED, FILTERED, LOSSY_TOLERANCE, OK, Case, Heard, Shown, Truth, may_end, of
from benchmarks.media_corpus.workshop import Workshop


def broken() -> Iterator[Case]:
    nothing = Truth(shown=(), heard=(), picture=frozenset({FAILED, FILTERED}), sound=frozenset({FAILED, FILTERED}))
    contents: dict[str, tuple[str, Callable[[Workshop], bytes]]] = {
        "empty": ("mp4", lambda shop: b""),
        "text": ("mp4", lambda shop: b"not a video\n" * 50),
        "html": ("mkv", lambda shop: b"<!doctype html><title>404</title>" * 20),
        "random bytes": ("ts", lambda shop: _noise(3, 100_000)),
        "zeros": ("avi", lambda shop: bytes(50_000)),
        "only the head of an mp4": ("mp4", lambda shop: shop.clean(Talker(0), "mp4").read_bytes()[:40]),
        "truncated mp4": ("mp4", lambda shop: shop.clean(Talker(1), "mp4").read_bytes()[:-40_000]),
        "mp4 without mdat": ("mp4", lambda shop: _without(shop.clean(Talker(2), "mp4").read_bytes(), b"mdat")),
        "playlist": ("mp4", lambda shop: b"#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1:9/a.ts\n"),
        "concat list": ("mkv", lambda shop: f"ffconcat version 1.0\nfile '{shop.clean(Talker(0), 'mp4')}'\n".encode()),
    }
    for name, (suffix, content) in contents.items():
        yield Case(
            f"broken {name}",
            "broken",
            partial(_written, content),
            suffix,
            (nothing,),
        )
    yield Case(
        "broken a picture",
        "broken",
        lambda shop, path: _one_picture(shop, path, "mjpeg"),
        "mp4",
        (
            nothing,
            of(
                Talker(3),
                shown=(),
                heard=(),
                picture=frozenset({OK, FAILED, FILTERED}),
                sound=frozenset({FAILED, FILTERED}),
            ),
        ),
    )
    mute = Truth(
        shown=(),
        heard=(Heard(talker=Talker(4)),),
        picture=frozenset({FAILED, FILTERED}),
        sound=frozenset({OK, FAILED, FILTERED}),
    )
    for suffix in ("mp4", "mkv"):
        yield Case(
            f"broken only sound {suffix}",
            "broken",
            lambda shop, path: ff("-i", shop.clean(Talker(4), "mp4"), "-vn", "-c", "copy", path),
            suffix,
            (mute,),
        )
    for number, (suffix, share) in enumerate(
        (("mp4", 0.6), ("mkv", 0.6), ("ts", 0.6), ("flv", 0.7), ("mpg", 0.7), ("avi", 0.6))
    ):
        yield _damaged(
            f"cut at {share:.0%} {suffix}",
            suffix,
            Talker(number),
            partial(_cut, share),
        )
        yield _damaged(
            f"zeros in the middle {suffix}", suffix, Talker((number + 2) % 6), lambda data: zeroed(data, 0.5, 4000)
        )
        yield _damaged(f"bits changed {suffix}", suffix, Talker((number + 4) % 6), _bits_changed)
    yield _damaged("first third of a ts is gone", "ts", Talker(1), lambda data: data[len(data) // 3 :], from_start=True)
    yield _damaged("a ts begins within a packet", "ts", Talker(2), lambda data: data[1000:], from_start=True)
    yield _damaged("rubbish before a ts", "ts", Talker(3), lambda data: _noise(5, 3000) + data)
    yield _damaged("rubbish behind an mp4", "mp4", Talker(4), lambda data: data + _noise(6, 30_000))
    yield _damaged(
        "lost packets of a ts",
        "ts",
        Talker(0),
        lambda data: b"".join(data[at : at + 188] for at in range(0, len(data), 188) if at // 188 % 97 != 60),
    )


def _noise(seed: int, n_bytes: int) -> bytes:
    return np.random.default_rng(seed).bytes(n_bytes)


def _without(data: bytes, name: bytes) -> bytes:
    start, end = atom(data, name)
    return data[:start] + data[end:]


def _written(content: Callable[[Workshop], bytes], shop: Workshop, path: Path) -> None:
    path.write_bytes(content(shop))


def _cut(share: float, data: bytes) -> bytes:
    return data[: int(len(data) * share)]


def _one_picture(shop: Workshop, path: Path, shape: str) -> None:
    ff("-ss", 1, "-i", shop.clean(Talker(3), "mp4"), "-frames:v", 1, "-c:v", shape, "-f", "image2", "-update", 1, path)


def _bits_changed(data: bytes) -> bytes:
    rng, changed = np.random.default_rng(len(data)), bytearray(data)
    for _ in range(12):
        changed[rng.integers(len(data) // 3, len(data) * 5 // 6)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _damaged(
    name: str, suffix: str, talker: Talker, damage: Callable[[bytes], bytes], *, from_start: bool = False
) -> Case:
    """Return a file of which a part is lost. What is left may be read or not; faces and times that are read must be
    true, but what is seen in the lost part is not judged, nor what is heard there. A transport stream that only begins
    or ends too early can be read."""
    coder = {
        "mpg": Encode(video=(*MPEG2, "-g", "5"), sound=MP2),
        "avi": Encode(video=(*MPEG4, "-g", "5"), sound=MP3),
        "flv": Encode(video=(*H264, "-g", "5"), sound=MP3),
    }
    how = coder.get(
        suffix, Encode(video=(*H264, "-g", "5"), options=("-movflags", "faststart") if suffix == "mp4" else ())
    )

    def make(shop: Workshop, path: Path) -> None:
        path.write_bytes(damage(shop.clean(talker, suffix, how, "short-gop").read_bytes()))

    drops = () if suffix == "ts" and (from_start or name.startswith("cut")) else (FAILED, FILTERED)
    damaged = of(talker, is_damaged=True, colour_tolerance=LOSSY_TOLERANCE)
    if not from_start:
        return Case(f"broken {name}", "broken", make, suffix, (may_end(damaged, *drops),))
    # Where it begins now is for the first picture that can be shown to say: one of the key frames.
    truths = []
    for frame in range(0, 60, 5):
        at_s = frame / 25
        shown = (Shown(talker=talker, end_s=DURATION_S - at_s, source_s=at_s),)
        heard = (
            Heard(talker=None, end_s=0.3),
            Heard(talker=talker, start_s=0.3, end_s=DURATION_S - at_s, source_s=at_s + 0.3),
        )
        truths.append(may_end(replace(damaged, shown=shown, heard=heard), *drops))
    return Case(f"broken {name}", "broken", make, suffix, tuple(truths))
