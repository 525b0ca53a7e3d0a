"""The result of a step is tied to its version, because stored results are reused by version."""

import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.records.face import Face, SelectedFace
from pipeline.core.records.frame import Frame
from pipeline.core.records.media import Media
from pipeline.core.records.track import Track
from tests.golden_steps import GOLDEN, STEPS, Earlier, differences, numbers_of, run_steps, version_of

pytestmark = pytest.mark.slow

RECORD = "and record the new numbers: python -m tests.golden_steps"
LARGER = 1.01

RECORDS = {
    "download": {"Media", "TruthFrame", "TruthSpeech", "arrays"},
    "detect": {"Fingerprint", "Frame", "Track", "TrackFace", "Shot", "Agreement"},
    "subjects": {"TrackEmbedding", "VoiceEmbedding", "StretchSound", "SubjectTrack", "Subject", "Turn"},
    "crop": {"Face"},
    "select": {"SelectedFace"},
    "audio": {"Segment"},
    "recognise": {"SubjectEmbedding", "arrays"},
    "identify": {"Label"},
}

PLANTS = [
    ("download", "pipeline.synthetic.clip", "_frames"),
    ("detect", "pipeline.face.tracking.observations", "mouth_height"),
    ("detect", "pipeline.face.tracking.observations", "head_pose_deg"),
    ("detect", "pipeline.speaker.mouth_sound", "_correlation"),
    ("detect", "pipeline.speaker.agreement", "variance_factor"),
    ("detect", "pipeline.speaker.agreement", "predicted"),
    ("crop", "pipeline.face.crops.crop", "standardness"),
    ("subjects", "pipeline.identity.subjects.embedding", "mean_direction"),
    ("subjects", "pipeline.identity.subjects.link", "_av_zscore"),
    ("subjects", "pipeline.identity.subjects.turns", "log_odds_at_lags"),
    ("crop", "pipeline.face.crops.aligned_face", "similarity_to"),
    ("crop", "pipeline.face.crops.crop", "true_interocular_px"),
    ("crop", "pipeline.face.crops.verify", "inner_lip_gap"),
    ("select", "pipeline.face.crops.standard", "missed_thresholds"),
    ("audio", "pipeline.audio.features", "level_dbfs"),
    ("audio", "pipeline.audio.logmel", "standardise"),
    ("audio", "pipeline.audio.clip", "seen_share"),
    ("recognise", "pipeline.identity.network.embed", "preprocess"),
    ("recognise", "pipeline.identity.network.subject_embedding", "mean_direction"),
    ("identify", "pipeline.identity.network.embed", "preprocess"),
]
"""Functions inside each step, by module and name."""


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    return run_steps(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_returns_something_else_has_another_version(
    name: str, earlier: Earlier, golden: dict[str, Any]
) -> None:
    version, recorded = version_of(name), golden[name]["version"]
    changed = differences(numbers_of(earlier.results[name]), golden[name]["numbers"])
    if version is not None:
        assert not changed or version != recorded, f"raise VERSION in stages/{name}.py {RECORD}\n{changed}"
    assert version == recorded, f"'{name}' has version {version}, recorded is {recorded}: {RECORD}"
    assert changed == [], f"'{name}': {RECORD}"


def test_the_numbers_cover_every_record_that_a_step_writes(golden: dict[str, Any]) -> None:
    assert {name: set(entry["numbers"]) for name, entry in golden.items()} == RECORDS


@pytest.mark.parametrize("name", STEPS)
def test_each_column_that_is_one_percent_larger_is_noticed(name: str, earlier: Earlier, golden: dict[str, Any]) -> None:
    numbers = golden[name]["numbers"]
    unnoticed = [
        f"{record}.{column}"
        for record, columns in numbers.items()
        for column, recorded in columns.items()
        if recorded.get("mean") or recorded.get("std")
        if not differences({record: {column: _numbers_times(recorded, LARGER)}}, {record: {column: recorded}})
    ]
    assert unnoticed == []


def _numbers_times(numbers: dict[str, Any], factor: float) -> dict[str, Any]:
    return {name: value if name == "n" else (np.asarray(value) * factor).tolist() for name, value in numbers.items()}


def test_values_that_change_places_are_noticed(earlier: Earlier, golden: dict[str, Any]) -> None:
    result = earlier.results["detect"]
    others = [row for row in result.rows if not isinstance(row, Frame)]
    reverse = replace(result, rows=[*others, *reversed(result.of(Frame))])
    changed = differences(numbers_of(reverse), golden["detect"]["numbers"])
    assert {line.split(":")[0] for line in changed} >= {"Frame.yaw_deg", "Frame.time_s", "Frame.detected"}
    assert not [line for line in changed if ": mean" in line]


def test_the_clips_have_one_face_and_two_and_sound_that_decides_who_speaks(earlier: Earlier) -> None:
    tracks = earlier.results["detect"].of(Track)
    assert [track.clip_id for track in tracks] == ["golden/talk", "golden/two_people", "golden/two_people"]
    assert [track.av_zscore is None for track in tracks] == [True, False, False]
    assert {face.is_standard for face in earlier.results["select"].of(SelectedFace)} == {True, False}
    assert len(earlier.results["download"].of(Media)) == 2
    assert len(earlier.results["crop"].of(Face)) > 30


def test_every_step_has_a_plant() -> None:
    assert {name for name, _, _ in PLANTS} == set(STEPS)


@pytest.mark.parametrize(("name", "module", "function"), PLANTS)
def test_a_planted_change_of_one_percent_is_noticed(
    name: str,
    module: str,
    function: str,
    earlier: Earlier,
    golden: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = getattr(importlib.import_module(module), function)
    monkeypatch.setattr(f"{module}.{function}", _planted(real))
    planted = STEPS[name](replace(earlier, results=dict(earlier.results)), tmp_path)
    assert differences(numbers_of(planted), golden[name]["numbers"]) != []


def _planted(real: Callable[..., Any]) -> Callable[..., Any]:
    def planted(*arguments: Any, **named: Any) -> Any:
        returned = real(*arguments, **named)
        if isinstance(returned, pa.ChunkedArray):  # the reasons of faces: that of the first face changes
            return pa.chunked_array([["planted"], *returned.slice(1).chunks])
        return _larger(returned)

    return planted


def _larger(value: Any) -> Any:
    """Return ``value`` with its numbers one percent larger."""
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        return np.clip(np.rint(value * LARGER), 0, 255).astype(np.uint8)
    if isinstance(value, Iterator):
        return map(_larger, value)
    if isinstance(value, tuple):
        return tuple(map(_larger, value))
    if isinstance(value, dict):
        return {key: _larger(one) for key, one in value.items()}
    if isinstance(value, list):
        return list(map(_larger, value))
    return value if value is None or isinstance(value, bool | int | str) else value * LARGER
