"""Time stamps that are wrong: single ones, wobbling ones, and streams joined by their bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import AAC, H264, Encode, ff
from benchmarks.media_corpus.patches import CLOCK_HZ, SOUND_PID, VIDEO_PID, WRAP_S, change_stamps
from benchmarks.media_corpus.talkers import DURATION_S, FPS, Talker, squeezed
from benchmarks.media_corpus.truth import DISCONTINUOUS, FAILED, Case, Heard, Shown, Truth, may_end, of
from benchmarks.media_corpus.workshop import Workshop

UNTORN = 0.955  # clean sound has 0.975, sound that is torn where stamps wobble 0.93


def bad_stamps() -> Iterator[Case]:
    for number, (offset_s, pid) in enumerate(
        (o, p) for p in (SOUND_PID, VIDEO_PID) for o in (60.0, 5.0, 0.7, -0.7, -5.0)
    ):
        of_what = "sound" if pid == SOUND_PID else "picture"
        yield _stamps(f"one {of_what} stamp {offset_s:+g} s", Talker(number % 6), pid, _one_of(20, offset_s), drop=True)
    yield _stamps("one sound stamp +3600 s at the start", Talker(1), SOUND_PID, _one_of(0, 3600), drop=True)
    yield _stamps("two sound stamps +30 s", Talker(2), SOUND_PID, _every(9, 30.0, 2), drop=True)
    yield _stamps("each tenth picture stamp +2 s", Talker(3), VIDEO_PID, _every(10, 2.0, 99), drop=True)
    for number, ms in enumerate((5, 10, 15, 21)):
        yield _stamps(f"sound stamps wobble {ms} ms", Talker(number), SOUND_PID, _wobble(4, ms / 1000))
        yield _setts(
            f"mkv sound wobbles {ms} ms",
            Talker(number + 1),
            "a",
            f"if(lt(mod(N,8),4),{ms / 1000}/TB,-{ms / 1000}/TB)",
        )
    yield _setts("mkv sound wobbles at random", Talker(4), "a", "(random(1)-0.5)*0.018/TB")
    yield _setts("mkv picture wobbles", Talker(5), "v", "(mod(N,3)-1)*0.012/TB")
    yield _stamps("picture stamps wobble 10 ms", Talker(5), VIDEO_PID, _wobble(3, 0.01))
    yield _setts("mkv one sound stamp +4 s", Talker(1), "a", "if(eq(N,40),4/TB,0)", drop=True)
    yield _setts("mkv one sound stamp -1 s", Talker(2), "a", "if(eq(N,60),-1/TB,0)", drop=True)


def _one_of(number: int, offset_s: float) -> Callable[[int, int], int]:
    return lambda n, stamp: stamp + round(offset_s * CLOCK_HZ) * (n == number)


def _every(step: int, offset_s: float, most: int) -> Callable[[int, int], int]:
    return lambda n, stamp: stamp + round(offset_s * CLOCK_HZ) * (n % step == step - 1 and n // step < most)


def _wobble(half: int, width_s: float) -> Callable[[int, int], int]:
    return lambda n, stamp: stamp + round(width_s * CLOCK_HZ) * (1 if n // half % 2 else -1)


def _stamps(name: str, talker: Talker, pid: int, change: Callable[[int, int], int], *, drop: bool = False) -> Case:
    """Return a transport stream with changed stamps, whose samples and pictures follow each other all the same."""
    small_packets = ("-muxdelay", "0", "-pes_payload_size", "0")

    def make(shop: Workshop, path: Path) -> None:
        clean = shop.clean(talker, "ts", Encode(options=small_packets), "pes")
        path.write_bytes(change_stamps(clean.read_bytes(), pid, change))

    truth = may_end(of(talker), DISCONTINUOUS, "undecodable") if drop else of(talker, min_sound_correlation=UNTORN)
    return Case(f"stamps {name}", "stamps", make, "ts", (truth,))


def _setts(name: str, talker: Talker, stream: str, offset: str, *, drop: bool = False) -> Case:
    """Return an mkv in which a formula of ffmpeg's filter 'setts' moves the stamps of a stream."""

    def make(shop: Workshop, path: Path) -> None:
        moved = f"setts=pts='PTS+{offset}':dts='DTS+{offset}'"
        ff("-i", shop.clean(talker, "mkv"), "-c", "copy", f"-bsf:{stream}", moved, path)

    truth = may_end(of(talker), DISCONTINUOUS, "undecodable") if drop else of(talker, min_sound_correlation=UNTORN)
    return Case(f"stamps {name}", "stamps", make, "mkv", (truth,))


def joined() -> Iterator[Case]:
    yield _joined("two talkers", (Talker(0), Talker(1)))
    yield _joined("three talkers", (Talker(2), Talker(3), Talker(4)))
    yield _joined("intro without a face, then a talker", (None, Talker(3)))
    yield _joined("a talker, then a test card", (Talker(5), None))
    yield _joined("the second of another size", (Talker(1), Talker(2)), sizes=((480, 272), (320, 180)))
    yield _joined("the second larger", (Talker(4), Talker(0)), sizes=((480, 272), (640, 362)))
    yield _joined("the second 10000 s later", (Talker(0), Talker(2)), offsets_s=(0, 10_000))
    yield _joined("the second 2 s back", (Talker(3), Talker(5)), offsets_s=(100, 98))
    yield _joined("the second 20 ms back", (Talker(1), Talker(4)), offsets_s=(0, 3.58))
    yield _joined("the second over the wrap", (Talker(2), Talker(5)), offsets_s=(50, WRAP_S - 3.2))
    yield _joined("two talkers mpeg2 program streams", (Talker(0), Talker(4)), suffix="mpg")
    yield _joined("the first without sound", (Talker(5), Talker(1)), silent=(True, False))


def _joined(
    name: str,
    talkers: tuple[Talker | None, ...],
    *,
    sizes: tuple[tuple[int, int], ...] = (),
    offsets_s: tuple[float, ...] = (),
    suffix: str = "ts",
    silent: tuple[bool, ...] = (),
) -> Case:
    def part(shop: Workshop, path: Path, number: int) -> bytes:
        talker = talkers[number]
        options = ("-output_ts_offset", str(offsets_s[number])) if offsets_s else ()
        coder = ("-c:v", "mpeg2video", "-q:v", "2", "-c:a", "mp2") if suffix == "mpg" else (*H264, *AAC)
        if talker is None:
            card = (
                "-f",
                "lavfi",
                "-i",
                f"testsrc2=s=480x272:r={FPS}:d={DURATION_S}",
                "-f",
                "lavfi",
                "-i",
                f"sine=300:r=48000:d={DURATION_S}",
            )
            ff(*card, "-pix_fmt", "yuv420p", *coder, *options, path)
        else:
            frames = shop.master(talker).frames
            frames = squeezed(frames, *sizes[number]) if sizes and sizes[number] != (480, 272) else frames
            video, coded = (coder[:4], coder[4:]) if suffix == "mpg" else (H264, AAC)
            sound: tuple[str, ...] = () if silent and silent[number] else coded
            shop.encode(path, talker, Encode(video=video, sound=sound, options=options), frames=frames)
        data = path.read_bytes()
        path.unlink()
        return data

    def make(shop: Workshop, path: Path) -> None:
        path.write_bytes(
            b"".join(part(shop, path.with_name(f"{path.stem}-part.{suffix}"), n) for n in range(len(talkers)))
        )

    def truth_at(apart_s: float) -> Truth:
        parts = [(number * apart_s, talker) for number, talker in enumerate(talkers)]
        shown = tuple(Shown(start_s=s, end_s=s + DURATION_S, talker=t) for s, t in parts if t is not None)
        heard = tuple(
            Heard(start_s=s, end_s=s + DURATION_S, talker=None if silent and silent[n] else t)
            for n, (s, t) in enumerate(parts)
        )
        covered = 0.3 if sizes else 0.7
        truth = Truth(shown=shown, heard=heard, min_covered_share=covered, judges_position=not sizes)
        return may_end(truth, FAILED)

    # Where a part begins is for the reader to say, within the length of coded sound and of pictures held back to be put
    # in order; but picture and sound must begin together.
    truths = tuple(truth_at(DURATION_S + late / FPS) for late in range(4))
    return Case(f"joined {name}", "joined", make, suffix, truths)
