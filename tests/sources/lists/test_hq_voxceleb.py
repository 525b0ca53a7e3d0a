"""HQ-VoxCeleb's folders become clips: pictures, and utterances by the names of spectrograms, which are never opened."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.sources.kinds import FILES_READ
from pipeline.sources.lists.settings import HqVoxCelebSource
from tests.sources.lists.listed_from import listed, put, reasons
from tests.sources.lists.test_voxceleb import HEAD, PIXELS, VIDEO

V1, V2 = VIDEO, "a_b_c_d_e_f"  # ids may have underscores
ROWS = "".join(f"id1000{number}\tName_{number}\tm\tUK\tdev\n" for number in range(10))
FILES: dict[str, str | bytes] = {
    "vox1/vox1_meta.csv": "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n" + ROWS,
    "vox1/masked_faces/Name_8/a.jpg": b"1",
    "vox1/origin_faces/Name_8/b.jpg": b"2",
    "vox1/masked_faces/Name_0/c-1.jpg": b"3",
    "vox1/masked_faces/in-no-folder-1.jpg": b"4",
    f"vox1/mel_spectrograms/Name_8/id10008_{V1}_00001.pickle": b"never opened",
    f"vox1/mel_spectrograms/Name_9/id10009_{V2}_00003.pickle": b"never opened",
    f"vox1/mel_spectrograms/Name_0/id10000_{V2}_00001.pickle": b"never opened",
    "vox1/mel_spectrograms/Name_0/other.pickle": b"never opened",
    f"txt/id10008/{V1}/00001.txt": HEAD + PIXELS,
    f"txt/id10008/{V1}/00002.txt": HEAD + PIXELS,
    f"txt/id10009/{V2}/00003.txt": HEAD + PIXELS,
}


@pytest.mark.parametrize(
    ("params", "pictures"),
    [({}, {"a.jpg": "test", "c-1.jpg": "train"}), ({"faces": "origin"}, {"b.jpg": "test"})],
)
def test_people_have_pictures_and_utterances_and_the_split_of_their_row(
    params: dict[str, Any], pictures: dict[str, str], tmp_path: Path
) -> None:
    clips, drops = listed("hq_voxceleb", put(tmp_path, FILES), **params)
    found = {Path(clip.origin).name: clip.published_split for clip in clips.values()}
    assert found == pictures | {"00001.txt": "test", "00003.txt": "val"}
    assert {clip.identity for clip in clips.values() if clip.origin.endswith(".jpg")} <= {"Name_8", "Name_0"}
    assert {(clip.identity, clip.start_s) for clip in clips.values() if clip.origin.endswith(".txt")} == {
        ("Name_8", 2.0),
        ("Name_9", 2.0),
    }
    assert {name: end[:2] for name, end in drops.items()} == {f"id10000_{V2}_00001": ("waiting", "no_range")}


def test_a_table_row_that_cannot_be_read_moves_no_split(tmp_path: Path) -> None:
    table = str(FILES["vox1/vox1_meta.csv"]).replace("id10003\tName_3\tm\tUK\tdev", "id10003")
    clips, drops = listed("hq_voxceleb", put(tmp_path, FILES | {"vox1/vox1_meta.csv": table}))
    assert {clip.published_split for clip in clips.values() if clip.identity == "Name_8"} == {"test"}
    assert "bad_row" in reasons(drops).values()


def test_the_files_are_named_and_a_folder_without_spectrograms_too(tmp_path: Path) -> None:
    source = HqVoxCelebSource(kind="hq_voxceleb", input=str(put(tmp_path, FILES)))
    read = {path.relative_to(tmp_path).as_posix() for path in FILES_READ["hq_voxceleb"](source)}
    assert set(FILES) - read == {
        "vox1/origin_faces/Name_8/b.jpg",
        "vox1/masked_faces/in-no-folder-1.jpg",
        "vox1/mel_spectrograms/Name_0/other.pickle",
    }
    with pytest.raises(BadInput, match=r"expected vox1/mel_spectrograms/<name>/"):
        listed("hq_voxceleb", tmp_path / "none")
