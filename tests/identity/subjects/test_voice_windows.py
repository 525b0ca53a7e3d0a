"""Windows of voices lie in speech, near both ends of a stretch; stretches of one voice share the one between them."""

import numpy as np
import pytest

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.identity.network.voice_network import WINDOW_SAMPLES
from pipeline.identity.sound.overlap_network import STEP_SAMPLES, HeardVoices
from pipeline.identity.subjects.sound import ClipSound, HeardSound
from pipeline.identity.subjects.voice_windows import voice_windows

SOUND = ClipSound("set/one", np.ones(6 * SAMPLE_RATE_HZ, np.float32), begin_s=10.0)
STEPS_S = np.arange(6 * SAMPLE_RATE_HZ // STEP_SAMPLES) * STEP_SAMPLES / SAMPLE_RATE_HZ
WINDOW_S = WINDOW_SAMPLES / SAMPLE_RATE_HZ


def heard(change: float = 0.0, pause_s: tuple[float, float] = (0.0, 0.0)) -> HeardSound:
    """Return speech but for a pause, with a change of voice at 2 s of the sound."""
    speech = np.where((STEPS_S - pause_s[0] >= 0) & (STEPS_S - pause_s[1] < 0), 0.0, 1.0)
    changes = np.where(np.abs(STEPS_S - 2.0) < 0.05, change, 0.0)
    return HeardSound(SOUND, HeardVoices(speech, np.zeros_like(speech), changes), None)


def seconds(windows: list[int]) -> list[float]:
    return [first / SAMPLE_RATE_HZ for first in windows]


@pytest.mark.parametrize(("change", "n_windows"), [(0.29, 3), (0.3, 4)])
def test_neighbours_share_a_window_where_the_voice_between_them_stays_the_same(change: float, n_windows: int) -> None:
    (_, first), (_, second) = voice_windows([[(10.0, 12.0), (12.0, 14.0)]], heard(change))
    assert (len(first), len(second)) == (2, 2)
    assert len({*first, *second}) == n_windows
    if n_windows == 3:
        assert first[1] == second[0] and seconds(first)[1] == pytest.approx(2.0 - WINDOW_S / 2, abs=0.05)
    else:
        assert max(seconds(first)) + WINDOW_S <= 2.1 and min(seconds(second)) >= 2.0


def test_stretches_of_two_shots_share_none() -> None:
    (_, first), (_, second) = voice_windows([[(10.0, 12.0)], [(12.0, 14.0)]], heard())
    assert max(seconds(first)) + WINDOW_S <= 2.1 and min(seconds(second)) >= 2.0


def test_a_shared_window_goes_out_of_the_way_of_a_pause() -> None:
    (_, first), _ = voice_windows([[(10.0, 12.0), (12.0, 14.0)]], heard(pause_s=(1.9, 2.3)))
    assert seconds(first)[1] + WINDOW_S == pytest.approx(2.0, abs=0.03)  # before the pause, as far as the end allows


def test_without_heard_voices_windows_lie_at_both_ends_of_each_stretch() -> None:
    (_, first), (_, second) = voice_windows([[(10.0, 12.0), (12.0, 14.0)]], HeardSound(SOUND, None, None))
    assert seconds(first) == pytest.approx([0.0, 2.1 - WINDOW_S], abs=1e-3)
    assert seconds(second) == pytest.approx([2.0, 4.1 - WINDOW_S], abs=1e-3)


@pytest.mark.parametrize(("length_s", "n_windows"), [(0.7, 0), (0.75, 1), (1.5, 1), (1.6, 2), (3.9, 2), (4.0, 3)])
def test_a_stretch_has_windows_by_its_length(length_s: float, n_windows: int) -> None:
    """Its sound reaches 0.1 s further; one window takes 0.82 s."""
    ((_, windows),) = voice_windows([[(10.0, 10.0 + length_s)]], heard())
    assert len(windows) == n_windows
    assert all(one >= 0 and one + WINDOW_SAMPLES <= (length_s + 0.1) * SAMPLE_RATE_HZ + 1 for one in windows)
