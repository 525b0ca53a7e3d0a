"""Pictures of people and utterances of VoxCeleb are joined by name, however each of them spells it."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.hashing import sha256_of
from pipeline.core.records.clip import clip_name
from pipeline.sources.kinds import FILES_READ
from pipeline.sources.lists.pictures import name_key
from pipeline.sources.lists.settings import VoxCelebIdSource
from tests.sources.lists.listed_from import listed, put, reasons
from tests.sources.lists.test_voxceleb import HEAD, PIXELS, SHARES, VIDEO

FILES: dict[str, str | bytes] = {
    "vox1_meta.csv": "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\nid10001\tA.J._Buckley\tm\tIreland\tdev\n"
    "id10002\tNo_Picture\tf\tUK\tdev\nid10003\tNo_Voice\tf\tUK\tdev\n",
    "vox2_meta.csv": "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,f ,test \n",
    "identity_meta.csv": 'Class_ID, Name, Sample_Num, Flag, Gender\nn000012, "Zoë_X", 315, 1, f\n',
    f"txt/id10001/{VIDEO}/00001.txt": HEAD + PIXELS,
    f"txt/id10002/{VIDEO}/00001.txt": HEAD + PIXELS,
    f"txt/id00012/{VIDEO}/00002.txt": HEAD + SHARES,
    "pictures/aj-buckley-1.jpg": b"1",
    "pictures/aj-buckley-20.JPG": b"2",
    "pictures/somebody-else-3.jpg": b"3",
    "pictures/no-voice-1.png": b"4",
    "pictures/n000012/0019_01.jpg": b"5",
    "pictures/n000099/0019_01.jpg": b"6",
    "pictures/Zoe X/any.jpg": b"7",
    "pictures/readme.txt": b"8",
}


@pytest.mark.parametrize(
    ("name", "key"),
    [("A.J._Buckley", "aj buckley"), ("aj-buckley", "aj buckley"), ("Zoë_X", "zoe x"), ("O'Neil", "oneil")],
)
def test_spellings_of_a_name_have_one_key(name: str, key: str) -> None:
    assert name_key(name) == key


def test_pictures_and_utterances_of_people_who_have_both_are_clips_of_one_identity(tmp_path: Path) -> None:
    clips, drops = listed("voxceleb_id", put(tmp_path, FILES))
    found: dict[str, set[str]] = {}
    for clip in clips.values():
        found.setdefault(clip.identity, set()).add(clip.origin)
    assert found == {
        "A.J._Buckley": {"pictures/aj-buckley-1.jpg", "pictures/aj-buckley-20.JPG", f"txt/id10001/{VIDEO}/00001.txt"},
        "No_Voice": {"pictures/no-voice-1.png"},
        "Zoë_X": {"pictures/n000012/0019_01.jpg", "pictures/Zoe X/any.jpg", f"txt/id00012/{VIDEO}/00002.txt"},
    }
    assert reasons(drops) == {
        clip_name("pictures somebody-else"): "no_voice",
        clip_name("pictures No_Voice"): "no_voice",
        "id10002": "no_picture",
    }


def test_a_picture_is_a_file_without_a_range_known_by_its_bytes(tmp_path: Path) -> None:
    clips, _ = listed("voxceleb_id", put(tmp_path, FILES))
    (clip,) = (one for one in clips.values() if one.origin == "pictures/aj-buckley-1.jpg")
    path = tmp_path / clip.origin
    assert (clip.address, clip.content_hash) == (str(path), sha256_of(path))
    assert (clip.start_s, clip.end_s, clip.crop) == (None, None, None)


def test_utterances_are_sound_and_a_file_of_sound_comes_before_the_video(tmp_path: Path) -> None:
    files = FILES | {
        f"wav/id10001/{VIDEO}/00001.wav": b"RIFF",
        f"aac/id10001/{VIDEO}/00001.m4a": b"the same, coded",
        f"wav/id10003/{VIDEO}/00007.flac": b"fLaC",
        f"wav/id10003/{VIDEO}/readme.wav": b"no number",
    }
    clips, drops = listed("voxceleb_id", put(tmp_path, files))
    heard = {clip.origin: clip for clip in clips.values() if clip.media_kind == "sound"}
    assert {origin: clip.identity for origin, clip in heard.items()} == {
        f"aac/id10001/{VIDEO}/00001.m4a": "A.J._Buckley",
        f"wav/id10003/{VIDEO}/00007.flac": "No_Voice",
        f"txt/id00012/{VIDEO}/00002.txt": "Zoë_X",
    }
    of_video, of_file = heard[f"txt/id00012/{VIDEO}/00002.txt"], heard[f"aac/id10001/{VIDEO}/00001.m4a"]
    assert (of_video.address[:5], of_video.start_s, of_video.crop) == ("https", 0.0, None)
    assert (of_file.start_s, of_file.content_hash) == (None, sha256_of(tmp_path / of_file.origin))
    assert {clip.media_kind for clip in clips.values()} == {"picture", "sound"}
    assert "no_voice" not in reasons(drops).get(clip_name("pictures No_Voice"), "")


def test_an_empty_picture_is_dropped_and_none_at_all_is_named(tmp_path: Path) -> None:
    _, drops = listed("voxceleb_id", put(tmp_path, FILES | {"pictures/aj-buckley-1.jpg": b""}))
    assert reasons(drops)[clip_name("pictures/aj-buckley-1.jpg")] == "empty_file"
    with pytest.raises(BadInput, match="expected pictures of people"):
        listed("voxceleb_id", put(tmp_path / "none", {"pictures/a.txt": ""}))


def test_the_files_that_are_read_are_named(tmp_path: Path) -> None:
    source = VoxCelebIdSource(kind="voxceleb_id", input=str(put(tmp_path, FILES)))
    read = {path.relative_to(tmp_path).as_posix() for path in FILES_READ["voxceleb_id"](source)}
    assert set(FILES) - read == {"pictures/readme.txt", "pictures/n000099/0019_01.jpg"}
