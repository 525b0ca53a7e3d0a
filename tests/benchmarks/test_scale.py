"""The scale benchmark: its made-up rows go through every stage as they are, and what it measures is what was used."""

import json
import re
import struct
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from benchmarks.scale.__main__ import MEASURED, STEPS, checkout_of, extrapolated_seconds, faults, measure, render
from benchmarks.scale.built import VIDEO, face_video_rows, released_rows, write_released_files
from benchmarks.scale.edited import is_edited
from benchmarks.scale.fill import OF_CLIP, MadeUpFiles, fill_store
from benchmarks.scale.measure import Usage, run
from benchmarks.scale.names import CACHE, DATASET, RELEASED, clip_name, clip_number
from benchmarks.scale.rows import (
    VARIANTS,
    Tables,
    embedding_rows,
    face_rows,
    label_rows,
    observation_rows,
    picture,
    segment_rows,
)
from benchmarks.scale.training_data import main as open_training_data
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.face import Face, FaceVideo, SelectedFace
from pipeline.core.records.frame import Frame
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.schema import column_names, key_of
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import StretchSound, Subject, TrackEmbedding, VoiceEmbedding
from pipeline.core.records.track import Track
from pipeline.core.storage.manifest import read_table
from pipeline.core.storage.shards import read_columns
from pipeline.dataset.released import read_clip
from pipeline.dataset.released_clips import released_clips
from pipeline.sources.lists.released_audioface import released_files
from pipeline.sources.lists.settings import ReleasedAudioface
from stages.__main__ import run_stage
from stages.inputs import NOTHING

N_CLIPS = 50
N_WITH_A_FACE = 49
N_EDITED = 11  # of these
CLIP_IDS = [f"{DATASET}/{clip_name(number)}" for number in range(N_CLIPS)]
AT = Layout()


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run every stage on 50 clips in one process; return what each printed. The checkout is the working directory."""
    return {"folder": str(tmp_path_factory.mktemp("scale") / str(N_CLIPS))}


@pytest.fixture
def finished(
    printed: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, str]:
    folder = Path(printed["folder"])
    for stage in MEASURED:
        if stage not in printed:
            checkout = checkout_of(stage, folder, N_CLIPS)
            monkeypatch.chdir(checkout)
            monkeypatch.setenv("FACEVOX_CACHE", str(checkout / CACHE))
            capsys.readouterr()
            _run(stage)
            printed[stage] = capsys.readouterr().out
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FACEVOX_CACHE", str(folder / CACHE))
    return printed


def _run(stage: str) -> None:
    module, *arguments = MEASURED[stage]
    if stage in STEPS:
        fill_store(stage)
    if module == "benchmarks.scale.training_data":
        open_training_data()
    elif stage in ("status", "summary", "why"):
        name = {"status": "render_status", "summary": "render_summary", "why": "render_history"}[stage]
        home = "summary" if stage == "summary" else "status"
        print(getattr(import_module(f"stages.commands.{home}"), name)(*arguments[1:]))
    else:
        run_stage(*arguments)


def made_up(rows: list[Tables], record: type) -> pa.Table:
    return pa.concat_tables([tables[record] for tables in rows]).sort_by(key_of(record))


@pytest.mark.slow
def test_every_stage_finds_all_its_items_in_the_store(finished: dict[str, str]) -> None:
    ran = {stage: finished[stage].splitlines() for stage in STEPS}
    assert {stage: len(lines) for stage, lines in ran.items()} == {**dict.fromkeys(STEPS, 2), "subjects": 3}
    ends = {stage: re.search(r": (\d+ items, 0 computed, .*)", lines[1]) for stage, lines in ran.items()}
    assert {stage: found and found[1] for stage, found in ends.items()} == {
        "download": "50 items, 0 computed, 50 from the store: 50 ok",
        "detect": "50 items, 0 computed, 50 from the store: 49 ok, 1 filtered: no_face",
        "subjects": "49 items, 0 computed, 49 from the store: 49 ok",
        "crop": "49 items, 0 computed, 49 from the store: 49 ok",
        "face_videos": "49 items, 0 computed, 49 from the store: 49 ok",
        "audio": "50 items, 0 computed, 50 from the store: 50 ok",
        "recognise": "49 items, 0 computed, 49 from the store: 49 ok",
        "identify": "49 items, 0 computed, 49 from the store: 49 ok",
        "released_audioface": "50 items, 0 computed, 50 from the store: 50 ok",
    }


def test_the_rows_come_out_of_the_stages_as_they_were_made_up(finished: dict[str, str]) -> None:
    observed = [rows for clip_id in CLIP_IDS if isinstance(rows := observation_rows(clip_id), dict)]
    assert len(observed) == N_WITH_A_FACE
    with_a_face = [tables[Track]["clip_id"][0].as_py() for tables in observed]
    embedded = [OF_CLIP["subjects"](clip_id) for clip_id in with_a_face]
    read = {
        Frame: read_table(AT.frames(DATASET), Frame),
        Track: read_table(AT.tracks(DATASET), Track),
        TrackEmbedding: read_table(AT.track_embeddings(DATASET), TrackEmbedding),
        VoiceEmbedding: read_table(AT.voice_embeddings(DATASET), VoiceEmbedding),
        StretchSound: read_table(AT.stretch_sounds(DATASET), StretchSound),
        SubjectEmbedding: read_table(AT.subject_embeddings(DATASET), SubjectEmbedding),
        Label: read_table(AT.labels(DATASET), Label),
    }
    rows = {
        Frame: made_up(observed, Frame),
        Track: made_up(observed, Track),
        TrackEmbedding: made_up(embedded, TrackEmbedding),
        VoiceEmbedding: made_up(embedded, VoiceEmbedding),
        StretchSound: made_up(embedded, StretchSound),
        SubjectEmbedding: made_up([embedding_rows(clip_id) for clip_id in with_a_face], SubjectEmbedding),
        Label: made_up([label_rows(clip_id) for clip_id in with_a_face], Label),
    }
    assert {record.__name__: len(table) for record, table in read.items()} == {
        "Frame": N_WITH_A_FACE * 150,
        "Track": N_WITH_A_FACE + N_EDITED,
        "TrackEmbedding": 2 * N_EDITED,
        "VoiceEmbedding": 3 * N_EDITED,
        "StretchSound": 3 * N_WITH_A_FACE,
        "SubjectEmbedding": N_WITH_A_FACE,
        "Label": N_WITH_A_FACE * 15,
    }
    assert [record.__name__ for record in read if not read[record].equals(rows[record])] == []
    faces = read_columns(AT.faces_folder(DATASET), Face, column_names(Face)).sort_by("face_id")
    assert faces.equals(made_up([face_rows(clip_id) for clip_id in with_a_face], Face))
    segments = read_columns(AT.audio_folder(DATASET), Segment, column_names(Segment)).sort_by("segment_id")
    expected = made_up([segment_rows(clip_id) for clip_id in CLIP_IDS], Segment)
    assert len(segments) == 75
    assert segments.drop(["log_mel"]).equals(expected.drop(["log_mel"]))
    assert set(np.unique(pc.list_flatten(segments["log_mel"].combine_chunks()))) == {0.5}


def test_face_videos_come_out_as_they_were_made_up_with_their_files(finished: dict[str, str]) -> None:
    with_a_face = [clip_id for clip_id in CLIP_IDS if isinstance(observation_rows(clip_id), dict)]
    folder = AT.face_videos_folder(DATASET)
    videos = read_table(folder / "videos.parquet", FaceVideo)
    assert len(videos) == N_WITH_A_FACE + N_EDITED
    assert videos.equals(made_up([face_video_rows(clip_id) for clip_id in with_a_face], FaceVideo))
    assert {path.name: path.read_bytes() for path in folder.glob("*.mp4")} == dict.fromkeys(
        videos["path"].to_pylist(), VIDEO
    )
    ends = read_table(AT.ledger("face_videos", DATASET), LedgerRow)
    assert ends.filter(pc.equal(ends["reason"], "too_short"))["item_id"].to_pylist() == [
        f"{CLIP_IDS[13]}-s00-f00005000"
    ]


def test_a_released_dataset_comes_out_as_it_was_made_up_with_the_clips_that_its_files_have(
    finished: dict[str, str],
) -> None:
    at = Layout(Path(RELEASED))
    rows = [released_rows(clip_id) for clip_id in CLIP_IDS]
    assert read_table(at.clips(DATASET), Clip)["clip_id"].to_pylist() == sorted(CLIP_IDS)
    faces = read_columns(at.faces_folder(DATASET), Face, column_names(Face)).sort_by("face_id")
    assert faces.equals(made_up(rows, Face))
    assert read_table(at.labels(DATASET), Label).equals(made_up(rows, Label))
    segments = read_columns(at.audio_folder(DATASET), Segment, column_names(Segment)).sort_by("segment_id")
    assert segments.equals(made_up(rows, Segment))
    for path, record in ((at.released_faces(DATASET), DatasetFace), (at.released_segments(DATASET), DatasetSegment)):
        assert read_table(path, record).drop(["shard"]).equals(made_up(rows, record).drop(["shard"]))
    assert json.loads(at.inputs.read_text())[DATASET] != NOTHING
    persons = read_table(at.dataset("identities"), Identity)
    assert persons["n_faces"].to_pylist() == [20, 20, 10]


def test_a_released_clip_has_the_ids_and_the_split_that_the_stage_reads_in_its_files(tmp_path: Path) -> None:
    n_clips = 1001  # one more than have links to one file; the last one's person is of the training split
    write_released_files(tmp_path, n_clips)
    source = ReleasedAudioface(input=str(tmp_path), licence="")
    with released_clips(DATASET, tmp_path, released_files(source), tmp_path / "listed") as clips:
        listed = {clip.clip_id: clip for clip in clips}
    assert len(listed) == n_clips
    for number in (0, 1, 199, 1000):
        clip = listed[f"{DATASET}/{clip_name(number)}"]
        rows = read_clip(clip, tmp_path)
        assert not isinstance(rows, Dropped)
        made = released_rows(clip.clip_id)
        assert [type(row) for row in rows] == [Face, DatasetFace, Label, Segment, DatasetSegment]
        for row, record in zip(rows, made, strict=True):
            for name in {key_of(record), "person_id", "split", "clip_id"} & set(column_names(record)):
                assert made[record][name].to_pylist() == [getattr(row, name)]


def test_the_tracks_of_an_edited_clip_are_one_subject(finished: dict[str, str]) -> None:
    assert f"{N_WITH_A_FACE} subjects in {N_WITH_A_FACE} clips" in finished["subjects"]
    subjects = read_table(AT.subjects(DATASET), Subject)
    assert subjects["n_tracks"].to_pylist() == [1 + is_edited(clip_id) for clip_id in subjects["clip_id"].to_pylist()]


def test_every_clip_is_a_file_of_its_own_and_of_one_person_in_twenty(finished: dict[str, str]) -> None:
    clips = read_table(AT.clips(DATASET), Clip)
    assert pc.value_counts(clips["identity"]).to_pylist() == [
        {"values": "p000000", "counts": 20},
        {"values": "p000001", "counts": 20},
        {"values": "p000002", "counts": 10},
    ]
    media = read_table(AT.media(DATASET), Media)
    assert len(pc.unique(media["sha256"])) == N_CLIPS
    sizes = [Path(path).stat().st_size for path in media["path"].to_pylist()]
    assert media["size_bytes"].to_pylist() == sizes
    assert "3 identities are 3 persons" in finished["persons"]
    assert "nothing against a name" in finished["persons"]


def test_some_faces_are_standard_some_are_not_and_some_segments_are_dropped(finished: dict[str, str]) -> None:
    selected = read_table(AT.selected_faces, SelectedFace)
    counts = {one["values"]: one["counts"] for one in pc.value_counts(selected["reason"]).to_pylist()}
    assert counts == {"": 9 * N_WITH_A_FACE, "too_close": 3 * N_WITH_A_FACE, "yaw": 3 * N_WITH_A_FACE}
    ends = read_table(AT.ledger("audio", DATASET), LedgerRow)
    assert ends.filter(pc.equal(ends["reason"], "no_speech"))["item_id"].to_pylist() == [f"{CLIP_IDS[13]}-a00006000"]


def test_the_training_split_opens_with_a_label_for_each_face(finished: dict[str, str]) -> None:
    found = re.search(r"([\d,]+) faces \(([\d,]+) with a label of 2048 values\)", finished["training_data"])
    assert found
    assert found[1] == found[2]


def test_a_stage_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    measured = measure(tmp_path / "20", 20, ["sources"], keep=False)
    assert measured["sources"].output == "sources@scale: 20 clips of 1 identities, 0 dropped\n"
    assert measured["sources"].seconds > 0


def test_a_picture_has_the_bytes_of_a_real_one_and_can_be_decoded() -> None:
    assert len(picture()) == 62_000
    decoded = cv2.imdecode(np.frombuffer(picture(), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (256, 256, 3)
    assert np.unique(decoded).tolist() == [128]
    assert struct.unpack(">16x2I", picture()[:24]) == (256, 256)


def test_a_name_has_its_clips_number_and_sorts_before_the_names_of_its_persons_other_clips() -> None:
    assert [clip_name(number) for number in (0, 1, 19, 20, 2_000_021)] == [
        "p000000",
        "p000000-1",
        "p000000-19",
        "p000001",
        "p100001-1",
    ]
    assert [clip_number(f"{DATASET}/{clip_name(number)}") for number in (0, 19, 20, 2_000_021)] == [
        0,
        19,
        20,
        2_000_021,
    ]


@pytest.mark.parametrize("step", [step for step in STEPS if step != "download"])
def test_the_files_of_a_clip_hold_its_own_rows_also_where_they_are_made_from_those_of_another_clip(step: str) -> None:
    files = MadeUpFiles(step)
    for number in (1, 1 + VARIANTS, 13, 13 + 3 * VARIANTS, 20, 20 + VARIANTS):
        clip_id = f"{DATASET}/{clip_name(number)}"
        rows, found = OF_CLIP[step](clip_id), files.of(SimpleNamespace(clip_id=clip_id))
        assert isinstance(rows, dict)
        assert isinstance(found, dict)
        assert set(found) == {f"{record.__name__}.parquet" for record in rows} | set(_videos(rows))
        for record, table in rows.items():
            with pq.ParquetFile(pa.BufferReader(found[f"{record.__name__}.parquet"])) as file:
                assert file.read().equals(table)


def _videos(rows: Tables) -> list[str]:
    return rows[FaceVideo]["path"].to_pylist() if FaceVideo in rows else []


def test_two_embeddings_of_one_person_are_alike_and_those_of_two_are_not() -> None:
    a, b, other = (
        np.array(embedding_rows(f"{DATASET}/{clip_name(number)}")[SubjectEmbedding]["embedding"][0].as_py())
        for number in (0, 1, 20)
    )
    assert a @ a == pytest.approx(1, abs=1e-6)
    assert a @ b > 0.85
    assert abs(a @ other) < 0.3


def test_the_peak_is_that_of_the_process_and_its_children_together(tmp_path: Path) -> None:
    hold = "import time; held = b'1' * (100 << 20); time.sleep(0.5)"
    both = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; child.wait()"
    alone = run([sys.executable, "-c", hold], tmp_path)
    assert 100 < alone.peak_mib < 150
    assert 200 < run([sys.executable, "-c", both], tmp_path).peak_mib < 300
    assert alone.seconds > 0.5


def test_a_command_that_fails_ends_the_benchmark_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="exit status 3:\nthe reason"):
        run([sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"], tmp_path)


def test_the_line_through_two_sizes_gives_the_seconds_of_a_million_clips() -> None:
    of = {20_000: Usage(10, 5, 200), 100_000: Usage(30, 25, 240)}
    assert extrapolated_seconds(of) == pytest.approx((30 + 900_000 * 20 / 80_000, 25 + 900_000 * 20 / 80_000))
    lines = render({"crop": of}, [20_000, 100_000]).splitlines()
    assert [re.sub("  +", "|", line.strip()) for line in lines] == [
        "stage|s 20,000|s 100,000|cpu s 20,000|cpu s 100,000|MiB 20,000|MiB 100,000|MiB ratio"
        "|s 1,000,000|cpu s 1,000,000",
        "crop|10.0|30.0|5.0|25.0|200|240|1.20|255|250",
        "1,000,000 clips are an extrapolation: the line through 20,000 and 100,000 clips.",
    ]


def test_one_size_alone_is_not_extrapolated() -> None:
    lines = render({"crop": {200: Usage(1, 0.5, 100)}}, [200]).splitlines()
    assert [line.split() for line in lines] == [
        ["stage", "s", "200", "cpu", "s", "200", "MiB", "200", "MiB", "ratio"],
        ["crop", "1.0", "0.5", "100", "1.00"],
    ]


def test_memory_on_a_limit_passes_and_above_it_fails() -> None:
    on = {20_000: Usage(1, 1, 1000), 100_000: Usage(1, 1, 1024)}
    assert faults({"crop": on, "audio": {20_000: Usage(1, 1, 200), 100_000: Usage(1, 1, 240)}}) == []
    above = {20_000: Usage(1, 1, 1025), 100_000: Usage(1, 1, 300)}
    grows = {20_000: Usage(1, 1, 200), 100_000: Usage(1, 1, 250)}
    assert faults({"crop": above, "audio": grows}) == [
        "crop: 1025 MiB, limit 1024",
        "audio: its memory grows 1.25 times, limit 1.2",
    ]


def test_every_stage_is_measured_but_trainings_and_the_evaluation() -> None:
    stages = yaml.safe_load((Path(__file__).parents[2] / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    trainings = {"pretrain_identity", "pretrain_voice", "pretrain_audio_face", "train"}
    assert set(stages) - set(MEASURED) == {*trainings, "evaluate"}
