"""Everybody's speech and motion in an interview, by its plan: what truth, pictures and sound are made of."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.core.base.seeds import keyed_rng
from pipeline.interview.plan import Interview, Panel, Seen, Shot, Turn
from pipeline.synthetic.look.geometry import Camera
from pipeline.synthetic.plan import TalkerPlan
from pipeline.synthetic.script.motion import Motion, MotionStyle, generate_motion
from pipeline.synthetic.script.speech import Floats, Speech, generate_speech, mouth_opening, plan_bursts
from pipeline.synthetic.script.traits import traits_of, voice_of

BURST_S = (0.9, 2.8)
PAUSE_S = (0.15, 0.5)
CONVERSATION = MotionStyle(
    yaw_deg=(2.0, 10.0),
    pitch_deg=(1.0, 6.0),
    roll_deg=(1.0, 5.0),
    rest_deg=(2.0, 2.0, 2.0),
    limit_deg=(14.0, 9.0, 8.0),
    lips_interocular=(0.20, 0.36),
    held_open_share=0.0,
)
EYES_TO_PIVOT = 0.35  # a head's pivot is so far below the middle between its eyes and mouth, interocular distances
# Lips that move with another speech must not seem to move with the one that is heard: of a few drawn at random the
# first is taken whose openings correlate less than this with those of a mouth that speaks what is heard.
MOST_AGREEMENT = 0.2
OTHER_TRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One person in one shot: a plan over the shot's frames; its camera counts from the panel's corner."""

    panel: Panel
    seen: Seen
    plan: TalkerPlan


def speeches_of(interview: Interview) -> tuple[Speech, ...]:
    """Return the speech of each turn, on the clock of the interview."""
    return tuple(_speech_of(interview, number, turn) for number, turn in enumerate(interview.turns))


def _speech_of(interview: Interview, number: int, turn: Turn) -> Speech:
    rng = keyed_rng("interview turn", interview.spec.seed, number)
    rate_hz = voice_of(traits_of(interview.spec.seed, turn.voice)).syllables_hz
    return generate_speech(rng, _bursts(rng, turn.start_s, turn.end_s), rate_hz)


def _bursts(rng: np.random.Generator, start_s: float, end_s: float) -> tuple[tuple[float, float], ...]:
    """Return speech intervals (start, end), seconds, that begin and end with a turn."""
    length_s = end_s - start_s
    n_bursts = max(1, round((length_s + float(np.mean(PAUSE_S))) / float(np.mean(BURST_S) + np.mean(PAUSE_S))))
    pauses = np.concatenate([rng.uniform(*PAUSE_S, n_bursts - 1), [0.0]])
    bursts = rng.uniform(*BURST_S, n_bursts)
    bursts *= (length_s - pauses.sum()) / bursts.sum()
    ends = start_s + np.cumsum(bursts + pauses) - pauses
    return tuple((round(float(e - b), 4), round(float(e), 4)) for e, b in zip(ends, bursts, strict=True))


def shifted(speech: Speech, by_s: float) -> Speech:
    """Return the same speech, later by ``by_s``."""
    bursts_s = tuple((start_s + by_s, end_s + by_s) for start_s, end_s in speech.bursts_s)
    return replace(speech, bursts_s=bursts_s, centre_s=speech.centre_s + by_s)


def own_speech(interview: Interview, speeches: tuple[Speech, ...], person: int) -> Speech | None:
    """Return all that a person says in the interview; None for nothing."""
    own = [speech for turn, speech in zip(interview.turns, speeches, strict=True) if turn.voice == person]
    if not own:
        return None
    return Speech(
        bursts_s=tuple(burst for speech in own for burst in speech.bursts_s),
        centre_s=np.concatenate([speech.centre_s for speech in own]),
        length_s=np.concatenate([speech.length_s for speech in own]),
        stress=np.concatenate([speech.stress for speech in own]),
        vowel=np.concatenate([speech.vowel for speech in own]),
        has_hiss=np.concatenate([speech.has_hiss for speech in own]),
    )


def takes_of(interview: Interview, speeches: tuple[Speech, ...]) -> tuple[tuple[Take, ...], ...]:
    """Return the people of every shot, in motion."""
    people = {seen.person for shot in interview.shots for seen in shot.seen}
    own = {person: own_speech(interview, speeches, person) for person in sorted(people)}
    return tuple(
        tuple(
            _take(interview, (number, panel, seen), own[seen.person], speeches)
            for panel in shot.panels
            for seen in panel.seen
        )
        for number, shot in enumerate(interview.shots)
    )


def shot_times(interview: Interview, shot: Shot) -> Floats:
    """Return the times of a shot's frames, (T,) seconds."""
    return np.asarray(np.arange(shot.first, shot.end) / float(interview.spec.fps))


def _take(
    interview: Interview, what: tuple[int, Panel, Seen], own: Speech | None, speeches: tuple[Speech, ...]
) -> Take:
    number, panel, seen = what
    shot, spec = interview.shots[number], interview.spec
    time_s = shot_times(interview, shot)
    traits = traits_of(spec.seed, seen.person)
    rng = keyed_rng("interview take", spec.seed, number, seen.person)
    lip_speech = own if seen.lips == "own" else None
    if seen.lips == "other":
        openings = [mouth_opening(speech, time_s) for speech in speeches]
        heard = np.max([np.zeros(len(time_s)), *openings], axis=0)
        lip_speech = _out_of_step(rng, time_s, heard, voice_of(traits).syllables_hz)
    motion = _held_while_shut(generate_motion(rng, time_s, lip_speech, CONVERSATION))
    return Take(
        panel=panel,
        seen=seen,
        plan=TalkerPlan(
            traits=traits,
            person=seen.person,
            speech=own,
            motion=replace(motion, yaw_deg=motion.yaw_deg + seen.look_deg),
            lip_speech=lip_speech,
            camera=Camera(
                x_px=panel.box.width_px * seen.x_share,
                y_px=panel.box.height_px * 0.5 + EYES_TO_PIVOT * seen.eyes_px,
                scale_px=seen.eyes_px,
            ),
            visible=np.ones(len(time_s), bool),
        ),
    )


def _held_while_shut(motion: Motion) -> Motion:
    """Return a motion that, while the lips are shut, changes in every other frame only: it is drawn in half the time.

    Truth is that of the motion as drawn.
    """
    shut = motion.lip_gap == 0
    held = np.arange(len(shut)) % 2 == 1
    held[1:] &= shut[1:] & shut[:-1]
    source = np.arange(len(shut)) - held
    return Motion(**{field.name: getattr(motion, field.name)[source] for field in fields(Motion)})


def motion_changes(motion: Motion) -> NDArray[np.bool_]:
    """Return for each frame whether a face is other than in the frame before; true for the first."""
    values = np.stack([getattr(motion, field.name) for field in fields(Motion)])
    return np.concatenate([[True], np.any(np.diff(values, axis=1) != 0, axis=0)])


def _out_of_step(rng: np.random.Generator, time_s: Floats, heard: Floats, rate_hz: float) -> Speech:
    """Return a speech that nobody hears, out of step with the mouth opening ``heard``, (T,), of what is heard."""
    start_s, length_s = float(time_s[0]), float(time_s[-1] - time_s[0])
    agreements: list[float] = []
    others: list[Speech] = []
    while not agreements or (min(agreements) > MOST_AGREEMENT and len(others) < OTHER_TRIES):
        others.append(shifted(generate_speech(rng, plan_bursts(rng, length_s), rate_hz), start_s))
        agreements.append(correlation(heard, mouth_opening(others[-1], time_s)))
    return others[int(np.argmin(agreements))]


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return Pearson's correlation; 0 where one of the two is constant."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0
