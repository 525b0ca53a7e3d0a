"""The stages recognise and persons on generated faces: what they write, reuse and refuse."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import stages.persons
import stages.recognise
from pipeline.core.base.errors import SplitLeak
from pipeline.core.base.images import encode_png
from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import load_params, read_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.evidence import PersonEvidence, SubjectEmbedding
from pipeline.core.records.face import Face
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.person import TEST, TRAIN, Person, SubjectPerson
from pipeline.core.records.schema import Image, to_table
from pipeline.core.records.subject import Subject, Turn, VoiceEmbedding, main_subject_id
from pipeline.core.records.track import Fingerprint, Track
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.core.storage.shards import write_shards
from pipeline.identity.network.subject_embedding import RecogniseParams, embedding_of, subject_faces
from pipeline.weights.registry import REGISTRY
from tests.face.faces import face
from tests.face.tracks import a_subject
from tests.identity.clips import RECOGNISE, clip, media
from tests.identity.persons.decided import PARAMS, faces_of, name_in
from tests.real_files import needs_weights

# Where the 68 points of an aligned face lie, about: all that matters are eyes, nose tip and mouth corners.
POINTS = np.full((68, 2), 128, np.float32)
POINTS[36:42], POINTS[42:48], POINTS[30], POINTS[48], POINTS[54] = (
    (96, 120),
    (160, 120),
    (128, 156),
    (102, 194),
    (154, 194),
)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A root with params, a store of its own, and nothing else."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("FACEVOX_WORKERS", "1")
    at = Layout(tmp_path / "root")
    at.root.mkdir()
    write_params(at)
    return at


def write_params(
    at: Layout, network: str | None = "mobilefacenet", kind: str = "folder", generated: bool = False, **persons: object
) -> None:
    params = {
        "datasets": ["set"],
        "sources": {"set": {"kind": kind}},
        "recognise": {**RECOGNISE.model_dump(), "network": network, "generated": generated},
        "persons": {**PARAMS.model_dump(), **persons},
    }
    at.params.write_text(yaml.safe_dump(params), encoding="utf-8")


def write_faces(
    at: Layout, yaws: Mapping[str, list[float]], true_interocular_px: Mapping[str, list[float]] | None = None
) -> None:
    """Write one face for each clip and yaw, a picture of its own each; of much detail where nothing else is given."""
    rng = np.random.default_rng(1)
    detail_px = true_interocular_px or {clip_id: [60.0] * len(found) for clip_id, found in yaws.items()}
    rows = {
        clip_id: to_table(
            Face,
            [
                replace(_face(f"{clip_id}-t00-{i:08}", clip_id, yaw, rng), true_interocular_px=px)
                for i, (yaw, px) in enumerate(zip(found, detail_px[clip_id], strict=True))
            ],
        )
        for clip_id, found in yaws.items()
    }
    write_shards(at.faces_folder("set"), Face, list(rows), rows.__getitem__)


def _face(face_id: str, clip_id: str, yaw_deg: float, rng: np.random.Generator) -> Face:
    coarse = rng.uniform(0, 255, (8, 8, 3))
    subject = main_subject_id(clip_id)
    measures = face(0.0, face_id=face_id, clip_id=clip_id, subject_id=subject, yaw_deg=yaw_deg, pitch_deg=0.0)
    return Face(
        **{name: getattr(measures, name) for name in measures.__dataclass_fields__},
        image_sha256=face_id,
        image=Image(encode_png(np.kron(coarse, np.ones((32, 32, 1))).astype(np.uint8)), face_id),
        landmarks_px=POINTS.ravel(),
        alignment=np.zeros(6, np.float32),
    )


def write_clips(at: Layout, shown: Mapping[tuple[str, str], int], contents: Mapping[str, str] | None = None) -> None:
    """Write clips (identity, name), their media and the embeddings of the persons that they show."""
    clips = [clip("set", identity, name) for identity, name in shown]
    write_manifest(at.clips("set"), Clip, clips)
    write_manifest(
        at.media("set"), Media, [media(one, (contents or {}).get(one.clip_id, one.clip_id)) for one in clips]
    )
    write_manifest(at.subjects("set"), Subject, [])
    write_manifest(at.fingerprints("set"), Fingerprint, [])
    write_manifest(at.tracks("set"), Track, [])
    write_manifest(at.voice_embeddings("set"), VoiceEmbedding, [])
    write_manifest(at.turns("set"), Turn, [])
    embeddings = faces_of({f"set/{name}": person for (_, name), person in shown.items()})
    write_manifest(at.subject_embeddings("set"), SubjectEmbedding, embeddings)


def test_the_most_frontal_faces_of_each_clip_are_taken(at: Layout) -> None:
    write_faces(at, {"set/b": [9.0, -3.0, 1.0, 3.5], "set/a": [5.0]})
    items = list(subject_faces(at.faces_folder("set"), RECOGNISE, at.subject_embeddings("set")))
    assert [item.subject_id for item in items] == ["set/a-s00", "set/b-s00"]
    assert items[1].face_ids == ("set/b-t00-00000001", "set/b-t00-00000002")
    assert len(items[1].content) == 4


def test_faces_of_little_detail_are_passed_over_and_a_subject_of_no_other_is_filtered(at: Layout) -> None:
    write_faces(at, {"set/a": [9.0, 1.0, 2.0], "set/b": [0.0]}, {"set/a": [16.0, 15.99, 16.0], "set/b": [15.99]})
    one, none = subject_faces(at.faces_folder("set"), RECOGNISE, at.subject_embeddings("set"))
    assert one.face_ids == ("set/a-t00-00000000", "set/a-t00-00000002")
    assert (none.face_ids, none.content) == ((), ())
    write_params(at, "dlib_face_recognition")
    stages.recognise.main("set", at)
    assert [row.subject_id for row in read_manifest(at.subject_embeddings("set"), SubjectEmbedding)] == ["set/a-s00"]
    ends = {row.item_id: row.reason for row in read_manifest(at.ledger("recognise", "set"), LedgerRow)}
    assert ends == {"set/a-s00": "", "set/b-s00": "low_resolution"}


def test_an_embedding_is_the_mean_of_unit_vectors_at_length_one() -> None:
    found = embedding_of("set/a-s00", "net-1", np.array([(3, 0), (0, 0.1)], np.float32))
    assert isinstance(found, list)
    (row,) = found
    assert row.embedding.tolist() == pytest.approx([0.5**0.5] * 2)
    assert (row.n_faces, row.spherical_variance) == (2, pytest.approx(1 - 0.5**0.5))


@pytest.mark.parametrize("features", [[(1, 0), (-1, 0)], [(0, 0)], [(np.nan, 1)]])
def test_faces_without_a_common_direction_give_no_embedding(features: list[tuple[float, float]]) -> None:
    found = embedding_of("set/a-s00", "net-1", np.array(features, np.float32))
    assert isinstance(found, Dropped)
    assert found.reason == "no_embedding"


@needs_weights
def test_recognise_writes_one_embedding_a_clip_and_computes_none_twice(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    write_faces(at, {"set/a": [1.0, 2.0, 30.0], "set/b": [0.0]})
    stages.recognise.main("set", at)
    first = at.subject_embeddings("set").read_bytes()
    rows = read_manifest(at.subject_embeddings("set"), SubjectEmbedding)
    assert [(row.clip_id, row.network, row.n_faces) for row in rows] == [
        ("set/a", "mobilefacenet-b7120c095d60", 2),
        ("set/b", "mobilefacenet-b7120c095d60", 1),
    ]
    assert [float(np.linalg.norm(row.embedding)) for row in rows] == pytest.approx([1, 1])
    capsys.readouterr()
    stages.recognise.main("set", at)
    assert "2 items, 0 computed, 2 from the store: 2 ok" in capsys.readouterr().out
    assert at.subject_embeddings("set").read_bytes() == first


def test_clips_of_a_folder_are_embedded_by_the_network_of_params_yaml(at: Layout) -> None:
    committed = load_params(RecogniseParams, "recognise", ROOT / "params.yaml")
    assert committed.network is not None
    write_params(at, committed.network)
    write_faces(at, {"set/a": [0.0]})
    stages.recognise.main("set", at)
    (row,) = read_manifest(at.subject_embeddings("set"), SubjectEmbedding)
    assert row.network == f"dlib_face_recognition-{REGISTRY['dlib_face_recognition'].sha256:.12}"
    assert len(row.embedding) == 128


@pytest.mark.parametrize("generated", [False, True])
def test_generated_talkers_are_embedded_only_where_params_yaml_says_so(
    at: Layout, capsys: pytest.CaptureFixture[str], generated: bool
) -> None:
    write_params(at, "dlib_face_recognition", "synthetic", generated=generated)
    write_faces(at, {"set/a": [0.0]})
    stages.recognise.main("set", at)
    assert len(read_manifest(at.subject_embeddings("set"), SubjectEmbedding)) == generated
    assert len(read_manifest(at.ledger("recognise", "set"), LedgerRow)) == generated
    assert ("generated talkers keep their identities" in capsys.readouterr().out) != generated


def test_the_demos_talkers_are_not_embedded() -> None:
    content = read_params(ROOT / "params.yaml")
    assert {content["sources"][dataset]["kind"] for dataset in content["datasets"]} == {"synthetic"}
    assert content["recognise"]["generated"] is False


def test_without_a_network_recognise_writes_an_empty_table(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(at, network=None)
    stages.recognise.main("set", at)
    assert read_manifest(at.subject_embeddings("set"), SubjectEmbedding) == []
    assert read_manifest(at.ledger("recognise", "set"), LedgerRow) == []
    assert "names no network" in capsys.readouterr().out


def test_without_the_weights_recognise_states_it_once_and_goes_on(
    at: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(at, network="vggface2_resnet50")  # never fetched
    monkeypatch.delenv("FACEVOX_WEIGHTS", raising=False)
    write_faces(at, {"set/a": [0.0], "set/b": [0.0]})
    stages.recognise.main("set", at)
    assert read_manifest(at.subject_embeddings("set"), SubjectEmbedding) == []
    ends = [(row.item_id, row.reason) for row in read_manifest(at.ledger("recognise", "set"), LedgerRow)]
    assert ends == [("set/a-s00", "no_network"), ("set/b-s00", "no_network")]
    printed = capsys.readouterr().out
    assert printed.count("are missing") == 1
    assert "run 'dvc repro -f -s recognise@set'" in printed


def test_persons_writes_subject_persons_evidence_and_the_audit(at: Layout) -> None:
    write_clips(at, {("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 7, ("Zoe", "4"): 1, ("Ben", "5"): 2})
    stages.persons.main(at)
    subject_persons = {one.clip_id: one.person_id for one in read_manifest(at.subject_persons, SubjectPerson)}
    assert subject_persons == {"set/1": "ana", "set/2": "ana", "set/4": "ana", "set/5": "ben"}
    persons = read_manifest(at.persons, Person)
    assert [(one.dataset_identity, one.person_id, one.decided_by, one.n_clips) for one in persons] == [
        ("set/Ana", "ana", "name", 2),
        ("set/Ben", "ben", "name", 1),
        ("set/Zoe", "ana", "evidence", 1),
    ]
    evidence = read_manifest(at.person_evidence, PersonEvidence)
    assert [(one.kind, one.decision) for one in evidence] == [
        ("outlier", "dropped"),
        ("same_person_two_names", "merged"),
    ]
    ends = {row.item_id: row.reason for row in read_manifest(at.ledger("persons"), LedgerRow)}
    assert ends == {f"set/{n}-s00": "outlier" if n == 3 else "" for n in (1, 2, 3, 4, 5)}
    note = json.loads(at.leakage.read_text())
    assert note["passes"] is True
    assert [check["what"] for check in note["checks"]] == ["person", "media content", "source video", "face", "video"]
    assert note["test_share"]["set"]["persons"] == 2


def test_an_override_wins_over_the_faces(at: Layout) -> None:
    write_clips(at, {("Ana", "1"): 1, ("Zoe", "4"): 1})
    at.person_overrides.parent.mkdir(parents=True)
    at.person_overrides.write_text("dataset,identity,person,why\nset,Ana,Ana,twin\nset,Zoe,Zoe,twin\n")
    stages.persons.main(at)
    assert {one.clip_id: one.person_id for one in read_manifest(at.subject_persons, SubjectPerson)} == {
        "set/1": "ana",
        "set/4": "zoe",
    }
    (row,) = read_manifest(at.person_evidence, PersonEvidence)
    assert (row.decision, row.decided_by) == ("overridden", "override")


def test_a_planted_leak_fails_the_stage_and_is_written_down(at: Layout) -> None:
    write_clips(at, {(name_in(TRAIN), "1"): 1, (name_in(TEST), "2"): 1})
    write_params(at, merge=False)
    with pytest.raises(SplitLeak, match="1 leaks between train and test: face: "):
        stages.persons.main(at)
    note = json.loads(at.leakage.read_text())
    assert note["passes"] is False
    assert {check["what"]: len(check["leaks"]) for check in note["checks"]}["face"] == 1


@pytest.mark.parametrize("common", ["file", "source video"])
@pytest.mark.parametrize(("second", "n_kept"), [((0.0, 1.25), 1), ((0.0, 0.8), 1), ((0.5, 1.3), 2), ((2.0, 3.0), 2)])
def test_one_file_or_source_video_is_in_one_split_and_a_range_of_it_is_kept_once(
    common: str, second: tuple[float, float], n_kept: int, at: Layout
) -> None:
    shown = {(name_in(TRAIN), "1"): 1, (name_in(TEST), "2"): 2}
    address = "https://youtu.be/a-b_c123456" if common == "source video" else ""
    write_clips(at, shown, {"set/1": "same", "set/2": "same"} if common == "file" else {})
    clips = [
        replace(clip("set", who, name, address=address), start_s=start_s, end_s=end_s)
        for (who, name), (start_s, end_s) in zip(shown, [(0.0, 1.0), second], strict=True)
    ]
    write_manifest(at.clips("set"), Clip, clips)
    stages.persons.main(at)
    found = read_manifest(at.subject_persons, SubjectPerson)
    assert len({one.split for one in found}) == 1
    assert len(found) == n_kept


@pytest.mark.parametrize("compares_videos", [True, False])
@pytest.mark.parametrize("common", ["file", "source video"])
def test_two_persons_whom_published_crops_show_in_one_video_are_both_kept_in_one_split(
    common: str, compares_videos: bool, at: Layout
) -> None:
    shown = {(name_in(TRAIN), "1"): 1, (name_in(TEST), "2"): 2, ("Zoe", "3"): 3}
    if not compares_videos:
        write_params(at, min_same_share=None)
    write_clips(at, shown, {"set/1": "same", "set/2": "same"} if common == "file" else {})
    address = "https://youtu.be/a-b_c123456" if common == "source video" else ""
    side = {"crop_y": 0, "crop_w": 320, "crop_h": 360, "crop_height_px": 360}
    clips = [
        replace(clip("set", who, name, address=address if name != "3" else ""), crop_x=320 * int(name), **side)
        for who, name in shown
    ]
    write_manifest(at.clips("set"), Clip, clips)
    stages.persons.main(at)
    found = {one.clip_id: one for one in read_manifest(at.subject_persons, SubjectPerson)}
    assert found["set/1"].split == found["set/2"].split
    assert len({one.person_id for one in found.values()}) == len(shown)
    assert json.loads(at.leakage.read_text())["passes"] is True


def test_a_copy_by_sound_and_picture_is_left_out_and_the_ledger_names_the_clip_that_is_kept(at: Layout) -> None:
    write_clips(at, {(name_in(TRAIN), "1"): 1, (name_in(TEST), "2"): 2, (name_in(TEST), "3"): 2, ("Zoe", "4"): 3})
    hashes = np.random.default_rng(1).integers(1 << 60, size=(2, 6)).tolist()
    rows = [
        Fingerprint(
            fingerprint_id=f"set/{clip_number}-{1000 * n + 37 * clip_number:08d}",
            clip_id=f"set/{clip_number}",
            time_s=n + 0.037 * clip_number,
            sound_hash=sound ^ clip_number,
            picture_hash=sound >> 3,
        )
        for clip_number, content in ((1, 0), (2, 0), (3, 1))
        for n, sound in enumerate(hashes[content])
    ]
    write_manifest(at.fingerprints("set"), Fingerprint, rows)
    stages.persons.main(at)
    found = {one.clip_id: one.split for one in read_manifest(at.subject_persons, SubjectPerson)}
    assert found.keys() == {"set/1", "set/3", "set/4"}
    assert found["set/1"] == found["set/3"]  # whose person is that of the copy
    ends = {row.item_id: (row.reason, row.detail) for row in read_manifest(at.ledger("persons"), LedgerRow)}
    assert ends["set/2-s00"] == ("same_video", "set/1 is kept")
    (row,) = read_manifest(at.person_evidence, PersonEvidence)
    assert (row.kind, row.decision, row.score, row.threshold) == ("same_video", "dropped", 1.0, 0.8)
    assert json.loads(at.leakage.read_text())["passes"] is True


@pytest.mark.parametrize(
    ("n", "sides", "sentence"),
    [
        (1, [TRAIN], "there is one person: nobody is in test"),
        (2, [TRAIN, TEST], "the hash puts all 2 persons into test: 'a22', nearest to the limit, is in train"),
    ],
)
def test_few_persons_have_a_split_and_one_sentence_says_which(
    at: Layout, capsys: pytest.CaptureFixture[str], n: int, sides: list[str], sentence: str
) -> None:
    names = ["a3", "a22"][:n]
    write_clips(at, {(name, name): place for place, name in enumerate(names)})
    stages.persons.main(at)
    assert [one.split for one in read_manifest(at.persons, Person)] == sides
    assert f"persons: {sentence}\n" in capsys.readouterr().out
    assert json.loads(at.leakage.read_text())["passes"] is True


def test_spellings_that_are_merged_are_said_once_and_listed(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    write_clips(at, {("Peña", "1"): 1, ("pena", "2"): 1, ("कुमार", "3"): 2, ("कुमारी", "4"): 3})
    stages.persons.main(at)
    assert len({one.person_id for one in read_manifest(at.persons, Person)}) == 3
    assert "persons: 1 names are spelt in several ways, 'set/pena' as 'set/Peña' first" in capsys.readouterr().out
    (row,) = read_manifest(at.person_evidence, PersonEvidence)
    assert (row.identity, row.other_identity, row.decision) == ("set/pena", "set/Peña", "merged")


def test_the_same_faces_leak_nothing_once_they_are_merged(at: Layout) -> None:
    write_clips(at, {(name_in(TRAIN), "1"): 1, (name_in(TEST), "2"): 1})
    stages.persons.main(at)
    assert json.loads(at.leakage.read_text())["passes"] is True


def test_subjects_that_are_taken_beside_the_main_one_are_persons_and_merged_by_their_faces(at: Layout) -> None:
    """Of the clips of Ana and Ben: in Ana's Ben is the second subject, in Ben's a third person is, briefly."""
    write_clips(at, {("Ana", "1"): 1, ("Ben", "2"): 2})
    others = [
        replace(a_subject("set/1", 1, is_main=False), is_taken=True),
        a_subject("set/2", 1, is_main=False),
        replace(a_subject("set/2", 2, is_main=False), is_taken=True),
    ]
    write_manifest(at.subjects("set"), Subject, [a_subject("set/1", 0, is_main=True), *others])
    embeddings = read_manifest(at.subject_embeddings("set"), SubjectEmbedding)
    (of_ben,) = (one for one in embeddings if one.clip_id == "set/2")
    embeddings.insert(1, replace(of_ben, subject_id="set/1-s01", clip_id="set/1"))
    write_manifest(at.subject_embeddings("set"), SubjectEmbedding, embeddings)
    stages.persons.main(at)
    rows = read_manifest(at.subject_persons, SubjectPerson)
    unnamed = "2_s02~" + hashlib.sha256(b"set/2-s02").hexdigest()[:12]
    assert [(one.subject_id, one.clip_id, one.person_id) for one in rows] == [
        ("set/1-s00", "set/1", "ana"),
        ("set/1-s01", "set/1", rows[2].person_id),
        ("set/2-s00", "set/2", rows[1].person_id),
        ("set/2-s02", "set/2", unnamed),
    ]
    assert rows[1].person_id == "ben"
    assert json.loads(at.leakage.read_text())["passes"] is True  # one video may show persons of both splits
