"""The fit finds the weights, and by how much each clip's sound is late, of made-up people whose mouths obey them."""

import numpy as np

from benchmarks.mouth_model import FURTHEST_STEPS, Part, area, best_shifts, fit
from pipeline.speaker.mouth_model import CONTEXT_STEPS, MEASURES, predicted
from pipeline.speaker.sound_bands import N_BANDS

REACH = FURTHEST_STEPS + CONTEXT_STEPS[-1]
DRAW = np.random.default_rng(0)
SOUND = DRAW.standard_normal((len(CONTEXT_STEPS), N_BANDS, 2))
MOUTH = DRAW.standard_normal((2, len(MEASURES)))


def parts_of(person: str, late_steps: int, n_parts: int = 3, n: int = 400) -> list[Part]:
    """Return parts of a clip whose sound is late, and moves the mouth by SOUND and MOUTH."""
    found = []
    for _ in range(n_parts):
        sound = DRAW.standard_normal((n + 2 * REACH, N_BANDS))
        start = FURTHEST_STEPS + late_steps
        moved = predicted(sound[start:][: n + 2 * CONTEXT_STEPS[-1]], SOUND) @ MOUTH
        found.append(Part(person, person, moved / moved.std() + DRAW.standard_normal(moved.shape), sound))
    return found


def test_shifts_and_weights_are_found_and_tell_the_voices_of_persons_apart_that_were_left_out() -> None:
    late = {f"person {n}": step for n, step in enumerate((-4, 0, 0, 0, 6))}
    parts = [part for person, step in late.items() for part in parts_of(person, step)]
    shifts = best_shifts(parts)
    assert shifts == late
    weights = fit(parts, shifts, without=["person 4"])
    own = parts[-1]
    voice = predicted(own.sound_at(shifts["person 4"]), weights.sound)
    movement = own.mouth @ weights.mouth
    for n in range(2):
        found = np.corrcoef(movement[:, n], voice[:, n])[0, 1]
        assert abs(found - weights.correlations[n]) < 0.1
        assert found > 0.6
    assert area(parts, "person 4", shifts, weights) == 1.0
    assert 0.2 < area(parts, "person 4", {**shifts, "person 4": -12}, weights) < 0.8


def test_what_the_sound_predicts_is_in_units_of_what_it_does_not_explain() -> None:
    parts = [part for n in range(20) for part in parts_of(f"person {n}", 0, n_parts=1)]
    weights = fit(parts, {part.clip: 0 for part in parts})
    rests = [part.mouth @ weights.mouth - predicted(part.sound_at(0), weights.sound) for part in parts]
    np.testing.assert_allclose(np.concatenate(rests).std(axis=0), 1, atol=0.1)
