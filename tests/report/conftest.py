"""Runs to report on: one with every stage, made once."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.base.layout import Layout
from stages.report import main
from tests.report.made_run import HOSTILE, RATE_HZ, clip_of, make_data, make_evaluation, make_media, make_training
from tests.report.timeline.made_clips import make_subjects


@pytest.fixture
def data_run(tmp_path: Path) -> Layout:
    """A run of the data stages alone."""
    at = Layout(tmp_path / "data-run")
    make_data(at)
    return at


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A run of all stages, with its page; not to be changed."""
    at = Layout(tmp_path_factory.mktemp("whole-run"))
    make_data(at)
    make_subjects(at, [clip_of(HOSTILE)])
    make_media(at, HOSTILE, np.arange(-RATE_HZ, RATE_HZ, dtype=np.int16))
    make_training(at)
    make_evaluation(at)
    main(at)
    return at


@pytest.fixture(scope="session")
def page(whole_run: Layout) -> str:
    """The page of all stages."""
    return whole_run.report.read_text(encoding="utf-8")
