"""A figure passes by its target; the program's exit status says whether all do."""

from pathlib import Path

import pytest

from benchmarks.accuracy.figures import DURATION_S, Figure, list_wide, print_and_exit
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import PARAMS_FILE, read_params
from pipeline.core.records.clip import Clip
from pipeline.core.storage.manifest import read_manifest
from pipeline.synthetic.script.spec import KINDS, ClipSpec


@pytest.mark.parametrize(
    ("value", "at_least", "passes"),
    [(97.0, True, True), (96.9, True, False), (97.0, False, True), (97.1, False, False)],
)
def test_a_figure_passes_at_its_target(value: float, at_least: bool, passes: bool) -> None:
    assert Figure("precision", value, 97, at_least).passes == passes


def test_a_figure_is_one_line_with_its_target() -> None:
    assert Figure("yaw", 4.25, 4, False, "°").line() == f"FAIL  {'yaw':58}     4.250°  (target <= 4°)"
    assert Figure("recall", 60, 60, True, "%").line() == f"pass  {'recall':58}    60.000%  (target >= 60%)"


@pytest.mark.parametrize(("worst", "status"), [(3, 0), (5, 1)])
def test_the_exit_status_says_whether_every_target_is_met(
    worst: float, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = [Figure("first", worst, 4, False), Figure("second", 1, 4, False)]
    with pytest.raises(SystemExit) as ended:
        print_and_exit(figures)
    assert ended.value.code == status
    assert capsys.readouterr().out.splitlines() == [figure.line() for figure in figures]


@pytest.mark.parametrize("edge_cases", [False, True])
def test_the_clips_are_one_of_each_talker_and_on_demand_one_of_each_edge_case(edge_cases: bool, tmp_path: Path) -> None:
    at = Layout(tmp_path)
    list_wide(at, "set", 2, 31415, (96, 64), edge_cases=edge_cases)
    committed = read_params(PARAMS_FILE)
    sources = {**committed["sources"], "set": {"kind": "synthetic"}}
    assert read_params(at.params) == {**committed, "datasets": ["set"], "sources": sources}
    specs = [ClipSpec.from_address(clip.address) for clip in read_manifest(at.listed("set"), Clip)]
    expected = {"seed": 31415, "clip": 0, "preset": "wide", "duration_s": DURATION_S, "width_px": 96, "height_px": 64}
    talkers = [spec for spec in specs if spec.person < 2]
    assert talkers == [ClipSpec(person=person, **expected) for person in (0, 1)]
    assert [spec.kind for spec in specs if spec not in talkers] == sorted(set(KINDS) - {"talk"}) * edge_cases
