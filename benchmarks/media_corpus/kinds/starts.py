"""Files whose picture or sound begins late, before zero, at a great time, or where it was cut without encoding."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import BT601, H264, Encode, ff
from benchmarks.media_corpus.patches import WRAP_S
from benchmarks.media_corpus.talkers import DURATION_S, FPS, Talker
from benchmarks.media_corpus.truth import Case, Heard, Shown, may_end, of
from benchmarks.media_corpus.workshop import Workshop

GOP = Encode(video=(*H264, "-g", "25", "-keyint_min", "25", "-sc_threshold", "0"))


def starts() -> Iterator[Case]:
    number = 0
    for suffix in ("mp4", "mkv", "ts", "mov", "flv", "webm"):
        coder = _coder(suffix)
        for late_s in (0.4, 1.2):
            number += 1
            yield _late_sound(suffix, coder, Talker(number % 6), late_s)
            yield _late_picture(suffix, coder, Talker((number + 3) % 6), late_s)
    for suffix, shift_s in (("mkv", 5000.0), ("ts", 20.0), ("mp4", 0.5)):
        yield _copied(
            f"all stamps {shift_s:g} s later {suffix}", suffix, Talker(2), ("-output_ts_offset", str(shift_s))
        )
    yield _copied("over the 33-bit wrap", "ts", Talker(4), ("-output_ts_offset", f"{WRAP_S - 1.8}", "-muxdelay", "0"))
    yield _copied("over the wrap in the first packets", "ts", Talker(1), ("-output_ts_offset", f"{WRAP_S - 1.44}"))
    yield _copied(
        "negative stamps mkv", "mkv", Talker(3), ("-output_ts_offset", "-0.2", "-avoid_negative_ts", "disabled")
    )
    for suffix in ("mp4", "mov"):
        yield _cut(suffix, Talker(0), 1.3, Fraction(33, 25))
        yield _cut(suffix, Talker(5), 0.5, Fraction(13, 25))
    for suffix in ("mkv", "ts", "flv"):
        yield _cut(suffix, Talker(3), 1.3, Fraction(1))


def _coder(suffix: str) -> Encode:
    if suffix == "webm":
        return Encode(
            video=("-c:v", "libvpx", "-crf", "8", "-b:v", "2M", "-cpu-used", "8", "-deadline", "realtime"),
            sound=("-c:a", "libopus"),
        )
    return Encode(sound=("-c:a", "aac", "-b:a", "128k", "-ar", "44100")) if suffix == "flv" else Encode()


def _late_sound(suffix: str, how: Encode, talker: Talker, late_s: float) -> Case:
    """Return a file whose first sound is cut off: what is there is in step."""

    def make(shop: Workshop, path: Path) -> None:
        shop.encode(path, talker, Encode(video=how.video, sound=how.sound, sound_filters=f"atrim=start={late_s}"))

    heard = (Heard(talker=talker, start_s=late_s, source_s=late_s),)
    return Case(f"start sound {late_s:g} s late {suffix}", "start", make, suffix, (of(talker, heard=heard),))


def _late_picture(suffix: str, how: Encode, talker: Talker, late_s: float) -> Case:
    first = round(late_s * FPS)

    def make(shop: Workshop, path: Path) -> None:
        colour = f"{BT601},setpts=PTS+{late_s}/TB"
        frames = shop.master(talker).frames[first:]
        shop.encode(path, talker, Encode(video=how.video, sound=how.sound, colour=colour), frames=frames)

    end_s = DURATION_S - late_s
    truth = of(
        talker,
        shown=(Shown(talker=talker, end_s=end_s, source_s=late_s),),
        heard=(Heard(talker=talker, start_s=-late_s, end_s=end_s),),
    )
    return Case(f"start picture {late_s:g} s late {suffix}", "start", make, suffix, (truth,))


def _copied(name: str, suffix: str, talker: Talker, options: tuple[str, ...]) -> Case:
    def make(shop: Workshop, path: Path) -> None:
        ff("-i", shop.clean(talker, "mp4"), "-c", "copy", *options, path)

    return Case(f"start {name}", "start", make, suffix, (of(talker),))


def _cut(suffix: str, talker: Talker, at_s: float, first: Fraction) -> Case:
    """Return a part cut off without encoding; ``first``: the time of the first picture that is shown."""

    def make(shop: Workshop, path: Path) -> None:
        clean = shop.clean(talker, "mp4", GOP, "gop")
        ff("-ss", at_s, "-i", clean, "-c", "copy", path)

    from_s = float(first)
    end_s = DURATION_S - from_s
    heard = (
        Heard(talker=talker, start_s=at_s - from_s, end_s=end_s, source_s=at_s),
        Heard(talker=None, start_s=-9, end_s=at_s - from_s),
    )
    truth = of(talker, shown=(Shown(talker=talker, end_s=end_s, source_s=from_s),), heard=heard)
    return Case(f"start cut at {at_s:g} s without encoding {suffix}", "start", make, suffix, (truth,))


def offsets() -> Iterator[Case]:
    """Yield files whose voice is out of step with the lips by a constant time, as re-uploads are."""
    for number, (suffix, late_s) in enumerate(
        (("mp4", 0.2), ("mkv", -0.2), ("mp4", 0.4), ("ts", -0.4), ("mkv", 0.8), ("mp4", -0.8))
    ):
        yield _out_of_step(
            f"sound {abs(late_s):g} s too {'late' if late_s > 0 else 'early'} {suffix}", suffix, number, late_s
        )


def _out_of_step(name: str, suffix: str, person: int, late_s: float) -> Case:
    talker = Talker(person)
    filters = f"adelay={round(late_s * 1000)}" if late_s > 0 else f"atrim=start={-late_s},asetpts=PTS-STARTPTS"

    def make(shop: Workshop, path: Path) -> None:
        shop.encode(path, talker, Encode(sound_filters=filters))

    played = Heard(talker=talker, start_s=late_s, end_s=DURATION_S + late_s)
    # As it is played; or put right, so that it sounds when the lips move: what was cut off before 0 is lost.
    lost_s = max(0.0, -late_s)
    right = Heard(talker=talker, start_s=lost_s, source_s=lost_s)
    truths = tuple(may_end(of(talker, heard=(heard,)), "out_of_step") for heard in (played, right))
    return Case(f"offset {name}", "offset", make, suffix, truths)
