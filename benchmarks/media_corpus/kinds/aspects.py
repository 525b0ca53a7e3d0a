"""Pixels that are not square, by container, codec or both."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import AAC, BT601, H264, MP2, MP3, MPEG2, MPEG4, OPUS, VP9, Encode, ff
from benchmarks.media_corpus.patches import set_matrix, turn_matrix
from benchmarks.media_corpus.talkers import SIZE_PX, Talker, squeezed
from benchmarks.media_corpus.truth import LOSSY_TOLERANCE, TURN_NAMES, TURNS, UPRIGHT, Case, Shown, Turn, View, of
from benchmarks.media_corpus.workshop import Workshop

SHAPES = {
    "4:3": (360, 272),
    "16:11": (330, 272),
    "64:45": (338, 272),
    "12:11": (440, 272),
    "3:4": (480, 204),
    "1:2": (480, 136),
    "2:1": (240, 272),
    "8:9": (480, 242),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anamorphic:
    """A file that stores ``stored_px`` (width, height), before a turn, of a picture of ``shown_aspect``.

    ``codec_says``: another pixel aspect in the codec than the true one in the container.
    """

    name: str
    suffix: str
    talker: Talker
    stored_px: tuple[int, int]
    codec_says: Fraction | None = None
    video: tuple[str, ...] = H264
    sound: tuple[str, ...] = AAC
    turn: Turn = UPRIGHT
    shown_aspect: Fraction = Fraction(*SIZE_PX)
    colour: str = BT601

    def make(self, shop: Workshop, path: Path) -> None:
        frames = self.turn.inverse.of(squeezed(shop.master(self.talker).frames, *self.stored_px))
        sar = self.shown_aspect * self.stored_px[1] / self.stored_px[0]
        sar = 1 / sar if self.turn.swaps_sides else sar
        said = sar if self.codec_says is None else self.codec_says
        colour = f"{self.colour},setsar={said.numerator}/{said.denominator}"
        first = path if self.codec_says is None else path.with_name(f"{path.stem}-first.mkv")
        shop.encode(first, self.talker, Encode(video=self.video, sound=self.sound, colour=colour), frames=frames)
        height, width = frames.shape[1:3]
        if self.codec_says is not None:
            shown = sar * width / height
            ff("-i", first, "-c", "copy", "-aspect", f"{shown.numerator}:{shown.denominator}", path)
            first.unlink()
        if self.turn != UPRIGHT:
            set_matrix(path, turn_matrix(self.turn, width, height))

    def case(self) -> Case:
        shown = Shown(talker=self.talker, view=View(aspect=float(self.shown_aspect)))
        truth = of(self.talker, shown=(shown,), colour_tolerance=LOSSY_TOLERANCE)
        return Case(f"aspect {self.name}", "aspect", self.make, self.suffix, (truth,))


def aspects() -> Iterator[Case]:
    for number, (ratio, size) in enumerate(SHAPES.items()):
        talkers = [Talker((number + k) % 6) for k in range(4)]
        yield Anamorphic(name=f"{ratio} mp4", suffix="mp4", talker=talkers[0], stored_px=size).case()
        yield Anamorphic(name=f"{ratio} only in the codec", suffix="ts", talker=talkers[0], stored_px=size).case()
        if number < 4:
            for name, suffix, talker, said in (
                ("only in the container", "mov", talkers[1], Fraction(1)),
                ("mkv display size", "mkv", talkers[2], Fraction(1)),
                ("container against codec", "mp4", talkers[3], Fraction(7, 10)),
            ):
                yield Anamorphic(
                    name=f"{ratio} {name}", suffix=suffix, talker=talker, stored_px=size, codec_says=said
                ).case()
    wide = Fraction(16, 9)
    small = (360, 272)
    for case in (
        Anamorphic(
            name="mpeg2 16:9", suffix="mpg", talker=Talker(1), stored_px=(352, 240), video=MPEG2, sound=MP2,
            shown_aspect=wide,
        ),
        Anamorphic(
            name="mpeg2 mkv", suffix="mkv", talker=Talker(2), stored_px=(352, 288), video=MPEG2, shown_aspect=wide
        ),
        Anamorphic(name="avi mpeg4", suffix="avi", talker=Talker(3), stored_px=small, video=MPEG4, sound=MP3),
        Anamorphic(name="vp9 webm", suffix="webm", talker=Talker(4), stored_px=small, video=VP9, sound=OPUS),
        Anamorphic(
            name="prores mov", suffix="mov", talker=Talker(5), stored_px=small, video=("-c:v", "prores_ks"),
            colour=BT601.replace("yuv420p", "yuv422p10le"),
        ),
    ):  # fmt: skip
        yield case.case()
    for number in (1, 3, 4, 6):
        turn, name, talker = TURNS[number], TURN_NAMES[number], Talker(number % 6)
        yield Anamorphic(name=f"with a matrix {name}", suffix="mp4", talker=talker, stored_px=small, turn=turn).case()
        yield Anamorphic(
            name=f"narrow with a matrix {name}", suffix="mov", talker=talker, stored_px=(480, 204), turn=turn
        ).case()
