"""The plan of the published list of HDTF, whose files are not part of the project."""

from pathlib import Path

import pytest
import yaml

from pipeline.core.base.layout import Layout
from stages import sources
from stages.commands.plan import render_plan
from stages.download import step_of
from tests.real_files import LISTS, needs_lists
from tests.stages.commands.test_plan import write_params


@needs_lists
def test_the_plan_of_hdtf_has_its_addresses_its_ranges_and_its_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """436 ranges of 17.07 h; of 370 addresses two are one video, and another has no range."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    at = Layout(tmp_path)
    write_params(at)
    params = yaml.safe_load(at.params.read_text()) | {
        "sources": {"set": {"kind": "hdtf", "input": str(LISTS / "HDTF")}}
    }
    at.params.write_text(yaml.safe_dump(params))
    sources.main("set", at)
    first, listed, *_ = render_plan([], step_of, at=at, mbit_s=3.0).splitlines()
    assert first == "dataset set"
    assert listed.split(maxsplit=1) == ["listed", "436 clips: 436 ranges of 17.07 h together; 368 addresses"]
