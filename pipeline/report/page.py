"""The report as one self-contained HTML page: no server, no script, no other file."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.dataset.table1 import totals
from pipeline.report.evaluation import Evaluation
from pipeline.report.faces import DatasetSheets
from pipeline.report.funnel import Funnel, Table1
from pipeline.report.identity import Audit, RecognitionNote, Terms
from pipeline.report.sound import Sound
from pipeline.report.timeline.draw import Timeline
from pipeline.report.training import Training

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of the page; None: the stage has not run."""

    datasets: Sequence[str]
    is_synthetic: bool
    funnels: list[Funnel]
    timelines: list[Timeline] | None
    table1: Table1 | None
    sheets: list[DatasetSheets] | None
    sounds: list[Sound] | None
    recognition_network: RecognitionNote | None
    audit: Audit | None
    terms: list[Terms]
    trainings: list[Training]
    evaluation: Evaluation | None


def render_page(report: Report) -> str:
    """Return the page; the same report gives the same text.

    All content is escaped, and its Content Security Policy forbids scripts, other styles and external resources.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        report=report,
        totals=totals(report.table1.counts) if report.table1 else None,
        style=style,
        style_hash=b64encode(sha256(style.encode()).digest()).decode("ascii"),
    )
