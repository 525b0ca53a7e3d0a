"""Who speaks when: turns that follow each other with pauses or overlap a little, and short remarks between."""

from collections.abc import Sequence

import numpy as np

from pipeline.interview.plan import Turn

TURN_S = (2.5, 12.0)
QUESTION_S = (1.5, 4.0)
SHORTEST_TURN_S = 1.2
GAP_S = (0.15, 0.8)
OVERLAP_S = (0.3, 1.2)
OVERLAP_SHARE = 0.2  # of the changes of speaker
REMARK_S = (0.5, 0.9)
REMARK_SHARE = 0.2  # of the turns long enough for one
REMARK_MARGIN_S = 2.0  # from a remark to either end of the turn: more than two turns overlap


def converse(
    rng: np.random.Generator, voices: Sequence[int], askers: Sequence[int], span_s: tuple[float, float]
) -> list[Turn]:
    """Return turns of ``voices`` within a span of time, seconds, with a pause at both of its ends.

    Turns of one voice never overlap, and nobody has two in a row where there is somebody else. Those of ``askers``
    are as short as questions.
    """
    turns: list[Turn] = []
    free_s = dict.fromkeys(voices, span_s[0])  # when each voice may begin again
    at_s, end_s = span_s[0] + rng.uniform(*GAP_S), span_s[1] - rng.uniform(*GAP_S)
    before = -1
    while end_s - at_s >= SHORTEST_TURN_S:
        free = [voice for voice in voices if free_s[voice] <= at_s]
        if not free:
            at_s = min(free_s.values())
            continue
        voice = int(rng.choice([voice for voice in free if voice != before] or free))
        length_s = rng.uniform(*(QUESTION_S if voice in askers else TURN_S))
        until_s = min(at_s + length_s, end_s)
        if until_s - at_s < SHORTEST_TURN_S:
            break
        turns.append(_turn(voice, at_s, until_s))
        free_s[voice] = until_s + GAP_S[0]
        turns += _remark(rng, turns[-1], free_s)
        before = voice
        overlaps = len(voices) > 1 and rng.random() < OVERLAP_SHARE
        at_s = until_s + (-rng.uniform(*OVERLAP_S) if overlaps else rng.uniform(*GAP_S))
    return sorted(turns, key=lambda turn: turn.start_s)


def _remark(rng: np.random.Generator, turn: Turn, free_s: dict[int, float]) -> list[Turn]:
    """Return a short remark of somebody else in the middle of a turn, or none."""
    earliest_s, latest_s = turn.start_s + REMARK_MARGIN_S, turn.end_s - REMARK_MARGIN_S - REMARK_S[1]
    others = [voice for voice, from_s in free_s.items() if voice != turn.voice and from_s <= earliest_s]
    if not others or latest_s <= earliest_s or rng.random() >= REMARK_SHARE:
        return []
    voice, at_s = int(rng.choice(others)), rng.uniform(earliest_s, latest_s)
    remark = _turn(voice, at_s, at_s + rng.uniform(*REMARK_S))
    free_s[voice] = remark.end_s + GAP_S[0]
    return [remark]


def _turn(voice: int, start_s: float, end_s: float) -> Turn:
    return Turn(voice=voice, start_s=round(float(start_s), 4), end_s=round(float(end_s), 4))


def heard_s(turns: Sequence[Turn], voice: int, start_s: float, end_s: float) -> float:
    """Return for how many seconds of a span a voice has a turn."""
    return sum(max(0.0, min(turn.end_s, end_s) - max(turn.start_s, start_s)) for turn in turns if turn.voice == voice)


def main_voice(turns: Sequence[Turn], start_s: float, end_s: float) -> int | None:
    """Return the voice that is heard longest in a span; None where nobody speaks."""
    lengths = {turn.voice: heard_s(turns, turn.voice, start_s, end_s) for turn in turns}
    longest = max(lengths, key=lambda voice: (lengths[voice], -voice), default=None)
    return longest if longest is not None and lengths[longest] > 0 else None
