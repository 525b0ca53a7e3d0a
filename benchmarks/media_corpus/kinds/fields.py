"""Interlaced pictures, and progressive ones that are flagged as interlaced."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import AAC, BT601, H264, MP2, MPEG2, Encode
from benchmarks.media_corpus.talkers import Talker
from benchmarks.media_corpus.truth import LOSSY_TOLERANCE, Case, Shown, may_end, of
from benchmarks.media_corpus.workshop import Workshop

N_FIELDS = 120
INTERLACED_MPEG2 = (*MPEG2, "-flags", "+ildct+ilme")


@dataclass(frozen=True, slots=True, kw_only=True)
class Woven:
    """25 pictures a second of two fields each, out of 50 pictures a second that swing from side to side."""

    name: str
    suffix: str
    person: int
    order: str
    video: tuple[str, ...]
    pix_fmt: str = "yuv420p"
    tells_order: bool = True
    late_s: float = 0.0
    """FFmpeg's writer makes the pictures so much late, from the second on."""

    @property
    def talker(self) -> Talker:
        return Talker(self.person, fps=50, pan_px=40, n_frames=N_FIELDS)

    def make(self, shop: Workshop, path: Path) -> None:
        pictures = shop.master(self.talker).frames
        woven, second = pictures[0::2].copy(), pictures[1::2]
        lines = slice(1 if self.order == "tff" else 0, None, 2)
        woven[:, lines] = second[:, lines]
        colour = BT601.replace("yuv420p", self.pix_fmt).replace("scale=", "scale=interl=1:")
        sound = MP2 if self.suffix == "mpg" else AAC
        how = Encode(video=self.video, colour=f"setfield={self.order},{colour},setfield={self.order}", sound=sound)
        shop.encode(path, self.talker, how, frames=woven, fps=25)

    def case(self) -> Case:
        # Without a place for the order of fields nobody can know it, and combs may stay.
        shown = (Shown(talker=self.talker, end_s=N_FIELDS / 50 + self.late_s, source_s=-self.late_s),)
        truth = of(self.talker, shown=shown, is_interlaced=self.tells_order, colour_tolerance=LOSSY_TOLERANCE)
        name = f"interlaced {self.name} {self.order}"
        return Case(name, "interlaced", self.make, self.suffix, (may_end(truth, "interlaced"),))


def fields() -> Iterator[Case]:
    for number, order in enumerate(("tff", "bff")):
        flagged = (*H264, "-x264-params", f"{order}=1")
        yield Woven(name="h264 mp4", suffix="mp4", person=number, order=order, video=flagged).case()
        yield Woven(name="h264 mkv", suffix="mkv", person=number, order=order, video=flagged).case()
        yield Woven(name="mpeg2 mpg", suffix="mpg", person=1 - number, order=order, video=INTERLACED_MPEG2).case()
        yield Woven(name="mpeg2 ts", suffix="ts", person=1 - number, order=order, video=INTERLACED_MPEG2).case()
    prores = ("-c:v", "prores_ks", "-flags", "+ildct")
    yield Woven(name="prores", suffix="mov", person=0, order="tff", video=prores, pix_fmt="yuv422p10le").case()
    yield Woven(
        name="ffv1 avi",
        suffix="avi",
        person=1,
        order="tff",
        video=("-c:v", "ffv1"),
        pix_fmt="yuv422p",
        tells_order=False,
        late_s=0.04,
    ).case()
    yield _flagged_only("h264 mp4", "mp4", (*H264, "-x264-params", "tff=1"))
    yield _flagged_only("mpeg2 ts", "ts", INTERLACED_MPEG2)
    yield _flagged_only("h264 mkv bff", "mkv", (*H264, "-x264-params", "bff=1"))


def _flagged_only(name: str, suffix: str, video: tuple[str, ...]) -> Case:
    talker = Talker(2, pan_px=40)

    def make(shop: Workshop, path: Path) -> None:
        shop.encode(path, talker, Encode(video=video, colour=f"{BT601},setfield=tff"))

    return Case(f"interlaced by its flag only {name}", "interlaced", make, suffix, (of(talker, is_interlaced=True),))
