"""HDTF's lists become clips: each trap of the format, in files of our own."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.records.clip import PublishedCrop, clip_name, content_of
from pipeline.sources.kinds import FILES_READ
from pipeline.sources.lists.settings import HdtfSource
from tests.sources.lists.listed_from import listed, put, reasons

URL = "https://www.youtube.com/watch?v="
A, B, C = URL + "aaaaaaaaaaa", URL + "-bbbbbbbbb_", URL + "ccccccccccc"
KINDS = ("video_url", "annotion_time", "resolution", "crop_wh")


def group(name: str, addresses: str | bytes, times: str, heights: str, crops: str) -> dict[str, str | bytes]:
    texts = zip(KINDS, (addresses, times, heights, crops), strict=True)
    return {f"{name}_{kind}.txt": text for kind, text in texts}


GOOD = group("WDA", f"Ana1 {A}\n", "Ana1.mp4 00:05-01:35\n", "Ana1.mp4 720\n", "Ana1_0.mp4 342 591 4 590\n")


def row(file: str, number: int) -> str:
    return clip_name(f"{file}.txt line {number}")


def test_a_range_becomes_a_clip_with_its_crop_and_its_person(tmp_path: Path) -> None:
    clips, drops = listed("hdtf", put(tmp_path, GOOD))
    assert drops == {}
    (clip,) = clips.values()
    assert (clip.clip_id, clip.identity, clip.address) == ("set/WDA_Ana1_0", "Ana", A)
    assert (clip.start_s, clip.end_s, clip.range_fps) == (5.0, 95.0, None)
    assert clip.crop == PublishedCrop(342, 4, 591, 590, 720)
    assert clip.content_hash == content_of(A, 5.0, 95.0, clip.crop)
    assert "CC BY 4.0" in clip.licence
    assert clip.origin == "WDA_video_url.txt line 1"


def test_marks_missing_line_ends_spaces_and_start_times_change_nothing(tmp_path: Path) -> None:
    odd = group(
        "WDA",
        b"\xef\xbb\xbf" + f"Ana1 {A}&t=138s".encode(),
        "Ana1.mp4 00:05-01:35 ",
        "Ana1.mp4 720\r\n",
        "\nAna1_0.mp4 342 591 4 590   \n\n",
    )
    assert listed("hdtf", put(tmp_path / "odd", odd)) == listed("hdtf", put(tmp_path / "good", GOOD))


def test_digits_at_the_end_number_the_videos_of_a_person_but_in_rd_each_is_a_person(tmp_path: Path) -> None:
    files = group("WRA", f"Bo {A}\nBo0 {B}\nBo12 {C}\n", "Bo 0:00-0:01\nBo0 0:00-0:01\nBo12 0:00-0:01\n", "", "")
    files |= group("RD", f"Radio1 {URL}ddddddddddd\n", "Radio1.mp4 0:00-0:01\n", "", "")
    clips, _ = listed("hdtf", put(tmp_path, files))
    assert {name: clip.identity for name, clip in clips.items()} == {
        "WRA_Bo_0": "Bo",
        "WRA_Bo0_0": "Bo",
        "WRA_Bo12_0": "Bo",
        "RD_Radio1_0": "Radio1",
    }


def test_clip_numbers_count_ranges_and_a_bad_one_costs_itself_alone(tmp_path: Path) -> None:
    times = "Ana1.mp4 00:00-00:09 00:20-00:20 00:30-00:61 100:00-101:01\n"
    crops = "Ana1_3.mp4 1 2 3 4\nAna1_1.mp4 1 2 3 4\n"
    clips, drops = listed("hdtf", put(tmp_path, group("WDA", f"Ana1 {A}\n", times, "Ana1.mp4 720\n", crops)))
    ranges = {name: (clip.start_s, clip.end_s, clip.crop) for name, clip in clips.items()}
    crop = PublishedCrop(1, 3, 2, 4, 720)
    assert ranges == {"WDA_Ana1_0": (0.0, 9.0, None), "WDA_Ana1_3": (6000.0, 6061.0, crop)}
    assert reasons(drops) == {
        "WDA_Ana1_1": "bad_range",
        "WDA_Ana1_2": "bad_range",
        "WDA_Ana1_0-crop": "no_crop",
        row("WDA_crop_wh", 2): "no_range",
    }


@pytest.mark.parametrize(
    ("heights", "crop", "reason"),
    [
        ("Ana1.mp4 0\n", "Ana1_0.mp4 342 591 4 590\n", "bad_crop"),
        ("", "Ana1_0.mp4 342 591 4 590\n", "bad_crop"),
        ("Ana1.mp4 720\n", "Ana1_0.mp4 342 0 4 590\n", "bad_crop"),
        ("Ana1.mp4 720\n", "Ana1_0.mp4 342 591 720 590\n", "bad_crop"),
        ("Ana1.mp4 720\n", "", "no_crop"),
    ],
)
def test_a_range_without_a_usable_crop_is_a_clip_without_one_and_the_ledger_says_so(
    heights: str, crop: str, reason: str, tmp_path: Path
) -> None:
    files = group("WDA", f"Ana1 {A}\n", "Ana1.mp4 00:05-01:35\n", heights, crop)
    clips, drops = listed("hdtf", put(tmp_path, files))
    assert [clip.crop for clip in clips.values()] == [None]
    assert reasons(drops) == {"WDA_Ana1_0-crop": reason}


def test_what_is_missing_in_one_file_has_a_row(tmp_path: Path) -> None:
    files = group("WDA", f"Ana1 {A}\nBo {B}\n", "Bo.mp4 0:00-0:09\nCy.mp4 0:00-0:09\n", "Bo 9\n", "Bo_0.mp4 1 2 3 4\n")
    clips, drops = listed("hdtf", put(tmp_path, files))
    assert list(clips) == ["WDA_Bo_0"]
    assert reasons(drops) == {"WDA_Ana1": "no_range", row("WDA_annotion_time", 2): "no_address"}


def test_an_address_of_two_videos_is_one_address_and_both_are_clips(tmp_path: Path) -> None:
    times = "Ana1.mp4 0:00-0:09\nAnnA.mp4 0:00-0:10\n"
    files = group("WDA", f"Ana1 {A}\nAnnA {A}&t=5s\n", times, "", "")
    clips, drops = listed("hdtf", put(tmp_path, files))
    assert {name: (clip.identity, clip.address) for name, clip in clips.items()} == {
        "WDA_Ana1_0": ("Ana", A),
        "WDA_AnnA_0": ("AnnA", A),
    }
    status, reason, detail = drops["WDA_AnnA-address"]
    assert (status, reason) == ("filtered", "same_address")
    assert "is that of WDA_Ana1 too" in detail


def test_a_bad_row_costs_itself_alone(tmp_path: Path) -> None:
    addresses = f"Ana1 {A}\nBo\nCy no-address\nDi {B}\nAna1 {C}\n".encode() + b"\xff\xfe x\nE\x01f " + B.encode()
    times = "Ana1.mp4 0:00-0:09\nDi.mp4 0:00-0:09\nAna1.mp4 0:10-0:19\n"
    files = group("WDA", addresses, times, "Ana1.mp4 x\nDi.mp4 9\n", "Ana1_0.mp4 1 2 3\nDi_0.mp4 1 2 3 4\n" * 2)
    clips, drops = listed("hdtf", put(tmp_path, files))
    assert {name: clip.crop is not None for name, clip in clips.items()} == {"WDA_Ana1_0": False, "WDA_Di_0": True}
    assert reasons(drops) == {
        row("WDA_video_url", 2): "bad_row",
        row("WDA_video_url", 3): "bad_row",
        row("WDA_video_url", 5): "duplicate_name",
        row("WDA_video_url", 6): "bad_row",
        row("WDA_video_url", 7): "bad_row",
        row("WDA_annotion_time", 3): "duplicate_name",
        row("WDA_resolution", 1): "bad_row",
        row("WDA_crop_wh", 1): "bad_row",
        row("WDA_crop_wh", 3): "bad_row",
        row("WDA_crop_wh", 4): "duplicate_name",
        "WDA_Ana1_0-crop": "no_crop",
    }


def test_a_folder_without_a_list_and_a_group_without_a_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"such as RD_video_url.txt, found none"):
        listed("hdtf", tmp_path)
    put(tmp_path, GOOD)
    (tmp_path / "WDA_crop_wh.txt").unlink()
    with pytest.raises(BadInput, match=r"expected also WDA_crop_wh.txt, found none"):
        listed("hdtf", tmp_path)


def test_the_files_that_are_read_are_named(tmp_path: Path) -> None:
    source = HdtfSource(kind="hdtf", input=str(put(tmp_path, GOOD)))
    assert sorted(FILES_READ["hdtf"](source)) == sorted(tmp_path.iterdir())
