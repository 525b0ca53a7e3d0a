"""The status of a run: the funnel of every stage, and the history of one item."""

import re

from pipeline.core.base.errors import BadInput, BadManifest
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import OK, WAITING, end_of
from pipeline.core.records.clip import listed_id
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.ledger import StageCounts, count_ends, history_of
from pipeline.report.funnel import UNITS
from pipeline.report.timeline.results import ClipResults, SubjectResult
from pipeline.report.timeline.words import counted

# Stages in the order of the pipeline; the ledger has only their names.
ORDER = (
    *("sources", "download", "detect", "subjects", "crop", "face_videos", "select", "audio", "recognise", "persons"),
    *("identify", "dataset"),
)
_CLIPS = "clips"

_SUBJECT_ID = re.compile(r"(.+)-s\d{2,}")


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
    """Return the ledger's rows on ``item`` in the order of the pipeline, and a line on each subject among them.

    Those on a part begin with those on the clip as listed; those on a clip in parts have each part and nothing that was
    cut from it. Raises BadInput when there are no rows.
    """
    rows = history_of(at.ledgers, item)
    if not rows:
        raise BadInput(f"'{item}': not in the ledger. Ids look like 'demo/person_003-001'.")
    rows = sorted(_told(rows, item, at), key=lambda row: (_place(row.stage), row.item_id))
    lines = [f"{row.stage:<10}{row.item_id}  {_end(row)}" for row in rows]
    subject_ids = [row.item_id for row in rows if row.stage == "subjects"]
    return "\n".join([*lines, *_subject_lines(subject_ids, at)])


def _end(row: LedgerRow) -> str:
    detail = ": ".join(part for part in (row.reason if row.status == WAITING else "", row.detail) if part)
    return f"{end_of(row.status, row.reason, row.remedy)}{f' ({detail})' if detail else ''}"


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
