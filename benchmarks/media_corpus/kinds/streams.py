"""More streams than a picture and its sound: other sound tracks, covers, previews, subtitles, data; or fewer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.media_corpus.ffmpeg import MP3, ff
from benchmarks.media_corpus.talkers import DURATION_S, Talker
from benchmarks.media_corpus.truth import Case, Heard, Truth, of
from benchmarks.media_corpus.workshop import Workshop

CHAPTERS = (
    ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=a\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=3600\ntitle=b\n"
)
ANNEX_B = ("-bsf:v", "h264_mp4toannexb")  # as an AVI has its H.264
SUBTITLES = "1\n00:00:00,200 --> 00:00:02,900\n{}\n\n2\n00:00:03,000 --> 00:00:03,500\nb\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """A file of ``n`` sound tracks: number ``own`` is the talker's, the others are other persons' or silent.

    ``flags``: dispositions of the own track and of the others; ``other``: an encoder's option for the others.
    """

    name: str
    suffix: str
    talker: Talker
    own: int
    n: int = 2
    flags: tuple[str, str] = ("default", "0")
    other: tuple[str, str] | None = None
    silent_others: bool = False
    coder: tuple[str, ...] = ("-c:a", "aac", "-b:a", "128k")
    truths: tuple[Truth, ...] = ()

    def make(self, shop: Workshop, path: Path) -> None:
        inputs: list[Any] = ["-i", shop.clean(self.talker, "mkv")]
        maps, options = ["-map", "0:v"], []
        for number in range(self.n):
            is_own = number == self.own
            other = Talker((self.talker.person + 1 + (number > self.own)) % 6)
            if self.silent_others and not is_own:
                inputs += ["-f", "lavfi", "-t", DURATION_S, "-i", "anullsrc=r=48000"]
            else:
                inputs += ["-i", shop.wave(self.talker if is_own else other)]
            maps += ["-map", f"{number + 1}:a"]
            options += [f"-disposition:a:{number}", self.flags[0 if is_own else 1]]
            options += [self.other[0].format(number), self.other[1]] if self.other and not is_own else []
        ff(*inputs, *maps, "-c:v", "copy", *self.coder, *options, path)

    def case(self) -> Case:
        return Case(f"streams {self.name}", "streams", self.make, self.suffix, self.truths or (of(self.talker),))


def tracks() -> Iterator[Case]:
    """Yield files of several sound tracks, of which it is clear which one is to be heard."""
    for number, (suffix, own, n) in enumerate(
        (
            ("mkv", 1, 2),
            ("mkv", 0, 2),
            ("mkv", 2, 3),
            ("mp4", 1, 2),
            ("mp4", 0, 2),
            ("mov", 1, 2),
            ("mov", 2, 3),
            ("mkv", 1, 3),
        )
    ):
        name = f"sound {own + 1} of {n} is the default {suffix}"
        yield Tracks(name=name, suffix=suffix, talker=Talker(number % 6), own=own, n=n).case()
    yield Tracks(
        name="the default is mono, the other 5.1", suffix="mkv", talker=Talker(2), own=1, other=("-ac:a:{}", "6")
    ).case()
    yield Tracks(
        name="the default is at 16 kHz, the other at 48",
        suffix="mkv",
        talker=Talker(3),
        own=1,
        other=("-ar:a:{}", "48000"),
    ).case()
    for number, flags in enumerate(("comment", "visual_impaired+descriptions")):
        yield Tracks(
            name=f"{flags} first", suffix="mkv", talker=Talker(4 + number), own=1, flags=("default", flags)
        ).case()
    yield Tracks(name="the other is silent", suffix="mp4", talker=Talker(1), own=1, silent_others=True).case()
    both = ("default", "default")
    yield Tracks(name="both are defaults: the first", suffix="mkv", talker=Talker(0), own=0, flags=both).case()
    either = tuple(of(Talker(3), heard=(Heard(talker=Talker(person)),)) for person in (3, 4))
    yield Tracks(name="no default", suffix="mkv", talker=Talker(3), own=0, flags=("0", "0"), truths=either).case()
    yield Tracks(name="two in a transport stream: the first", suffix="ts", talker=Talker(5), own=0).case()
    yield Tracks(name="two in avi: the first", suffix="avi", talker=Talker(2), own=0, coder=(*MP3, *ANNEX_B)).case()


def pictures() -> Iterator[Case]:
    for number, suffix in enumerate(("mp4", "mov", "mkv", "m4v")):
        yield _cover(f"cover behind {suffix}", suffix, Talker(number), first=False, flag=True)
        if suffix != "mkv":
            yield _cover(f"cover before {suffix}", suffix, Talker(number + 1), first=True, flag=True)
    yield _cover("cover before, without its flag mkv", "mkv", Talker(4), first=True, flag=False)
    yield _cover("cover behind, without its flag mkv", "mkv", Talker(5), first=False, flag=False)
    yield _cover("cover larger than the picture", "mp4", Talker(2), first=True, flag=True, size="1280:726")
    yield _attached("cover as an attachment mkv", Talker(3))
    yield _preview("small preview before", Talker(0), first=True)
    yield _preview("small preview behind", Talker(1), first=False)


def _cover(name: str, suffix: str, talker: Talker, *, first: bool, flag: bool, size: str = "480:272") -> Case:
    """Return a file with a picture of another person beside the video."""
    other = Talker((talker.person + 3) % 6)

    def make(shop: Workshop, path: Path) -> None:
        cover = _still(shop, other, size)
        cover_at = 0 if first else 1
        maps = ["-map", "1:v", "-map", "0:v", "-map", "0:a"] if first else ["-map", "0:v", "-map", "0:a", "-map", "1:v"]
        flags = [f"-disposition:v:{cover_at}", "attached_pic"] if flag else []
        if not flag:
            flags = [f"-disposition:v:{1 - cover_at}", "default", f"-disposition:v:{cover_at}", "0"]
        ff("-i", shop.clean(talker, "mp4"), "-i", cover, *maps, "-c", "copy", *flags, path)

    return Case(f"streams {name}", "streams", make, suffix, (of(talker),))


def _still(shop: Workshop, talker: Talker, size: str) -> Path:
    def write(path: Path) -> None:
        ff("-ss", 1, "-i", shop.clean(talker, "mp4"), "-frames:v", 1, "-vf", f"scale={size}", "-q:v", 2, path)

    return shop.once(f"cover-{talker.person}-{size.replace(':', 'x')}.jpg", write)


def _attached(name: str, talker: Talker) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        cover = _still(shop, Talker((talker.person + 2) % 6), "480:272")
        ff(
            "-i",
            shop.clean(talker, "mp4"),
            "-attach",
            cover,
            "-metadata:s:t",
            "mimetype=image/jpeg",
            "-c",
            "copy",
            path,
        )

    return Case(f"streams {name}", "streams", make, "mkv", (of(talker),))


def _preview(name: str, talker: Talker, *, first: bool) -> Case:
    """Return a file with a second, small video of another person; the large one has the flag of the default."""

    def make(shop: Workshop, path: Path) -> None:
        other = shop.clean(Talker((talker.person + 2) % 6), "mp4")
        small = shop.once(f"small-{talker.person}.mp4", lambda to: ff("-i", other, "-an", "-vf", "scale=160:90", to))
        maps = ["-map", "1:v", "-map", "0:v"] if first else ["-map", "0:v", "-map", "1:v"]
        large_at = int(first)
        flags = [f"-disposition:v:{large_at}", "default", f"-disposition:v:{1 - large_at}", "0"]
        ff("-i", shop.clean(talker, "mp4"), "-i", small, *maps, "-map", "0:a", "-c", "copy", *flags, path)

    return Case(f"streams {name}", "streams", make, "mkv", (of(talker),))


def others() -> Iterator[Case]:
    for number, (suffix, coder) in enumerate(
        (("mp4", "mov_text"), ("mkv", "srt"), ("mov", "mov_text"), ("mkv", "ass"))
    ):
        yield _subtitled(f"subtitles {coder} {suffix}", suffix, Talker(number), coder)
    yield _edited("time code track", "mov", Talker(4), ("-timecode", "01:00:00:00"))
    yield _edited("chapters", "mkv", Talker(5), (), chapters=True)
    yield _edited("data in a transport stream", "ts", Talker(0), ("-mpegts_flags", "+system_b", "-muxrate", "8M"))
    yield _edited("other program numbers", "ts", Talker(1), ("-mpegts_start_pid", "0x200", "-mpegts_service_id", "7"))
    quiet = frozenset({"no_audio", "no_sound"})
    for suffix in ("mp4", "mkv", "ts"):
        yield _edited(f"no sound {suffix}", suffix, Talker(2), ("-an",), of(Talker(2), heard=(), sound=quiet))
    quiet = frozenset({"no_speech", "silent", "no_sound"})
    yield _filtered("silent sound", Talker(3), "volume=0", of(Talker(3), heard=(), sound=quiet))
    yield _filtered(
        "sound ends early", Talker(4), "atrim=end=2.2", of(Talker(4), heard=(Heard(talker=Talker(4), end_s=2.2),))
    )
    longer = of(Talker(5), heard=(Heard(talker=Talker(5)),))
    yield _filtered("sound goes on in silence", Talker(5), "apad=whole_dur=6", longer)
    yield _filtered(
        "picture ends early",
        Talker(0),
        "anull",
        of(Talker(0), shown=(type(of(Talker(0)).shown[0])(talker=Talker(0), end_s=2.4),)),
        n_frames=60,
    )


def _subtitled(name: str, suffix: str, talker: Talker, coder: str) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        text = shop.once(f"text-{talker.person}.srt", lambda to: to.write_text(SUBTITLES.format(name)))
        ff("-i", shop.clean(talker, "mp4"), "-i", text, "-map", "1", "-map", "0", "-c", "copy", "-c:s", coder, path)

    return Case(f"streams {name}", "streams", make, suffix, (of(talker),))


def _edited(
    name: str,
    suffix: str,
    talker: Talker,
    options: tuple[str, ...],
    truth: Truth | None = None,
    *,
    chapters: bool = False,
) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        notes: tuple[Any, ...] = ()
        if chapters:
            text = CHAPTERS
            notes = ("-i", shop.once("chapters.txt", lambda to: to.write_text(text)), "-map_metadata", "1")
        ff("-i", shop.clean(talker, "mp4"), *notes, "-c", "copy", *options, path)

    return Case(f"streams {name}", "streams", make, suffix, (truth or of(talker),))


def _filtered(name: str, talker: Talker, filters: str, truth: Truth, *, n_frames: int | None = None) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        picture = ("-frames:v", str(n_frames)) if n_frames else ()
        ff("-i", shop.clean(talker, "mkv"), "-c:v", "copy", *picture, "-c:a", "aac", "-af", filters, path)

    return Case(f"streams {name}", "streams", make, "mp4", (truth,))
