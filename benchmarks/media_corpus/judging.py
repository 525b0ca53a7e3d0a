"""Judge how a file ended: right, dropped though it may be, dropped though it must not be, or ok and wrong."""

import math
from dataclasses import dataclass

from benchmarks.media_corpus.judge_picture import picture_faults
from benchmarks.media_corpus.judge_sound import sound_faults
from benchmarks.media_corpus.project import Ended
from benchmarks.media_corpus.truth import OK, Case, Truth
from benchmarks.media_corpus.workshop import Workshop

RIGHT, ALLOWED_DROP, WRONG_CLASS, OK_AND_WRONG = "right", "allowed drop", "wrong class", "ok and wrong"
EXHAUSTED = frozenset({"timeout", "crashed", "out_of_memory", "output_too_large"})
"""Ends that are never right: the file was not judged, it exhausted what a file may use."""
FRAME_S = 0.04
VERDICTS = (RIGHT, ALLOWED_DROP, WRONG_CLASS, OK_AND_WRONG)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a file, and what speaks against it."""

    case: Case
    verdict: str
    faults: tuple[str, ...] = ()


def judge(case: Case, ended: Ended, workshop: Workshop) -> Verdict:
    """Return the best verdict by any of the case's truths."""
    verdicts = [_by_truth(case, truth, ended, workshop) for truth in case.truths]
    return min(verdicts, key=lambda verdict: VERDICTS.index(verdict.verdict))


def _by_truth(case: Case, truth: Truth, ended: Ended, workshop: Workshop) -> Verdict:
    wrong: list[str] = []
    if ended.picture[0] == OK:
        assert ended.media is not None
        wrong += picture_faults(truth, ended.media, ended.frames, ended.faces, workshop)
        wrong += _outside(case, "picture", [frame.time_s for frame in ended.frames])
        if OK not in truth.picture:
            wrong.append(f"picture: ok, must be {_text(truth.picture)}")
    if ended.sound[0] == OK:
        wrong += sound_faults(truth, ended.segments)
        wrong += _outside(case, "sound", [time_s for one in ended.segments for time_s in (one.start_s, one.end_s)])
        if OK not in truth.sound:
            wrong.append(f"sound: ok, must be {_text(truth.sound)}")
    if wrong:
        return Verdict(case, OK_AND_WRONG, tuple(wrong))
    for name, (status, reason), allowed in (
        ("picture", ended.picture, truth.picture),
        ("sound", ended.sound, truth.sound),
    ):
        if status != OK and (reason in EXHAUSTED or not {status, reason} & allowed):
            wrong.append(f"{name}: {status}: {reason}, must be {_text(allowed)} ({ended.detail[:200]})")
    if wrong:
        return Verdict(case, WRONG_CLASS, tuple(wrong))
    # Where the only true end is a drop, that drop is right; where the file may also be read, it is allowed.
    is_drop = any(
        status != OK and OK in allowed
        for (status, _), allowed in ((ended.picture, truth.picture), (ended.sound, truth.sound))
    )
    return Verdict(case, ALLOWED_DROP if is_drop else RIGHT)


def _outside(case: Case, what: str, times_s: list[float]) -> list[str]:
    """Return whether anything is of a time outside the range that the list names."""
    if case.range_s is None or not times_s:
        return []
    start_s, end_s = case.range_s[0] or 0.0, case.range_s[1] or math.inf
    if min(times_s) >= start_s - FRAME_S and max(times_s) <= end_s + FRAME_S:
        return []
    return [f"{what}: {min(times_s):.2f} to {max(times_s):.2f} s is not within {start_s:g} to {end_s:g} s"]


def _text(allowed: frozenset[str]) -> str:
    return " or ".join(sorted(allowed))
