"""The funnel: how many clips each step kept, and the drop reasons."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, part_id
from pipeline.core.records.face import SelectedFace
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.report.funnel import DropCount, StageRow, Step, read_funnels
from tests.identity.clips import media
from tests.report.made_run import DROPPED, HOSTILE, SET, clip_of, write_ledger


def test_each_step_counts_the_clips_that_it_kept_and_their_share_of_those_listed(data_run: Layout) -> None:
    (funnel,) = read_funnels(data_run, [SET])
    share = pytest.approx(200 / 3)
    assert funnel.steps == [
        Step("Listed", 3, 100.0),
        Step("Downloaded", 2, share),
        Step("With a face", 2, share),
        Step("Faces cropped", 1, pytest.approx(100 / 3)),
        Step("With a standard face", 2, share),
        Step("In the built dataset", 2, share),
    ]


def test_clips_in_parts_are_counted_by_part_from_where_they_were_split(data_run: Layout) -> None:
    whole = read_manifest(data_run.clips(SET), Clip)
    first = whole[0]
    parts = [replace(first, clip_id=part_id(first.clip_id, number, 4)) for number in range(4)]
    write_manifest(data_run.clips(SET), Clip, [*whole[1:], *parts])
    fetched = [clip for clip in (*whole[1:], *parts) if clip.clip_id != DROPPED]
    write_manifest(data_run.media(SET), Media, [media(clip, "0") for clip in fetched])
    write_ledger(data_run, "detect", SET, [(clip.clip_id, None) for clip in fetched])
    (funnel,) = read_funnels(data_run, [SET])
    assert funnel.steps[:4] == [
        Step("Listed", 3, 100.0),
        Step("Downloaded", 2, pytest.approx(200 / 3)),
        Step("In parts, the long ones", 5, pytest.approx(500 / 6)),
        Step("With a face", 5, pytest.approx(500 / 6)),
    ]


def test_stages_are_in_their_order_with_drop_reasons(data_run: Layout) -> None:
    (funnel,) = read_funnels(data_run, [SET])
    assert [stage.stage for stage in funnel.stages] == ["sources", "download", "detect", "crop"]
    assert funnel.stages[1] == StageRow("download", "clips", 2, 3, [DropCount("undecodable", 1, failed=True)])
    assert funnel.stages[3] == StageRow("crop", "clips", 1, 2, [DropCount("too small", 1, failed=False)])


def test_clips_with_a_standard_face_are_those_of_the_dataset_alone(data_run: Layout) -> None:
    faces = read_manifest(data_run.selected_faces, SelectedFace)
    of_one_clip = [face for face in faces if face.clip_id == clip_of(HOSTILE)]
    others = [
        replace(face, face_id=face.face_id.replace(SET, other, 1), clip_id=face.clip_id.replace(SET, other, 1))
        for other in ("on", "one-2", "one2")
        for face in of_one_clip
    ]
    write_manifest(data_run.selected_faces, SelectedFace, [*faces, *others])
    write_ledger(data_run, "sources", "on", [("on/a", None)])
    steps = {funnel.dataset: funnel.steps for funnel in read_funnels(data_run, [SET, "on"])}
    n_standard = {dataset: {step.label: step.n for step in of} for dataset, of in steps.items()}
    assert {dataset: of["With a standard face"] for dataset, of in n_standard.items()} == {SET: 2, "on": 1}


def test_drop_reasons_are_in_order_of_frequency(data_run: Layout) -> None:
    ends = [("one/a", Dropped.filtered("lips_open"))] + [(f"one/{n}", Dropped.filtered("yaw")) for n in range(3)]
    write_ledger(data_run, "select", None, [*ends, ("two/a", None)])
    (funnel,) = read_funnels(data_run, [SET])
    assert funnel.stages[-1] == StageRow(
        "select", "faces", 0, 4, [DropCount("yaw", 3, False), DropCount("lips open", 1, False)]
    )


def test_what_waits_is_told_by_what_would_help_and_marked_as_not_computed(data_run: Layout) -> None:
    waits = Dropped.waiting("no_format", "", remedy="newer_yt_dlp", remedy_state="1")
    write_ledger(data_run, "download", "one", [("one/a", waits)])
    (drop,) = next(row for row in read_funnels(data_run, ["one"])[0].stages if row.stage == "download").drops
    assert (drop.reason, drop.n, drop.failed) == ("waiting for newer yt dlp", 1, True)


def test_segments_are_counted_apart_from_the_clips_or_persons_of_their_stage(data_run: Layout) -> None:
    clip_id = clip_of(HOSTILE)
    write_ledger(
        data_run, "audio", SET, [(clip_id, None), (f"{clip_id}-a00000500", None), (f"{clip_id}-a00006500", None)]
    )
    write_ledger(data_run, "dataset", None, [("one/ana", None), ("one/bo", Dropped.filtered("no_face"))])
    funnels = read_funnels(data_run, [SET])
    assert [(row.stage, row.unit, row.n_items) for row in funnels[0].stages[-2:]] == [
        ("audio", "clips", 1),
        ("audio", "segments", 2),
    ]
    assert funnels[1].dataset == "" and funnels[1].steps == []
    assert funnels[1].stages == [StageRow("dataset", "persons", 1, 2, [DropCount("no face", 1, False)])]


def test_datasets_that_the_run_no_longer_has_are_left_out(data_run: Layout) -> None:
    write_ledger(data_run, "sources", "former", [("former/a", None)])
    assert [funnel.dataset for funnel in read_funnels(data_run, [SET])] == [SET]


def test_a_dataset_of_no_clips_has_no_steps_and_nothing_is_divided_by_nothing(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    write_ledger(at, "sources", SET, [("one/a", Dropped.filtered("twice"))])
    (funnel,) = read_funnels(at, [SET])
    assert funnel.steps == []
    assert read_funnels(Layout(tmp_path / "nowhere"), [SET]) == []
