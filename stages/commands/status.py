"""The status of a run: the funnel of every stage, and the history of one item."""

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import OK
from pipeline.core.storage.ledger import StageCounts, count_ends, end_of, history_of

# Stages in the order of the pipeline; the ledger has only their names.
ORDER = (
    *("sources", "download", "detect", "subjects", "crop", "select", "audio", "recognise", "persons", "identify"),
    "dataset",
)
UNITS = {"subjects": "subjects", "select": "faces", "dataset": "persons"}
_CLIPS = "clips"


def render_status(at: Layout = Layout()) -> str:
    """Return the funnel as text: a line per stage, grouped by dataset; raise BadInput before the first run."""
    stages = sorted(count_ends(at.ledgers), key=lambda one: (one.dataset == "", one.dataset, _place(one.stage)))
    if not stages:
        raise BadInput("nothing has run yet: run 'dvc repro'.")
    lines: list[str] = []
    for one in stages:
        heading = f"dataset {one.dataset}" if one.dataset else "all datasets"
        if heading not in lines:
            lines.append(heading)
        lines.append(_line(one))
    return "\n".join(lines)


def _place(stage: str) -> tuple[int, str]:
    return (ORDER.index(stage) if stage in ORDER else len(ORDER), stage)


def _line(stage: StageCounts) -> str:
    others = ", ".join(f"{n} {end}" for end, n in stage.ends.most_common() if end != OK)
    unit = "segments" if stage.of_segments else UNITS.get(stage.stage, _CLIPS)
    return f"  {stage.stage:<10}{stage.n_ok:>7} of {stage.n_items:>6} {unit:<11}{others}".rstrip()


def render_history(item: str, at: Layout = Layout()) -> str:
    """Return the ledger's rows on ``item`` in the order of the pipeline; raise BadInput when there are none."""
    rows = sorted(history_of(at.ledgers, item), key=lambda row: (_place(row.stage), row.item_id))
    if not rows:
        raise BadInput(f"'{item}': not in the ledger. Ids look like 'demo/person_003-001'.")
    return "\n".join(
        f"{row.stage:<10}{row.item_id}  {end_of(row)}{f' ({row.detail})' if row.detail else ''}" for row in rows
    )
