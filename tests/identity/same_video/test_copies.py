"""Copies of generated and of real clips, encoded anew, cropped by 5 %, scaled and of another level, are found."""

from itertools import chain
from pathlib import Path

import pytest

from pipeline.audio.extract import of_sound
from pipeline.audio.reading import SoundRange
from pipeline.core.records.track import Fingerprint
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.same_video.fingerprints import common_by_fingerprints
from pipeline.speaker.observe import fingerprints
from pipeline.speaker.sound_bands import SoundBands
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.clip import MediaClip
from pipeline.video.decode import grey_frames
from pipeline.video.ffmpeg_program import run_ffmpeg
from pipeline.video.picture_hash import PictureHashes
from pipeline.video.shots import CutDetector
from tests.identity.same_video.limits import PARAMS
from tests.real_files import CLIPS, needs_clips


def copied(source: Path, copy: Path) -> Path:
    import ffmpeg

    read = ffmpeg.input(str(source))
    picture = read.video.filter("crop", "floor(iw*0.475)*2", "floor(ih*0.475)*2").filter("scale", "trunc(iw*0.3)*2", -2)
    run_ffmpeg(
        ffmpeg.output(
            picture, read.audio.filter("volume", "-8dB"), str(copy), crf=30, preset="veryfast", audio_bitrate="64k"
        )
    )
    return copy


def fingerprints_of(path: Path) -> list[Fingerprint]:
    pictures, cuts, bands = PictureHashes(), CutDetector(1, 1), SoundBands()
    for frame in grey_frames(path, max_side_px=640):
        cuts.is_cut(frame)
        pictures.see(frame.time_s, cuts.thumbnail)
    of_sound(path, SoundRange(max_duration_s=60.0), lambda pieces: sum(len(one) for one in bands.passing(pieces)))
    clip = MediaClip(clip_id=f"d/{path.stem}", path=path, sha256="", has_audio=True, start_s=None, end_s=None)
    return [*fingerprints(clip, bands.finished(), pictures)]


def pairs_of(files: list[Path], folder: Path) -> set[tuple[str, str]]:
    write_manifest(folder / "f.parquet", Fingerprint, chain.from_iterable(map(fingerprints_of, files)))
    found = common_by_fingerprints([folder / "f.parquet"], PARAMS, folder)
    return {(one.clip_id, one.other_clip_id) for one in found if max(one.share, one.other_share) >= 0.8}


def test_copies_of_generated_clips_are_found_and_no_other_clip_of_the_same_person(tmp_path: Path) -> None:
    clips = []
    for person, clip in ((0, 0), (0, 1)):
        clips.append(tmp_path / f"p{person}c{clip}.mp4")
        write_clip(ClipSpec(seed=43, person=person, clip=clip, duration_s=5.0, width_px=320, height_px=180), clips[-1])
    copies = [copied(clip, clip.with_name(f"{clip.stem}z.mp4")) for clip in clips]
    assert pairs_of([*clips, *copies], tmp_path) == {(f"d/{one.stem}", f"d/{one.stem}z") for one in clips}


@needs_clips
@pytest.mark.parametrize("name", ["V-Express__vasa-1_17_gt.mp4", "EDTalk__uncrop_Obama.mp4"])
def test_copies_of_real_clips_are_found(name: str, tmp_path: Path) -> None:
    copy = copied(CLIPS / name, tmp_path / "copy.mp4")
    assert len(pairs_of([CLIPS / name, copy], tmp_path)) == 1
