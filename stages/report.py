"""Write the report on the run: items kept and dropped, faces, sound, training, metrics."""

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import read_section, released_names
from pipeline.core.storage.atomic import write_text
from pipeline.report.evaluation import read_evaluation
from pipeline.report.faces import read_sheets
from pipeline.report.funnel import read_funnels, read_table1
from pipeline.report.identity import is_synthetic, read_audit, read_recognition_network, read_terms
from pipeline.report.page import Report, render_page
from pipeline.report.sound import read_sounds
from pipeline.report.timeline.read import read_timelines
from pipeline.report.training import read_trainings


def main(at: Layout = Layout()) -> None:
    """Run the stage; the page names the stages that have not run."""
    footage: list[str] = read_section("datasets", at.params)
    datasets = [*footage, *released_names(at.params)]
    report = Report(
        datasets=datasets,
        is_synthetic=is_synthetic(at, datasets),
        funnels=read_funnels(at, datasets),
        timelines=read_timelines(at, footage),
        table1=read_table1(at),
        sheets=read_sheets(at, datasets),
        sounds=read_sounds(at, footage),
        recognition_network=read_recognition_network(at),
        audit=read_audit(at),
        terms=read_terms(at, datasets),
        trainings=read_trainings(at),
        evaluation=read_evaluation(at, datasets),
    )
    page = render_page(report)
    write_text(at.report, page)
    print(f"report: {at.report.as_posix()}, {len(page.encode()) / 1e6:.2f} MB: open it in a browser")
