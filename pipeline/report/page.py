"""The report as one page of HTML that needs nothing else: no server, no script, no file beside it."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.dataset.table1 import Counts, totals
from pipeline.report.evaluation import Evaluation
from pipeline.report.faces import DatasetSheets
from pipeline.report.funnel import Funnel
from pipeline.report.identity import Audit, RecognitionNote, Terms
from pipeline.report.sound import Sound
from pipeline.report.training import Training

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Table1:
    """The counts of the built dataset, and how many pairs it has."""

    counts: Counts
    n_pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the page shows; None: the stage that makes it has not run."""

    datasets: Sequence[str]
    is_synthetic: bool
    funnels: list[Funnel]
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

    Everything in it is escaped, and its own policy forbids scripts, other styles, and whatever is not in the page.
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
