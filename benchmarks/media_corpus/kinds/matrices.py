"""Display matrices: pictures that are stored turned or mirrored, and shown otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import H264, MPEG4, Encode
from benchmarks.media_corpus.patches import set_matrix, turn_matrix
from benchmarks.media_corpus.talkers import Talker
from benchmarks.media_corpus.truth import (
    FILTERED,
    TURN_NAMES,
    TURNS,
    UPRIGHT,
    Case,
    Shown,
    Truth,
    Turn,
    may_end,
    of,
    turned_view,
)
from benchmarks.media_corpus.workshop import Workshop

HFLIP = TURNS[4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A file whose matrix says ``tag``; stored so that it is shown upright, or (``only``) as the tag turns it."""

    name: str
    tag: Turn
    talker: Talker
    suffix: str = "mp4"
    only: bool = False
    of_movie: bool = False
    translated: bool = True
    scale: float = 1.0
    video: tuple[str, ...] = H264

    def make(self, shop: Workshop, path: Path) -> None:
        stored = UPRIGHT if self.only else self.tag.inverse
        frames = stored.of(shop.master(self.talker).frames)
        shop.encode(path, self.talker, Encode(video=self.video), frames=frames)
        height, width = frames.shape[1:3]
        matrix = turn_matrix(self.tag, width, height, translated=self.translated, scale=self.scale)
        set_matrix(path, matrix, of_movie=self.of_movie)

    def case(self) -> Case:
        shown = self.tag if self.only else UPRIGHT
        return Case(f"matrix {self.name}", "matrix", self.make, self.suffix, (_truth(self.talker, shown),))


def matrices() -> Iterator[Case]:
    for number, (name, turn) in enumerate(zip(TURN_NAMES, TURNS, strict=True)):
        talkers = [Talker((number + k) % 6) for k in range(4)]
        for suffix in ("mp4", "mov"):
            yield Tagged(name=f"stored {name} tagged so {suffix}", tag=turn, talker=talkers[0], suffix=suffix).case()
        if turn != UPRIGHT:
            yield Tagged(name=f"only tagged {name}", tag=turn, talker=talkers[1], only=True).case()
            yield Tagged(name=f"{name} by the movie's matrix", tag=turn, talker=talkers[2], of_movie=True).case()
            yield Tagged(
                name=f"{name} without translation", tag=turn, talker=talkers[3], suffix="mov", translated=False
            ).case()
    for number in (1, 4, 6):
        name, turn, talker = TURN_NAMES[number], TURNS[number], Talker(number % 6)
        yield Tagged(name=f"{name} and twice as large", tag=turn, talker=talker, scale=2.0).case()
        yield Tagged(name=f"{name} in m4v of mpeg4", tag=turn, talker=talker, suffix="m4v", video=MPEG4).case()
    yield Tagged(name="matrix of zeros", tag=UPRIGHT, talker=Talker(3), scale=0.0).case()
    for number in (1, 4, 7):
        yield _by_codec(TURN_NAMES[number], TURNS[number], Talker(number % 6))


def _truth(talker: Talker, shown: Turn) -> Truth:
    truth = of(talker, shown=(Shown(talker=talker, view=turned_view(shown)),))
    if shown in (UPRIGHT, HFLIP):
        return truth
    # A face that is shown lying or upside down need not be found, or not in all pictures.
    return may_end(replace(truth, min_covered_share=0.0), FILTERED, sound=())


def _by_codec(name: str, turn: Turn, talker: Talker) -> Case:
    """Return a transport stream whose pictures carry the turn themselves: SEI display orientation."""
    flips = {(0, 1, -1, 0): "rotate=-90", (-1, 0, 0, 1): "flip=horizontal", (0, -1, -1, 0): "rotate=90:flip=vertical"}

    def make(shop: Workshop, path: Path) -> None:
        frames = turn.inverse.of(shop.master(talker).frames)
        values = flips[turn.a, turn.b, turn.c, turn.d]
        options = ("-bsf:v", f"h264_metadata=display_orientation=insert:{values}")
        shop.encode(path, talker, Encode(options=options), frames=frames)

    return Case(f"matrix {name} by the codec", "matrix", make, "ts", (_truth(talker, UPRIGHT),))
