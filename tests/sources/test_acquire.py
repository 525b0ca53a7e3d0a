"""A clip's media is fetched whole from any kind of address, and probed."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import ffmpeg
import pyarrow.parquet as pq
import pytest

from benchmarks.cut import write_counted
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.outcome import FAILED, FILTERED, Dropped
from pipeline.core.records.clip import NO_CROP, Clip, content_of
from pipeline.core.records.media import Media
from pipeline.download.fetch import DownloadParams, Fetched
from pipeline.download.settings import read_fetch_settings
from pipeline.sources.acquire import TRUTH_FILES, Acquirer
from pipeline.sources.downloads import Downloads
from pipeline.sources.frame_ranges import scaled
from pipeline.sources.parts import parts_of
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.ffmpeg_program import run_ffmpeg
from tests.download.test_cut import PLAIN
from tests.download.test_fetch import PARAMS as SMALL

PARAMS = SMALL.model_copy(update={"max_size_mb": 10, "min_duration_s": 0.5})
SPEC = ClipSpec(seed=3, person=0, clip=0, duration_s=1.0, width_px=320, height_px=240)


def clip(address: str, content_hash: str = "0") -> Clip:
    return Clip(
        clip_id="set/one",
        dataset="set",
        identity="ana",
        address=address,
        start_s=None,
        end_s=None,
        **NO_CROP,
        published_split="",
        range_fps=None,
        licence="",
        origin="test",
        content_hash=content_hash,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The empty folder that the engine passes to a step."""
    made = tmp_path / "item"
    made.mkdir()
    return made


def acquire(address: str, folder: Path, params: DownloadParams = PARAMS, *, content_hash: str = "0") -> Media | Dropped:
    acquirer = Acquirer(params, read_fetch_settings(), Downloads(folder.parent / "unfinished", "", {}))
    result = acquirer(clip(address, content_hash), folder)
    return result if isinstance(result, Dropped) else result[0]


def test_a_synthetic_clip_comes_with_its_truth_beside_it(folder: Path) -> None:
    media = acquire(SPEC.to_address(), folder)
    assert isinstance(media, Media)
    assert (media.width_px, media.height_px, media.has_audio, media.path) == (320, 240, True, "media.mp4")
    assert media.sha256 == sha256_of(folder / "media.mp4")
    assert pq.read_metadata(folder / TRUTH_FILES[0]).num_rows == SPEC.n_frames
    assert sorted(path.name for path in folder.iterdir()) == sorted(["media.mp4", *TRUTH_FILES])


def test_a_local_file_stays_in_place(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.mp4"
    write_clip(SPEC, path)
    media = acquire(str(path), folder, content_hash=sha256_of(path))
    assert isinstance(media, Media)
    assert (media.path, media.tool, list(folder.iterdir())) == (str(path), "file", [])
    assert (media.cut_start_s, media.format_id, media.uploader, media.fetched_on) == (None, None, None, None)


def test_a_range_of_a_local_file_is_not_cut_out_of_it(folder: Path, tmp_path: Path) -> None:
    path = write_counted(tmp_path, PLAIN, 9.0).path
    before = sha256_of(path)
    listed = replace(clip(str(path), content_of(before, 6.0, 7.0)), start_s=6.0, end_s=7.0)
    params = PARAMS.model_copy(update={"cut_margin_s": 2.0})
    result = Acquirer(params, read_fetch_settings(), Downloads(tmp_path / "unfinished", "", {}))(listed, folder)
    assert not isinstance(result, Dropped)
    media = result[0]
    assert (media.cut_start_s, media.sha256, sha256_of(path), list(folder.iterdir())) == (None, before, before, [])


def test_a_local_file_with_other_content_than_was_listed_is_a_failure_before_it_is_opened(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.mp4"
    path.write_bytes(b"cut off since it was listed")
    end = acquire(str(path), folder, content_hash="of the whole file")
    assert isinstance(end, Dropped)
    assert (end.status, end.reason, end.retryable) == (FAILED, "file_changed", True)
    assert end.detail == f"{path} is not the file that was listed: list it again with 'dvc repro -f sources@set'"


def test_a_range_of_a_local_file_is_listed_by_the_hash_of_both(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.mp4"
    write_clip(SPEC, path)
    listed = content_of(sha256_of(path), None, None)
    assert isinstance(acquire(str(path), folder, content_hash=listed), Media)
    not_readable_then = content_of(str(path), None, None)
    assert isinstance(acquire(str(path), folder, content_hash=not_readable_then), Media)


@pytest.mark.parametrize(
    ("start_s", "end_s", "reason"),
    [
        (0.0, 1000.0, "bad_range"),
        (0.5, 1.51, "bad_range"),
        (0.5, 1.49, ""),
        (None, 2.01, "bad_range"),
        (None, 1.99, ""),
    ],
)
def test_a_range_most_of_which_is_behind_the_end_of_its_file_is_no_clip(
    start_s: float | None, end_s: float, reason: str, folder: Path
) -> None:
    address = SPEC.to_address()  # of 1 s
    ranged = replace(clip(address, content_of(address, start_s, end_s)), start_s=start_s, end_s=end_s)
    result = Acquirer(PARAMS, read_fetch_settings(), folder.parent / "unfinished")(ranged, folder)
    assert (result.reason if isinstance(result, Dropped) else "") == reason


def test_a_local_file_with_a_box_is_listed_by_the_hash_of_both(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.mp4"
    write_clip(SPEC, path)
    boxed = replace(clip(str(path)), crop_x=0, crop_y=0, crop_w=9, crop_h=9, crop_height_px=480)
    acquirer = Acquirer(PARAMS, read_fetch_settings(), tmp_path / "unfinished")
    listed = content_of(sha256_of(path), None, None, boxed.crop)
    assert isinstance(acquirer(replace(boxed, content_hash=listed), folder), list)
    of_another = acquirer(replace(boxed, crop_x=1, content_hash=listed), folder)
    assert isinstance(of_another, Dropped)
    assert of_another.reason == "file_changed"


@pytest.mark.parametrize(("crop_x", "is_bad"), [(639, False), (640, True)])
def test_a_box_that_begins_right_of_the_picture_is_a_bad_crop(
    crop_x: int, folder: Path, tmp_path: Path, *, is_bad: bool
) -> None:
    """The picture is 320x240; the list says where the box is in one 480 px high, and not how wide that is."""
    boxed = replace(clip(SPEC.to_address()), crop_x=crop_x, crop_y=0, crop_w=9, crop_h=9, crop_height_px=480)
    end = Acquirer(PARAMS, read_fetch_settings(), tmp_path / "unfinished")(boxed, folder)
    detail = f"crop_x {crop_x} at crop_height_px 480 is right of the picture, which is 320x240"
    assert isinstance(end, Dropped) == is_bad
    assert not is_bad or end == Dropped.failed("bad_crop", detail)


# yt-dlp leaves its own handle on a file:// address to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_downloaded_ends_in_the_items_folder_and_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "served.mp4"
    write_clip(SPEC, path)
    media = acquire(path.as_uri(), folder)
    assert isinstance(media, Media)
    assert sha256_of(folder / media.path) == media.sha256 == sha256_of(path)
    assert (media.cut_start_s, media.format_id, media.uploader) == (None, "mp4", None)
    assert media.tool.startswith("yt-dlp 20")
    assert media.fetched_on == f"{datetime.now(UTC):%Y-%m-%d}"
    assert list((tmp_path / "unfinished").iterdir()) == []


def test_the_media_say_how_the_picture_is_stored_and_how_large_it_is_shown(folder: Path, tmp_path: Path) -> None:
    path, stored = tmp_path / "plain.mp4", tmp_path / "stored.mkv"
    write_clip(SPEC, path)
    filters = "scale=240:240,setsar=4/3,setparams=colorspace=bt709:color_trc=arib-std-b67:range=pc,setfield=tff"
    coded = {"vcodec": "libx264", "x264-params": "tff=1:fullrange=on:colormatrix=bt709:transfer=arib-std-b67"}
    run_ffmpeg(ffmpeg.input(path).output(str(stored), vf=filters, **coded))
    media = acquire(str(stored), folder, content_hash=sha256_of(stored))
    assert isinstance(media, Media)
    assert (media.width_px, media.height_px, media.rotation_deg, media.is_mirrored) == (320, 240, 0, False)
    assert media.pixel_aspect == pytest.approx(4 / 3)
    assert (media.colour_matrix, media.colour_transfer, media.colour_range) == ("bt709", "hlg", "full")
    assert media.is_interlaced
    filtered = acquire(str(stored), folder, PARAMS.model_copy(update={"hdr": "filter"}), content_hash=sha256_of(stored))
    assert isinstance(filtered, Dropped)
    assert (filtered.status, filtered.reason) == (FILTERED, "hdr")


def test_a_missing_file_is_a_failure_with_that_reason(folder: Path, tmp_path: Path) -> None:
    end = acquire(str(tmp_path / "gone.mp4"), folder)
    assert isinstance(end, Dropped)
    assert (end.status, end.reason, end.retryable) == (FAILED, "not_found", True)  # a disk may be unmounted


def test_a_name_that_no_disk_takes_is_a_missing_file(folder: Path) -> None:
    dropped = acquire(f"{'x' * 300}.mp4", folder)
    assert isinstance(dropped, Dropped)
    assert (dropped.status, dropped.reason) == (FAILED, "not_found")


def test_a_file_that_does_not_open_is_undecodable(folder: Path) -> None:
    end = acquire(replace(SPEC, kind="truncated").to_address(), folder)
    assert isinstance(end, Dropped)
    assert (end.status, end.reason) == (FAILED, "undecodable")


def test_a_clip_shorter_than_the_limit_is_filtered_and_one_as_long_is_not(folder: Path) -> None:
    too_long_a_limit = PARAMS.model_copy(update={"min_duration_s": 1.001})
    just_right = PARAMS.model_copy(update={"min_duration_s": 1.0})
    end = acquire(SPEC.to_address(), folder, too_long_a_limit)
    assert isinstance(end, Dropped)
    assert (end.status, end.reason) == (FILTERED, "too_short")
    assert isinstance(acquire(SPEC.to_address(), folder, just_right), Media)


def test_a_range_counted_in_frames_is_cut_by_the_files_own_rate(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames 150 to 180 of a file of 30000/1001 frames a second, whose list states 30."""
    path, rate = tmp_path / "ntsc.mp4", 30000 / 1001
    picture = ffmpeg.input("testsrc=size=160x120:rate=30000/1001:duration=9", f="lavfi")
    sound = ffmpeg.input("sine=duration=9:sample_rate=16000", f="lavfi")
    run_ffmpeg(ffmpeg.output(picture, sound, str(path), vcodec="libx264", g=15, acodec="aac", pix_fmt="yuv420p"))
    monkeypatch.setattr("pipeline.sources.acquire.fetch", lambda *_: Fetched(path=path, tool="test"))
    one = replace(clip("https://example.org/ntsc"), start_s=150 / 30, end_s=180 / 30, range_fps=30.0)
    params = PARAMS.model_copy(update={"cut_margin_s": 1.0})
    result = Acquirer(params, read_fetch_settings(), Downloads(tmp_path / "unfinished", "", {}))(one, folder)
    assert isinstance(result, list)
    media = result[0]
    assert media.cut_start_s is not None
    assert media.range_scale == pytest.approx(1.001)
    (part,) = parts_of(scaled(one, media.range_scale), media, None)
    assert (part.start_s, part.end_s) == pytest.approx((150 / rate, 180 / rate))
