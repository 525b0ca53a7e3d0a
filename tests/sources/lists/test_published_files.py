"""The complete lists as they are published, which are not part of the project, give their known counts."""

from collections import Counter, defaultdict

from pipeline.core.records.clip import clip_name
from pipeline.sources.lists.rows import ListReader
from tests.real_files import LISTS, needs_lists
from tests.sources.lists.listed_from import listed, reasons

# Thirteen ranges without a crop are all that their video has, two are second ones.
WITHOUT_CROP = {
    *("RD_Radio6_0", "RD_Radio15_0", "WDA_ByronDorgan0_0", "WDA_DeanPhillips_0", "WDA_JeffMerkley0_0"),
    *("WDA_JimMcGovern_0", "WDA_JimMcGovern1_0", "WDA_LindaSnchez_0", "WRA_BillCassidy_0", "WRA_CandiceMiller_0"),
    *("WRA_JaimeHerreraBeutler_0", "WRA_KevinBrady0_0", "WRA_RudyGiuliani_0", "WRA_DuncanHunter_1", "WRA_MittRomney_1"),
}


@needs_lists
def test_hdtf_has_370_addresses_436_ranges_421_crops_and_17_07_hours() -> None:
    clips, drops = listed("hdtf", LISTS / "HDTF")
    reader = ListReader("set", LISTS / "HDTF")
    n_addresses = {group: sum(1 for _ in reader.lines(f"{group}_video_url.txt")) for group in ("RD", "WDA", "WRA")}
    assert n_addresses == {"RD": 57, "WDA": 183, "WRA": 130}
    ranges_s = defaultdict(list)
    for name, clip in clips.items():
        ranges_s[name.partition("_")[0]].append((clip.end_s or 0.0) - (clip.start_s or 0.0))
    found = {group: (len(one), round(sum(one) / 3600, 2)) for group, one in ranges_s.items()}
    assert found == {"RD": (66, 1.2), "WDA": (195, 11.1), "WRA": (175, 4.77)}
    assert sum(clip.crop is not None for clip in clips.values()) == 421 - 2  # two are for a video 0 px high
    assert reasons(drops) == {
        **{f"{name}-crop": "no_crop" for name in WITHOUT_CROP},
        "RD_Radio24": "no_range",
        "WDA_JamesClyburn1-address": "same_address",
        "WRA_KevinMcCarthy1_0-crop": "bad_crop",
        "WRA_KevinMcCarthy1_1-crop": "bad_crop",
    }


@needs_lists
def test_hdtf_names_220_people_of_313_videos_and_56_radio_videos_with_a_range() -> None:
    clips, _ = listed("hdtf", LISTS / "HDTF")
    videos = {(clip.identity, name.rpartition("_")[0]) for name, clip in clips.items()}
    of_person = Counter(person for person, video in videos if not video.startswith("RD_"))
    assert (len(of_person), of_person.total()) == (220, 313)
    assert sum(n > 1 for n in of_person.values()) == 77
    assert sum(n for n in of_person.values() if n > 1) == 170
    assert len(videos) - of_person.total() == 56


@needs_lists
def test_faceforensics_has_1000_sequences_of_977_videos_and_reports_seven_that_two_splits_share() -> None:
    clips, drops = listed("faceforensics", LISTS / "FaceForensics", without_frames="whole_video")
    twice = {name for name, reason in reasons(drops).items() if reason == "duplicate_content"}
    assert len(clips) == len({clip.identity for clip in clips.values()}) == 977
    assert len(clips) + len(twice) == 1000
    shared = [detail for status, reason, detail in drops.values() if reason == "in_two_splits"]
    assert (sum("(val)" in one for one in shared), sum("(test)" in one for one in shared), len(shared)) == (5, 2, 7)
    assert len(drops) == len(twice) + len(shared)


@needs_lists
def test_the_sequences_of_faceforensics_wait_for_their_frame_lists() -> None:
    clips, drops = listed("faceforensics", LISTS / "FaceForensics")
    assert clips == {}
    assert Counter(reasons(drops).values()) == {"no_frames": 1000, "in_two_splits": 7}
    assert {clip_name(f"{number:03d}") for number in range(1000)} <= set(drops)


@needs_lists
def test_the_portraits_are_eleven_videos_of_six_people() -> None:
    clips, drops = listed("portraits", LISTS)
    assert Counter(clip.identity for clip in clips.values()) == {
        "Biden": 1,
        "Cameron": 3,
        "Leonardo": 1,
        "Macron": 2,
        "May": 1,
        "Obama": 3,
    }
    assert drops == {}
