"""A clip's timeline as rows of bars: places are percent of the width, so that text keeps its size at any width."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor

from pipeline.audio.segment import Interval
from pipeline.core.records.face import RANDOM
from pipeline.report.timeline.results import ClipResult, FaceTaken, SegmentTaken, SubjectResult
from pipeline.report.timeline.unused import unused_time
from pipeline.report.timeline.words import counted, in_words

_MOST_S = 180.0
_STEP_S = 30.0
_MOST_SUBJECTS = 8
_MOST_BARS = 400
_N_COLOURS = 8
_TICK_STEPS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_MOST_TICKS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle: its class in the style sheet, left edge and width in percent, and what it says when pointed at."""

    kind: str
    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class FaceMark:
    """A face that was taken: its place in percent, and what it says when pointed at."""

    x: float
    is_standard: bool
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: its kind, its label, numbers beside it, a colour by number, bars and marks."""

    kind: str
    label: str
    numbers: str = ""
    colour: int | None = None
    is_main: bool = False
    bars: list[Bar]
    marks: list[FaceMark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment of the axis: its place in percent, and its label."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A clip: its id, its numbers in words, its rows, and the rows of the time that is not used."""

    clip_id: str
    numbers: str
    ticks: list[Tick]
    rows: list[Row]
    unused: list[Row]


def draw_timeline(clip: ClipResult) -> Timeline | None:
    """Return the timeline of ``clip``, of a long one a part of 180 s; None of a clip without shots."""
    if not clip.shots or clip.shots[-1][1] <= clip.shots[0][0]:
        return None
    whole_s = clip.shots[0][0], clip.shots[-1][1]
    scale = _Scale(shown_part(whole_s, [turn_s for one in clip.subjects for turn_s in _turns_s(one)]))
    unused = unused_time(clip)
    length_s = whole_s[1] - whole_s[0]
    used_s = length_s - sum(one.length_s for one in unused)
    subjects = _shown_subjects(clip.subjects)
    shots = (
        scale.bar("shot odd" if number % 2 else "shot even", shot_s, f"shot {number}")
        for number, shot_s in enumerate(clip.shots, start=1)
    )
    rows = [Row(kind="shots", label="shots", bars=_bars(shots))]
    for one in subjects:
        rows += _subject_rows(one, clip.clip_id, clip.subjects.index(one) % _N_COLOURS, scale)
    numbers = [
        f"{length_s:.1f} s, {counted(len(clip.shots), 'shot')}, {counted(len(clip.subjects), 'subject')}",
        f"used: {used_s:.1f} s ({100 * used_s / length_s:.0f} %)",
    ]
    if len(subjects) < len(clip.subjects):
        numbers.append(f"{len(subjects)} of the subjects are shown")
    if scale.shown_s != whole_s:
        numbers.append(f"{scale.shown_s[0]:.0f} to {scale.shown_s[1]:.0f} s are shown")
    return Timeline(
        clip_id=clip.clip_id,
        numbers="; ".join(numbers),
        ticks=[Tick(scale.x(tick_s), f"{tick_s:g} s") for tick_s in tick_times(scale.shown_s)],
        rows=rows,
        unused=[
            Row(
                kind="unused",
                label=one.why,
                numbers=f"{one.length_s:.1f} s",
                bars=_bars(scale.bar("unused", interval_s, one.why) for interval_s in one.intervals_s),
            )
            for one in unused
        ],
    )


def shown_part(whole_s: Interval, turns_s: Sequence[Interval]) -> Interval:
    """Return ``whole_s`` if it has at most 180 s, else those 180 s of it, at steps of 30 s, with the most speech."""
    start_s, end_s = whole_s
    if end_s - start_s <= _MOST_S:
        return whole_s
    starts_s = [start_s + _STEP_S * step for step in range(ceil((end_s - start_s - _MOST_S) / _STEP_S) + 1)]
    spoken_s = [0.0] * len(starts_s)
    for first_s, last_s in turns_s:
        for place in range(
            max(0, floor((first_s - start_s - _MOST_S) / _STEP_S)),
            min(len(starts_s), ceil((last_s - start_s) / _STEP_S) + 1),
        ):
            spoken_s[place] += max(0.0, min(last_s, starts_s[place] + _MOST_S) - max(first_s, starts_s[place]))
    best_s = starts_s[spoken_s.index(max(spoken_s))]
    return best_s, min(end_s, best_s + _MOST_S)


def tick_times(shown_s: Interval) -> list[float]:
    """Return at most eight round times within ``shown_s``, seconds."""
    start_s, end_s = shown_s
    fitting = (step for step in _TICK_STEPS_S if floor(end_s / step) - ceil(start_s / step) < _MOST_TICKS)
    step_s = next(fitting, _TICK_STEPS_S[-1])
    return [round(step_s * number, 3) for number in range(ceil(start_s / step_s), floor(end_s / step_s) + 1)]


class _Scale:
    """Places of moments, percent of the width."""

    def __init__(self, shown_s: Interval) -> None:
        self.shown_s = shown_s

    def x(self, time_s: float) -> float:
        start_s, end_s = self.shown_s
        return round(100 * (min(max(time_s, start_s), end_s) - start_s) / (end_s - start_s), 2)

    def bar(self, kind: str, interval_s: Interval, what: str, more: str = "") -> Bar | None:
        """Return the bar of an interval; None where it is not shown. Its title: what, when, how long, and ``more``."""
        start_s, end_s = interval_s
        if end_s <= self.shown_s[0] or start_s >= self.shown_s[1]:
            return None
        x = self.x(start_s)
        title = f"{what}: {start_s:.2f} to {end_s:.2f} s ({end_s - start_s:.2f} s){more}"
        return Bar(kind, x, round(self.x(end_s) - x, 2), title)


def _bars(bars: Iterable[Bar | None]) -> list[Bar]:
    """Return those bars that are shown, at most 400: thousands of shots or tracks would be no picture."""
    return [bar for bar in bars if bar is not None][:_MOST_BARS]


def _turns_s(one: SubjectResult) -> list[Interval]:
    return [(turn.start_s, turn.end_s) for turn in one.turns]


def _shown_subjects(subjects: list[SubjectResult]) -> list[SubjectResult]:
    """Return the main subject, and of the others those that speak, then those that are seen most."""
    ranked = sorted(subjects, key=lambda one: (not one.subject.is_main, -one.turns_s, -one.subject.seen_s))
    shown = [one.subject.subject_id for one in ranked[:_MOST_SUBJECTS]]
    kept = [one for one in subjects if one.subject.subject_id in shown]
    return sorted(kept, key=lambda one: not one.subject.is_main)


def _subject_rows(one: SubjectResult, clip_id: str, colour: int, scale: _Scale) -> list[Row]:
    name = one.subject.subject_id.removeprefix(f"{clip_id}-")
    tracks = (
        scale.bar(
            "track",
            track.interval_s,
            f"{name} seen, track {track.track_id.removeprefix(f'{clip_id}-')}",
            _more("z-score of mouth and sound", track.av_zscore),
        )
        for track in one.tracks
    )
    what = f"all sound taken as that of {name}" if one.is_alone else f"{name} speaks"
    turns = (
        scale.bar("turn", (turn.start_s, turn.end_s), what, _more("log odds", turn.log_odds)) for turn in one.turns
    )
    speaks = "all sound its own" if one.is_alone else f"speaks {one.turns_s:.1f} s"
    seen = Row(
        kind="subject",
        label=name,
        numbers=f"seen {one.subject.seen_s:.1f} s, {speaks}",
        colour=colour,
        is_main=one.subject.is_main,
        bars=[*_bars(tracks), *_bars(turns)],
        marks=[_mark(face, name, scale) for face in one.faces if scale.shown_s[0] <= face.time_s <= scale.shown_s[1]],
    )
    if not one.segments:
        return [seen]
    bars = _bars(bar for segment in one.segments for bar in _segment_bars(segment, scale))
    label = f"{counted(len(one.segments), 'segment')} of {name}"
    return [seen, Row(kind="segments", label=label, colour=colour, bars=bars)]


def _segment_bars(segment: SegmentTaken, scale: _Scale) -> Iterable[Bar | None]:
    parts_s = segment.parts_s
    joined = f", joined of {len(parts_s)} turns with {segment.skipped_s:.2f} s between" if len(parts_s) > 1 else ""
    end = f"; not in the dataset: {in_words(segment.left_out)}" if segment.left_out else ""
    more = f"; voice for {segment.voiced_s:.2f} s{_more('log odds', segment.log_odds)}{joined}{end}"
    if len(parts_s) > 1:
        yield scale.bar("joined", (parts_s[0][0], parts_s[-1][1]), "segment", more)
    for part_s in parts_s:
        yield scale.bar("segment left-out" if segment.left_out else "segment", part_s, "of a segment", more)


def _mark(face: FaceTaken, name: str, scale: _Scale) -> FaceMark:
    how = "drawn at random" if face.sampled_by == RANDOM else "candidate"
    kind = "standard face" if face.is_standard else f"no standard face ({in_words(face.reason)})"
    return FaceMark(scale.x(face.time_s), face.is_standard, f"{name} at {face.time_s:.2f} s: {kind}, {how}")


def _more(name: str, value: float | None) -> str:
    return "" if value is None else f", {name} {value:.1f}"
