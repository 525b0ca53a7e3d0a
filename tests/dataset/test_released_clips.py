"""The files of a released dataset are grouped by clip on the disk: each file is in one clip, or has its reason."""

from pathlib import Path

import pytest

from pipeline.core.base.outcome import Dropped
from pipeline.dataset.released import ReleasedClip
from pipeline.dataset.released_clips import released_clips
from pipeline.sources.lists.released_audioface import AUDIOS, FEATURES, IMAGES, ReleasedFile

FOLDER = Path("Datasets/HDTF")


def file(kind: str, split: str, person: str, name: str, suffix: str = "", folder: str | None = None) -> ReleasedFile:
    """Return a file of the layout; ``folder``: the person's folder, where its name is not the person's."""
    ending = suffix or (".png" if kind == IMAGES else ".npy")
    path = FOLDER / kind / split.capitalize() / (folder or person) / f"{name}{ending}"
    return ReleasedFile(path=path, kind=kind, split=split, person=person, name=name)


def clips_of(tmp_path: Path, *found: ReleasedFile | tuple[str, Dropped]) -> tuple[list[ReleasedClip], dict[str, str]]:
    """Return the clips, and the reason of each file that is in none."""
    with released_clips("set", FOLDER, found, tmp_path / "files") as clips:
        listed = list(clips)
        assert len(clips) == len(listed)
        reasons = {row.item_id: row.reason for row in clips.drops()}
    assert list(tmp_path.iterdir()) == []
    return listed, reasons


def within(clip: ReleasedClip) -> list[str]:
    return [one.path.relative_to(FOLDER).as_posix() for one in (*clip.faces, *clip.segments)]


def test_exported_names_make_the_clips_and_others_one_clip_a_person(tmp_path: Path) -> None:
    clips, _ = clips_of(
        tmp_path,
        file(IMAGES, "train", "ana", "talk-2-t00-00000040"),
        file(IMAGES, "train", "bob", "0"),
        file(AUDIOS, "train", "ana", "talk-a00000000"),
        file(AUDIOS, "train", "bob", "0"),
    )
    assert [clip.clip_id for clip in clips] == ["set/bob", "set/talk", "set/talk-2"]
    assert [within(clip) for clip in clips] == [
        ["Images/Train/bob/0.png", "Audios/Train/bob/0.npy"],
        ["Audios/Train/ana/talk-a00000000.npy"],
        ["Images/Train/ana/talk-2-t00-00000040.png"],
    ]


def test_two_persons_of_one_clip_are_in_it_and_its_row_is_of_the_first_face(tmp_path: Path) -> None:
    (clip,), reasons = clips_of(
        tmp_path,
        file(IMAGES, "train", "bob", "talk-t01-00000040"),
        file(IMAGES, "test", "ana", "talk-t00-00000040"),
        file(AUDIOS, "train", "cid", "talk-a00000000"),
    )
    assert [(one.person_id, one.split) for one in (*clip.faces, *clip.segments)] == [
        ("bob", "train"),
        ("ana", "test"),
        ("cid", "train"),
    ]
    row = clip.row("ask")
    assert (row.clip_id, row.identity, row.published_split, row.licence) == ("set/talk", "bob", "train", "ask")
    assert reasons == {}


@pytest.mark.parametrize("kind", [IMAGES, AUDIOS])
def test_of_files_of_one_id_the_first_listed_counts_and_the_others_say_so(tmp_path: Path, kind: str) -> None:
    name = "talk-t00-00000040" if kind == IMAGES else "talk-a00000040"
    persons = [("train", "zoe"), ("train", "ana"), ("test", "ana")]
    (clip,), reasons = clips_of(tmp_path, *(file(kind, *person, name) for person in persons))
    assert [(one.split, one.person_id) for one in (*clip.faces, *clip.segments)] == persons[:1]
    ending = ".png" if kind == IMAGES else ".npy"
    assert reasons == dict.fromkeys(
        [f"set/{kind}/{place}/ana/{name}{ending}" for place in ("Train", "Test")], "same_id"
    )


def test_a_name_that_makes_the_id_of_another_clips_file_is_the_same_id(tmp_path: Path) -> None:
    clips, reasons = clips_of(
        tmp_path,
        file(IMAGES, "train", "talk-t00", "00000040"),
        file(IMAGES, "train", "zoe", "talk-t00-00000040"),
        file(IMAGES, "train", "zoe", "talk-t00-00000080"),
    )
    assert [clip.clip_id for clip in clips] == ["set/talk", "set/talk-t00"]
    assert reasons == {"set/Images/Train/zoe/talk-t00-00000040.png": "same_id"}


def test_a_face_and_a_segment_of_one_name_are_both_there(tmp_path: Path) -> None:
    (clip,), reasons = clips_of(tmp_path, file(IMAGES, "train", "ana", "0"), file(AUDIOS, "train", "ana", "0"))
    assert (len(clip.faces), len(clip.segments), reasons) == (1, 1, {})


def test_folders_whose_names_mean_one_person_are_that_person(tmp_path: Path) -> None:
    (clip,), reasons = clips_of(
        tmp_path,
        file(IMAGES, "train", "A", "1", folder="=41"),
        file(IMAGES, "train", "A", "0"),
        file(IMAGES, "train", "A", "1"),
        file(FEATURES, "train", "A", "0", folder="=41"),
    )
    assert within(clip) == ["Images/Train/=41/1.png", "Images/Train/A/0.png"]
    assert [one.label_path for one in clip.faces] == [None, FOLDER / "IDFeat/Train/=41/0.npy"]
    assert reasons == {"set/Images/Train/A/1.png": "same_id"}


def test_labels_belong_to_the_pictures_of_their_names_in_their_split(tmp_path: Path) -> None:
    clips, reasons = clips_of(
        tmp_path,
        file(IMAGES, "train", "ana", "0"),
        file(IMAGES, "train", "ana", "1"),
        file(FEATURES, "train", "ana", "1"),
        file(FEATURES, "train", "ana", "2"),
        file(FEATURES, "test", "ana", "0"),
    )
    labels = [one.label_path for one in clips[0].faces]
    assert labels == [None, FOLDER / "IDFeat/Train/ana/1.npy"]
    assert reasons == dict.fromkeys(["set/IDFeat/Train/ana/2.npy", "set/IDFeat/Test/ana/0.npy"], "no_picture")


def test_what_the_listing_dropped_keeps_its_reason(tmp_path: Path) -> None:
    clips, reasons = clips_of(tmp_path, ("Images/Train/notes.txt", Dropped.failed("no_folder", "a file")))
    assert (clips, reasons) == ([], {"set/Images/Train/notes.txt": "no_folder"})


def test_many_files_in_another_order_than_that_of_ids_come_clip_by_clip(tmp_path: Path) -> None:
    """More than are sorted in memory: 3 persons share 8,000 clips, whose names descend as the files are listed."""
    n_clips, persons = 8000, ("ana", "bob", "cid")
    found = [
        file(IMAGES, "train", person, f"c{number:05d}-t0{at}-00000000")
        for at, person in enumerate(persons)
        for number in reversed(range(n_clips))
    ]
    clips, reasons = clips_of(tmp_path, *found, found[0])
    assert [clip.clip_id for clip in clips] == [f"set/c{number:05d}" for number in range(n_clips)]
    assert {tuple(one.person_id for one in clip.faces) for clip in clips} == {persons}
    assert list(reasons.values()) == ["same_id"]
