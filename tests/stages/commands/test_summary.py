"""The summary of a run says why there are no metrics."""

from pathlib import Path

from model.evaluation.summary import as_json, empty_metrics
from pipeline.core.base.layout import Layout
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import write_manifest
from pipeline.dataset.rows import write_stats
from pipeline.dataset.table1 import count
from stages.commands.summary import render_summary


def test_where_nothing_is_evaluated_the_reason_stands_in_place_of_the_metrics(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    write_text(at.params, "datasets: [set]\nsources: {set: {}}\n")
    write_manifest(at.ledger("persons"), LedgerRow, [ledger_row("persons", "set/1-s00")])
    write_stats(count([], ["set"]), 0, at)
    assert "No evaluation" not in render_summary(at)
    write_text(at.metrics, as_json(empty_metrics("nobody is in the test split: nothing is evaluated.")))
    assert "\nNo evaluation: nobody is in the test split: nothing is evaluated.\n" in render_summary(at)
