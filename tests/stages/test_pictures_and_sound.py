"""Still pictures and sound alone go through all stages: faces are of the one, segments of the other, by person."""

import wave
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from pipeline.audio.extract import extract_waveform
from pipeline.core.base.images import decode_png
from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.face import Face, SelectedFace
from pipeline.core.records.frame import Frame
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.subject import Subject, Turn
from pipeline.core.records.track import Shot, Track
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.core.storage.shards import shard_paths
from pipeline.report.faces import read_sheets
from pipeline.report.timeline.read import read_timelines
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.decode import rgb_frames
from stages.__main__ import run_stage
from stages.commands.profile import apply_profiles
from stages.commands.status import render_history, render_status
from tests.golden_steps import GOLDEN

VIDEO = "abcdefghij_"
NAMES = {"id10001": "Ana_One", "id10002": "Bo.B._Two", "id10003": "Cy_Three"}
RATE_HZ = 16_000
MANY_S = 6.0 * 22
EARLY, LATE = 2, 20
"""Frames of the generated videos that become pictures."""


@dataclass(frozen=True)
class Person:
    """A generated talker: two of its frames, the true eyes in each, and its sound."""

    pictures: dict[int, NDArray[np.uint8]]
    eyes_px: dict[int, NDArray[np.float64]]
    sound: NDArray[np.int16]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Person]:
    folder = tmp_path_factory.mktemp("talkers")
    found = []
    for number in range(len(NAMES)):
        spec = ClipSpec(seed=11, person=number, clip=0, duration_s=1.2, width_px=480, height_px=360)
        truth = write_clip(spec, folder / f"{number}.mp4")
        frames = [picture for _, picture in rgb_frames(folder / f"{number}.mp4")]
        (face,) = truth.faces
        eyes = {at: np.array([face.left_eye_px[at], face.right_eye_px[at]]) for at in (EARLY, LATE)}
        waveform = extract_waveform(folder / f"{number}.mp4", max_duration_s=60.0)
        sound = np.round(np.tile(waveform, 6) * 32767).astype(np.int16)
        found.append(Person({at: frames[at] for at in (EARLY, LATE)}, eyes, sound))
    return found


def put_sound(path: Path, samples: NDArray[np.int16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())


def put_voxceleb_id(folder: Path, people: list[Person]) -> None:
    """Arrange the talkers as the list expects: a picture turned by EXIF, a transparent one, one of 16 bits, a WebP."""
    pictures = folder / "pictures"
    (pictures / "Cy Three").mkdir(parents=True)
    ana, bo, cy = people
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.rot90(ana.pictures[EARLY])).save(pictures / "ana-one-1.jpg", exif=turned, quality=95)
    Image.fromarray(ana.pictures[LATE]).save(pictures / "ana-one-2.webp", quality=95)
    opaque = np.full((*bo.pictures[EARLY].shape[:2], 1), 255, np.uint8)
    Image.fromarray(np.dstack([bo.pictures[EARLY], opaque])).save(pictures / "bob-two-1.png")
    cv2.imwrite(str(pictures / "Cy Three" / "deep.png"), cy.pictures[EARLY][..., ::-1].astype(np.uint16) << 8)
    Image.new("RGB", (200, 160), "grey").save(pictures / "Cy Three" / "nobody.jpg")
    lines = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
    lines += [f"{key}\t{name}\tf\tUK\tdev" for key, name in NAMES.items()]
    (folder / "vox1_meta.csv").write_text("\n".join(lines) + "\n")
    many = np.resize(ana.sound, round(MANY_S * RATE_HZ))
    for key, samples in zip(NAMES, (many, bo.sound, cy.sound), strict=True):
        put_sound(folder / "wav" / key / VIDEO / "00001.wav", samples)


@dataclass(frozen=True)
class Run:
    at: Layout

    def rows(self, record: type, path: Path) -> list[Any]:
        return read_manifest(path, record)

    def ends(self, stage: str, dataset: str) -> dict[str, str]:
        return {
            one.item_id.partition("/")[2]: one.reason for one in self.rows(LedgerRow, self.at.ledger(stage, dataset))
        }


def prepared(root: Path, sources: dict[str, dict[str, Any]], *profiles: str) -> Run:
    """Return a run before its first stage: the committed params with ``profiles``, and without networks of sound."""
    root.mkdir(parents=True)
    (root / "profiles").symlink_to(ROOT / "profiles")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["sources"] |= sources
    params["datasets"] = list(sources)
    params["download"]["min_duration_s"] = 0.5
    params["subjects"] |= {"voices": None, "overlap": None, "music": None}
    params["recognise"]["network"] = None
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    apply_profiles(list(profiles), [], root)
    return Run(Layout(root))


def run_to_audio(run: Run, dataset: str) -> None:
    for stage in ("sources", "download", "detect", "subjects", "crop", "audio", "recognise"):
        run_stage(stage, dataset, run.at)


def build(run: Run, datasets: list[str]) -> None:
    for stage in ("select", "persons"):
        run_stage(stage, run.at)
    for dataset in datasets:
        write_manifest(run.at.labels(dataset), Label, [])
    run_stage("dataset", run.at)


@pytest.fixture(scope="module")
def ran(people: list[Person], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("voxceleb_id")
    put_voxceleb_id(folder / "list", people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVOX_CACHE", str(folder / "store"))
        patch.setenv("FACEVOX_WORKERS", "1")
        source = {"kind": "voxceleb_id", "input": str(folder / "list")}
        run = prepared(folder / "root", {"vid": source}, "paper", "voxceleb_id")
        run_to_audio(run, "vid")
        build(run, ["vid"])
        yield run


def test_pictures_and_sounds_are_told_apart(ran: Run) -> None:
    kinds = {
        one.clip_id[4:].rpartition(".")[0] or one.clip_id: one.kind for one in ran.rows(Media, ran.at.media("vid"))
    }
    assert Counter(kinds.values()) == {"picture": 5, "sound": 3}
    listed = {one.clip_id: one.media_kind for one in ran.rows(Clip, ran.at.clips("vid"))}
    assert {one.clip_id: one.kind for one in ran.rows(Media, ran.at.media("vid"))} == listed
    assert Counter(ran.ends("detect", "vid").values()) == {"": 4, "no_picture": 3, "no_face": 1}
    assert Counter(reason for reason in ran.ends("audio", "vid").values() if reason) == {"no_audio": 5}


def test_the_face_of_each_picture_is_where_its_eyes_are(ran: Run, people: list[Person]) -> None:
    origin_of = {one.clip_id: Path(one.origin).name for one in ran.rows(Clip, ran.at.clips("vid"))}
    expected = {
        "ana-one-1.jpg": people[0].eyes_px[EARLY],
        "ana-one-2.webp": people[0].eyes_px[LATE],
        "bob-two-1.png": people[1].eyes_px[EARLY],
        "deep.png": people[2].eyes_px[EARLY],
    }
    frames = {origin_of[one.clip_id]: one for one in ran.rows(Frame, ran.at.frames("vid"))}
    assert set(frames) == set(expected)
    for name, eyes_px in expected.items():
        one = frames[name]
        found = [[one.left_eye_x_px, one.left_eye_y_px], [one.right_eye_x_px, one.right_eye_y_px]]
        apart_px = np.linalg.norm(eyes_px[1] - eyes_px[0])
        assert np.linalg.norm(found - eyes_px, axis=1).max() < 0.12 * apart_px, name
        assert (one.time_s, one.frame_index) == (0.0, 0)
    assert {one.n_frames for one in ran.rows(Track, ran.at.tracks("vid"))} == {1}
    assert ran.rows(Shot, ran.at.shots("vid")) == []


def test_each_face_is_aligned_and_standard_and_what_needs_several_frames_is_null(ran: Run) -> None:
    faces = pa.concat_tables(pq.read_table(path) for path in shard_paths(ran.at.faces_folder("vid"))).to_pylist()
    assert len(faces) == 4
    for face in faces:
        assert decode_png(face["image"]["bytes"]).shape == (256, 256, 3)
        assert {face[name] for name in ("lip_motion", "mouth_change", "eye_change", "rest_gap", "lid_share")} == {None}
        assert None not in {face[name] for name in ("lip_gap", "mesh_yaw_deg", "lips_parted", "eyes_shut")}
        assert (face["lip_opening_max"], face["mouth_rise"]) == (face["lip_opening"], 0.0)
        eyes_px = np.reshape(face["landmarks_px"], (68, 2))[36:48].reshape(2, 6, 2).mean(axis=1)
        assert np.abs(eyes_px - [[96, 120], [160, 120]]).max() < 0.01
    selected = ran.rows(SelectedFace, ran.at.selected_faces)
    assert [(one.sampled_by, one.is_standard, one.reason, one.is_resting) for one in selected] == [
        ("picture", True, "", False)
    ] * 4


def test_sound_alone_is_one_turn_of_the_person_whom_its_list_names(ran: Run, people: list[Person]) -> None:
    turns = ran.rows(Turn, ran.at.turns("vid"))
    heard = [one for one in ran.rows(Subject, ran.at.subjects("vid")) if one.n_tracks == 0]
    assert [one.subject_id for one in turns] == [one.subject_id for one in heard]
    lengths_s = [one.end_s - one.start_s for one in turns]
    assert lengths_s == [MANY_S, *(len(one.sound) / RATE_HZ for one in people[1:])]
    assert {(one.start_s, one.log_odds, one.overlap_share) for one in turns} == {(0.0, None, None)}
    assert all(one.is_main and one.is_taken for one in heard)


def test_at_most_twenty_segments_of_a_person_are_kept_and_pairs_join_pictures_to_sound(ran: Run) -> None:
    faces = ran.rows(DatasetFace, ran.at.dataset("faces"))
    segments = ran.rows(DatasetSegment, ran.at.dataset("audio"))
    pairs = ran.rows(Pair, ran.at.dataset("pairs"))
    n_faces = Counter(one.person_id for one in faces)
    n_segments = Counter(one.person_id for one in segments)
    assert (n_faces, n_segments) == (
        Counter({"ana_one": 2, "bob_two": 1, "cy_three": 1}),
        Counter({"ana_one": 20, "bob_two": 1, "cy_three": 1}),
    )
    assert Counter(one.person_id for one in pairs) == {name: n_faces[name] * n_segments[name] for name in n_faces}
    assert not any(one.same_clip for one in pairs)
    assert {(one.face_seen_share, one.av_zscore, one.av_covered_s) for one in segments} == {(None, None, 0.0)}
    kind_of = {one.clip_id: one.kind for one in ran.rows(Media, ran.at.media("vid"))}
    assert {kind_of[one.clip_id] for one in faces} == {"picture"}
    assert {kind_of[one.clip_id] for one in segments} == {"sound"}


def test_a_person_is_in_one_split_with_pictures_and_sound(ran: Run) -> None:
    identities = ran.rows(Identity, ran.at.dataset("identities"))
    split_of = {one.person_id: one.split for one in identities}
    assert set(split_of.values()) == {"train", "test"}
    rows = [
        row
        for name, record in (("faces", DatasetFace), ("audio", DatasetSegment), ("pairs", Pair))
        for row in ran.rows(record, ran.at.dataset(name))
    ]
    assert all(row.split == split_of[row.person_id] for row in rows)
    assert [(one.n_faces, one.n_standard_faces) for one in identities] == [(2, 2), (1, 1), (1, 1)]


def test_the_segments_are_those_of_the_paper(ran: Run) -> None:
    table = pa.concat_tables(pq.read_table(path) for path in shard_paths(ran.at.audio_folder("vid")))
    assert set(zip(*(table[name].to_pylist() for name in ("profile", "n_mels", "n_frames")), strict=True)) == {
        ("paper", 64, 1000)
    }
    of_ana = [row for row in table.select(["start_s", "end_s", "clip_id"]).to_pylist() if "id10001" in row["clip_id"]]
    assert [(row["start_s"], row["end_s"]) for row in of_ana] == [(6.0 * n, 6.0 * (n + 1)) for n in range(22)]


def test_the_history_of_a_picture_and_of_a_sound_says_what_they_are(ran: Run) -> None:
    clips = {Path(one.origin).name: one.clip_id for one in ran.rows(Clip, ran.at.clips("vid"))}
    of_picture = render_history(clips["bob-two-1.png"], ran.at)
    assert "filtered: no_audio (the media is a still picture)" in of_picture
    assert "main: in a still picture; 1 face, 1 of them standard" in of_picture
    of_sound = render_history(f"vid/id10002-{VIDEO}-00001", ran.at)
    assert "filtered: no_picture (the media is sound alone)" in of_sound
    assert "main: heard, not seen; all sound its own, 7.3 s; 1 segment" in of_sound
    assert "3 filtered: no_picture" in render_status(ran.at)


def test_the_report_shows_the_faces_and_draws_no_timeline(ran: Run) -> None:
    (of_dataset,) = read_sheets(ran.at, ["vid"]) or []
    assert [(sheet.n_faces, sheet.n_persons) for sheet in of_dataset.sheets] == [(4, 3), (4, 3)]
    assert read_timelines(ran.at, ["vid"]) == []


BESIDE = ("frames", "tracks", "shots", "agreement", "fingerprints", "subjects", "subject_tracks", "turns")


def test_what_stands_beside_a_video_changes_nothing_of_it(
    people: list[Person], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One table has the video alone, the other a picture, sound, and a file with neither before and behind it too."""
    monkeypatch.setenv("FACEVOX_WORKERS", "1")
    both = np.full((360, 900, 3), 200, np.uint8)
    small = cv2.resize(people[1].pictures[EARLY], (360, 270), interpolation=cv2.INTER_AREA)
    both[:, :480], both[60:330, 510:870] = people[0].pictures[EARLY], small
    Image.fromarray(both).save(tmp_path / "both.png")
    put_sound(tmp_path / "a.wav", people[0].sound)
    (tmp_path / "text.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nNothing.\n")
    talk = f"talk,ana,{GOLDEN.parent / 'talk.mp4'},,,,,,,,"
    beside = [
        f"above,ana,{tmp_path / 'both.png'},,,,,,,,",
        f"boxed,bo,{tmp_path / 'both.png'},,,,510,0,390,360,360",
        f"sound,ana,{tmp_path / 'a.wav'},,,,,,,,",
        f"text,ana,{tmp_path / 'text.srt'},,,,,,,,",
        f"ranged,ana,{tmp_path / 'both.png'},0,1,,,,,,",
    ]
    header = "id,identity,address,start_s,end_s,licence,crop_x,crop_y,crop_w,crop_h,crop_height_px"
    runs = []
    for name, lines in (("alone", [talk]), ("beside", [talk, *beside])):
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *lines]) + "\n")
        monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / f"{name}_store"))
        run = prepared(tmp_path / name, {"set": {"kind": "table", "input": str(tmp_path / f"{name}.csv")}})
        run_to_audio(run, "set")
        runs.append(run)
    alone, mixed = runs
    for name in BESIDE:
        tables = [pq.read_table(getattr(run.at, name)("set")) for run in runs]
        of_talk = tables[1].filter(pa.compute.equal(tables[1]["clip_id"], "set/talk"))
        assert (tables[0].num_rows or name == "fingerprints") and of_talk.equals(tables[0]), name
    for folder in ("faces_folder", "audio_folder"):
        tables = [
            pa.concat_tables(pq.read_table(path) for path in shard_paths(getattr(run.at, folder)("set")))
            for run in runs
        ]
        of_talk = tables[1].filter(pa.compute.equal(tables[1]["clip_id"], "set/talk"))
        assert tables[0].num_rows and of_talk.equals(tables[0]), folder
    ends = mixed.ends("download", "set")
    assert (ends.pop("text") in ("no_media", "undecodable"), ends.pop("ranged")) == (True, "bad_range")
    assert set(ends.values()) == {""}
    centre_of = {one.track_id: one.box_x_px + one.box_w_px / 2 for one in mixed.rows(Frame, mixed.at.frames("set"))}
    main = [
        one for one in mixed.rows(Face, shard_paths(mixed.at.faces_folder("set"))[0]) if one.sampled_by == "picture"
    ]
    assert sorted((one.clip_id, centre_of[one.track_id] > 480) for one in main) == [
        ("set/above", False),
        ("set/boxed", True),
    ]
    assert mixed.ends("subjects", "set")["above-s01"] == "not_main_subject"
    assert mixed.ends("subjects", "set")["boxed-s01"] == "not_in_crop"
    del alone
