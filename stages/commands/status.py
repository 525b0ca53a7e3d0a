"""The status of a run: the funnel of every stage, what was dropped, and the history of one item."""

import re

from pipeline.core.base.errors import BadInput, BadManifest, BadParams
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import OK, WAITING, end_of
from pipeline.core.base.params import read_params, released_names
from pipeline.core.records.clip import listed_id
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.ledger import StageCounts, count_ends, drops_in, history_of, ids_like
from pipeline.report.funnel import UNITS
from pipeline.report.timeline.results import ClipResults, SubjectResult
from pipeline.report.timeline.words import counted
from pipeline.sources.reading.local_file import is_plain_text, shown

# Stages in the order of the pipeline; the ledger has only their names.
ORDER = (
    *("sources", "download", "detect", "subjects", "crop", "face_videos", "select", "audio", "recognise", "persons"),
    *("identify", "dataset"),
)
_CLIPS = "clips"

_SUBJECT_ID = re.compile(r"(.+)-s\d{2,}")


def render_status(at: Layout = Layout()) -> str:
    """Return the funnel as text: a line per stage, grouped by dataset; raise BadInput before the first run.

    A dataset that params.yaml no longer lists is named, not counted.
    """
    stages = sorted(count_ends(at.ledgers), key=lambda one: (one.dataset == "", one.dataset, _place(one.stage)))
    if not stages:
        raise BadInput("nothing has run yet: run 'dvc repro'.")
    lines: list[str] = []
    listed = _listed_datasets(at)
    unlisted = {one.dataset for one in stages if one.dataset and listed is not None and one.dataset not in listed}
    for one in stages:
        if one.dataset in unlisted:
            continue
        heading = f"dataset {one.dataset}" if one.dataset else "all datasets"
        if heading not in lines:
            lines.append(heading)
        lines.append(_line(one))
    if unlisted:
        names = ", ".join(sorted(unlisted))
        lines.append(f"not counted, since 'datasets' of params.yaml does not list them any more: {names}")
    return "\n".join(lines)


def _listed_datasets(at: Layout) -> set[str] | None:
    """Return the datasets of params.yaml; None where there is no such file."""
    if not at.params.is_file():
        return None
    datasets = read_params(at.params).get("datasets") or []
    if not isinstance(datasets, list):
        raise BadParams(f"{at.params}: datasets = {datasets!r}: expected a list of names")
    return {*map(str, datasets), *released_names(at.params)}


def render_drops(dataset: str | None, n_first: int, at: Layout = Layout()) -> str:
    """Return what was dropped, of one dataset or all, by stage and end, with the first ``n_first`` of each.

    Raises BadInput for a dataset without any row.
    """
    datasets = {one.dataset for one in count_ends(at.ledgers)} - {""}
    if dataset is not None and dataset not in datasets:
        known = ", ".join(sorted(datasets)) or "none"
        raise BadInput(f"dataset '{dataset}': not in the ledger; those that are: {known}.")
    drops = sorted(drops_in(at.ledgers, dataset, n_first), key=lambda one: (_place(one.stage), -one.n, one.end))
    lines: list[str] = []
    for one in drops:
        lines.append(f"{one.stage}: {one.n:,} {one.end}")
        lines += [f"  {row.item_id}{_in_brackets(row)}" for row in one.first]
        if one.n > len(one.first):
            lines.append(f"  ... and {one.n - len(one.first):,} more: --first {one.n} shows all")
    return "\n".join(lines) or "nothing was dropped"


def _place(stage: str) -> tuple[int, str]:
    return (ORDER.index(stage) if stage in ORDER else len(ORDER), stage)


def _line(stage: StageCounts) -> str:
    others = ", ".join(f"{n} {end}" for end, n in stage.ends.most_common() if end != OK)
    unit = stage.cut or UNITS.get(stage.stage, _CLIPS)
    return f"  {stage.stage:<10}{stage.n_ok:>7} of {stage.n_items:>6} {unit:<11}{others}".rstrip()


def render_history(item: str, at: Layout = Layout()) -> str:
    """Return the ledger's rows on ``item`` in the order of the pipeline, and a line on each subject among them.

    Those on a part begin with those on the clip as listed; those on a clip in parts have each part and nothing that was
    cut from it. Raises BadInput when there are no rows.
    """
    if not is_plain_text(item):
        raise BadInput(f"'{shown(item)}': no id is like that: expected text in UTF-8 without control characters")
    rows = history_of(at.ledgers, item)
    if not rows:
        alike = " or ".join(f"'{one}'" for one in ids_like(at.ledgers, item))
        hint = f"Is it {alike}?" if alike else "Ids look like 'demo/person_003-001'."
        raise BadInput(f"'{item}': not in the ledger. {hint}")
    rows = sorted(_told(rows, item, at), key=lambda row: (_place(row.stage), row.item_id))
    lines = [f"{row.stage:<10}{row.item_id}  {_end(row)}" for row in rows]
    subject_ids = [row.item_id for row in rows if row.stage == "subjects"]
    return "\n".join([*lines, *_subject_lines(subject_ids, at)])


def _end(row: LedgerRow) -> str:
    return f"{end_of(row.status, row.reason, row.remedy)}{_in_brackets(row)}"


def _in_brackets(row: LedgerRow) -> str:
    detail = ": ".join(part for part in (row.reason if row.status == WAITING else "", row.detail) if part)
    return f" ({detail})" if detail else ""


def _told(rows: list[LedgerRow], item: str, at: Layout) -> list[LedgerRow]:
    """Return ``rows`` as they are to be told: with those on the listed clip, or without what was cut from parts."""
    if (listed := listed_id(item)) != item:
        listed_ids = {listed_id(row.item_id) for row in rows} - {row.item_id for row in rows}
        return [*(row for row in history_of(at.ledgers, listed) if row.item_id in listed_ids), *rows]
    parts = {row.item_id for row in rows if listed_id(row.item_id) != row.item_id}
    return [row for row in rows if not any(row.item_id.startswith(f"{part}-") for part in parts)]


def _subject_lines(subject_ids: list[str], at: Layout) -> list[str]:
    """Return a line for each of these subjects; ids of clips, whose subjects are not known, have none."""
    found = [_SUBJECT_ID.fullmatch(subject_id) for subject_id in subject_ids]
    lines = []
    for clip_id in dict.fromkeys(one[1] for one in found if one):
        try:
            subjects = ClipResults(clip_id.partition("/")[0], at).of(clip_id).subjects
        except BadManifest as error:  # of a stage that has to run again; the ledger's rows are of use all the same
            lines.append(f"{'subject':<10}{clip_id}  not readable: {error}")
            continue
        lines += [_subject_line(one) for one in subjects if one.subject.subject_id in subject_ids]
    return lines


def _subject_line(one: SubjectResult) -> str:
    subject = one.subject
    if subject.end_s <= subject.start_s:
        return f"{'subject':<10}{subject.subject_id}  {'; '.join(_told_of_one_moment(one))}"
    zscore = "not compared" if subject.av_zscore is None else f"z-score {subject.av_zscore:.2f}"
    turns = counted(len(one.turns), "turn")
    if one.turns:
        turns = "all sound its own" if one.is_alone else f"{turns} of {one.turns_s:.1f} s"
    told = [
        f"{'main' if subject.is_main else 'not main'}: {counted(subject.n_tracks, 'track')}",
        f"seen for {subject.seen_s:.1f} s",
        f"mouth and sound {zscore}",
        turns,
        _faces(one),
        counted(len(one.segments), "segment"),
    ]
    return f"{'subject':<10}{subject.subject_id}  {'; '.join(told)}"


def _told_of_one_moment(one: SubjectResult) -> list[str]:
    """Return what there is of the subject of a still picture, or of sound alone."""
    main = "main" if one.subject.is_main else "not main"
    if one.subject.n_tracks:
        return [f"{main}: in a still picture", _faces(one)]
    return [
        f"{main}: heard, not seen",
        f"all sound its own, {one.turns_s:.1f} s",
        counted(len(one.segments), "segment"),
    ]


def _faces(one: SubjectResult) -> str:
    faces = counted(len(one.faces), "face")
    return f"{faces}, {sum(face.is_standard for face in one.faces)} of them standard" if one.faces else faces
