"""Measure how many copies of a video are found, and that no others are: the same video twice, as docs/data.md has it.

``python -m benchmarks.same_video [FOLDER...]`` generates two clips each of ``--n`` talkers, copies them and the videos
of the folders, runs the stages download and detect on all and the search of the stage persons with the numbers of
params.yaml, and prints in how many cases one of original and copy is kept, and each false pair: two files found to have
content in common that are not of one original. ``--at FOLDER`` keeps what it makes, and goes on from there.

Of each original with sound and a face there are two copies, drawn by ``--seed``. A 're-encoded' one is in another
codec and bit rate, cropped by 5 %, of another size and another level of sound. A 'trimmed' one lacks the beginning
besides, and has another frame rate. Videos of the folders known to be of one original are in
``accuracy/labels/same_video.csv``. What is shorter than 4 s has few moments, and is counted apart.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.accuracy.figures import DURATION_S, Figure, list_folder, print_and_exit, write_params
from benchmarks.accuracy.standard_faces import LABELS, Share, file_names, link_videos
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import read_section
from pipeline.core.base.seeds import keyed_rng
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.track import Fingerprint
from pipeline.core.storage.manifest import read_manifest, read_table
from pipeline.identity.persons.params import persons_params
from pipeline.identity.same_video.find import SameVideos
from pipeline.identity.same_video.keep import VideoDecisions
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import PRESETS, ClipSpec
from pipeline.video.ffmpeg_program import run_ffmpeg
from stages.__main__ import run_stage

ORIGINALS, COPIES = "originals", "copies"
HOW_COPIED = ("re-encoded", "trimmed")
CLIPS_OF_A_TALKER = 2
MIN_LENGTH_S = 4.0
GENERATED, LONG, SHORT = "generated", f"real, {MIN_LENGTH_S:g} s or longer", "real, shorter"
WITH_TARGET = (f"{GENERATED}, {HOW_COPIED[0]}", f"{LONG}, {HOW_COPIED[0]}")
TARGET_PERCENT = 95.0

KEPT_SHARE = 0.95  # of width and of height, by the crop
SCALES = (0.5, 0.6, 0.75, 1.3)
LEVELS_DB = (-10, -6, -3, 3)
CODECS: tuple[dict[str, object], ...] = (
    {"vcodec": "libx264", "preset": "veryfast", "crf": 26},
    {"vcodec": "libx264", "preset": "veryfast", "crf": 33},
    {"vcodec": "mpeg4", "qscale": 5},
    {"vcodec": "mpeg4", "qscale": 9},
)
SOUND_CODECS = ("aac", "libmp3lame")
SOUND_RATES = ("48k", "64k", "96k")
TRIMMED_S = (0.5, 2.0)
FRAME_RATES = (15, 20, 24, 30)


@dataclass(frozen=True, slots=True)
class Published:
    """A clip of which the search may keep one: with a name of its own, which no override gave."""

    subject_id: str
    name: str
    is_published: bool = True
    is_overridden: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy, and whether one of it and its original is kept."""

    file: str
    group: str
    is_found: bool
    n_moments: int
    n_moments_of_original: int


def main() -> None:
    """Measure and print; exit with status 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", help="folders of videos")
    parser.add_argument("--n", type=int, default=15, help="talkers to generate")
    parser.add_argument("--seed", type=int, default=4343)
    parser.add_argument("--at", type=Path, help="a folder for the videos and the results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        at = Layout(options.at or Path(work))
        write_params(at, ORIGINALS, COPIES)
        generated = write_talkers(at, options.n, options.seed)
        run_stages(at, ORIGINALS, link_videos([generated, *options.folders], at))
        write_copies(at, options.seed)
        run_stages(at, COPIES, at.root / COPIES)
        print_and_exit(measure(at))


def write_talkers(at: Layout, n: int, seed: int) -> Path:
    """Return a folder in ``at`` with CLIPS_OF_A_TALKER clips each of ``n`` talkers of all presets."""
    folder = at.root / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    for person in range(n):
        for clip in range(CLIPS_OF_A_TALKER):
            preset = PRESETS[person % len(PRESETS)]
            spec = ClipSpec(seed=seed, person=person, clip=clip, preset=preset, duration_s=DURATION_S)
            path = folder / f"generated_{seed}_{person:03d}_{clip}.mp4"
            if not path.exists():
                write_clip(spec, unfinished := at.root / "unfinished.mp4")
                unfinished.replace(path)
    return folder


def run_stages(at: Layout, dataset: str, folder: Path) -> None:
    """List the videos of ``folder`` as ``dataset`` and run the stages that hash their sound and picture."""
    list_folder(at, dataset, folder)
    for stage in ("download", "detect"):
        run_stage(stage, dataset, at)


def write_copies(at: Layout, seed: int) -> None:
    """Write the copies of the originals in which there are a face and sound."""
    folder = at.root / COPIES
    folder.mkdir(exist_ok=True)
    for media in usable_originals(at):
        source = (at.root / media.path).resolve()
        for how in HOW_COPIED:
            path = folder / copy_name(source.name, how)
            if not path.exists():
                write_copy(source, unfinished := at.root / "unfinished.mp4", how, seed)
                unfinished.replace(path)


def usable_originals(at: Layout) -> list[Media]:
    """Return the media of the originals with sound in which the stage detect found a face."""
    ends = read_manifest(at.ledger("detect", ORIGINALS), LedgerRow)
    with_face = {row.item_id for row in ends if row.status == "ok"}
    return [one for one in read_manifest(at.media(ORIGINALS), Media) if one.has_audio and one.clip_id in with_face]


def copy_name(file: str, how: str) -> str:
    """Return the name of a copy of ``file``."""
    return f"{file}--{how}.mp4"


def original_of(file: str) -> str:
    """Return the name of the video that ``file`` is a copy of: itself where it is none."""
    name, mark, how = file.removesuffix(".mp4").rpartition("--")
    return name if mark and how in HOW_COPIED else file


def write_copy(source: Path, copy: Path, how: str, seed: int) -> None:
    """Write a copy of ``source``, MP4: ``how`` is one of HOW_COPIED, and what it is like is drawn."""
    import ffmpeg

    rng = keyed_rng("copy", seed, source.name, how)
    left, top = rng.uniform(0, 1 - KEPT_SHARE, 2)
    width, height = (f"floor({side}*{KEPT_SHARE}/2)*2" for side in ("iw", "ih"))
    scale, level_db = rng.choice(SCALES), rng.choice(LEVELS_DB)
    encoding = {**CODECS[rng.integers(len(CODECS))], "acodec": rng.choice(SOUND_CODECS)}
    start_s = rng.uniform(*TRIMMED_S) if how == "trimmed" else 0.0
    read = ffmpeg.input(str(source), ss=start_s)
    picture = read.video.filter("crop", width, height, f"iw*{left}", f"ih*{top}")
    picture = picture.filter("scale", *(f"trunc({side}*{scale}/2)*2" for side in ("iw", "ih")))
    if how == "trimmed":
        picture = picture.filter("fps", int(rng.choice(FRAME_RATES)))
    sound = read.audio.filter("volume", f"{level_db}dB")
    encoding |= {"audio_bitrate": rng.choice(SOUND_RATES), "ac": int(rng.integers(1, 3)), "pix_fmt": "yuv420p"}
    run_ffmpeg(ffmpeg.output(picture, sound, str(copy), threads=1, **encoding))


def measure(at: Layout) -> Iterator[Figure]:
    """Search, print what is found and what is not, and yield the figures."""
    media = {one.clip_id: one for name in (ORIGINALS, COPIES) for one in read_manifest(at.media(name), Media)}
    params = persons_params(read_section("persons", at.params), (), str(at.params))
    published = (Published(f"{clip_id}-s00", clip_id) for clip_id in sorted(media))
    decisions = SameVideos((ORIGINALS, COPIES), at, params)(published)
    files = file_names(at)
    copies = list_copies(at, files, decisions)
    false = false_pairs(decisions, files, read_known_pairs())
    print(report(copies))
    print("\n".join(f"false: {line}" for line in false) or f"no false pair among {len(media)} videos")
    for group in sorted({one.group for one in copies}):
        share = share_found(one for one in copies if one.group == group)
        if group in WITH_TARGET:
            yield Figure(f"copies found, {group}", 100 * share.right / share.n, TARGET_PERCENT, True, "%")
    yield Figure("false pairs", len(false), 0, False)


def list_copies(at: Layout, files: Mapping[str, str], decisions: VideoDecisions) -> list[Copy]:
    """Return the copies of all usable originals; ``files``: the name of each clip's file."""
    moments = moments_by_clip(at)
    clip_of = {file: clip_id for clip_id, file in files.items()}
    copies = []
    for media in usable_originals(at):
        original = files[media.clip_id]
        for how in HOW_COPIED:
            file = copy_name(original, how)
            clip_id = clip_of.get(file, "")  # empty: it was not fetched, as it is too short
            copies.append(
                Copy(
                    file=file,
                    group=f"{group_of(original, media.duration_s)}, {how}",
                    is_found=is_one(clip_id, media.clip_id, decisions),
                    n_moments=moments.get(clip_id, 0),
                    n_moments_of_original=moments.get(media.clip_id, 0),
                )
            )
    return copies


def moments_by_clip(at: Layout) -> Mapping[str, int]:
    """Return the number of fingerprints of each clip that has some."""
    tables = (read_table(at.fingerprints(name), Fingerprint, ["clip_id"]) for name in (ORIGINALS, COPIES))
    return Counter(clip_id for table in tables for clip_id in table["clip_id"].to_pylist())


def group_of(file: str, duration_s: float) -> str:
    """Return the group of originals that ``file`` is in."""
    if file.startswith("generated_"):
        return GENERATED
    return SHORT if duration_s < MIN_LENGTH_S else LONG


def is_one(clip_id: str, other: str, decisions: VideoDecisions) -> bool:
    """Return whether one of both clips at most is kept."""
    kept_for = decisions.kept_for
    return kept_for.get(clip_id, clip_id) == kept_for.get(other, other)


def read_known_pairs() -> set[frozenset[str]]:
    """Return the pairs of files that are of one original, as seen by eye."""
    table = pd.read_csv(LABELS / "same_video.csv")
    return {frozenset(pair) for pair in zip(table.file, table.other_file, strict=True)}


def false_pairs(
    decisions: VideoDecisions, files: Mapping[str, str], known: Collection[frozenset[str]]
) -> Sequence[str]:
    """Return a line for each two clips decided to have content in common that are not of one original."""
    lines = []
    for pair, decision in decisions.decided:
        both = files[pair.clip_id], files[pair.other_clip_id]
        originals = frozenset(map(original_of, both))
        if len(originals) > 1 and originals not in known:
            shares = f"{pair.share:.2f} and {pair.other_share:.2f}, {pair.common_s:.1f} s"
            lines.append(f"{both[0]} = {both[1]} ({decision}: {shares})")
    return lines


def share_found(copies: Iterable[Copy]) -> Share:
    """Return how many of ``copies`` are found."""
    found = [one.is_found for one in copies]
    return Share(sum(found), len(found))


def report(copies: Collection[Copy]) -> str:
    """Return how many copies of each group are found, and which are not, with their number of moments."""
    lines = []
    for group in sorted({one.group for one in copies}):
        some = [one for one in copies if one.group == group]
        lines.append(f"{group:34} found {share_found(some).text()}")
        lines += [
            f"    missed: {one.file}, {one.n_moments} moments, its original {one.n_moments_of_original}"
            for one in some
            if not one.is_found
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
