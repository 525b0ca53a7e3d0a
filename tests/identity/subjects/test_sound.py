"""Each stretch has the shares of its own time in which voices overlap and music sounds."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.identity.sound import event_network, overlap_network
from pipeline.identity.sound.event_network import EventNetwork
from pipeline.identity.sound.overlap_network import OverlapNetwork
from pipeline.identity.subjects.clips import with_shares
from pipeline.identity.subjects.sound import ClipSound, SoundNetworks
from tests.face.tracks import a_stretch_sound, a_turn

SOUND = ClipSound("set/one", np.zeros(8 * SAMPLE_RATE_HZ, np.float32), begin_s=10.0)


class Overlap(OverlapNetwork):
    """Two voices from 12 s on."""

    def probabilities(self, sound: Waveform) -> np.ndarray:
        return (
            np.arange(len(sound) // overlap_network.STEP_SAMPLES) >= 2 * SAMPLE_RATE_HZ / overlap_network.STEP_SAMPLES
        )


class Events(EventNetwork):
    """Speech, a share of 0.5 that counts of song, and music from 13 s on."""

    def probabilities(self, sound: Waveform) -> np.ndarray:
        n = len(sound) // event_network.STEP_SAMPLES
        return np.stack([np.ones(n), np.full(n, 0.5), np.arange(n) >= 300], axis=1)


def test_shares_are_of_the_stretchs_own_time() -> None:
    networks = SoundNetworks(Overlap(Path()), Events(Path()))
    first, second = networks.measure(SOUND, [(10.0, 12.0), (12.0, 14.0)])
    assert (first.stretch_id, second.stretch_id) == ("set/one-v00010000", "set/one-v00012000")
    assert (first.overlap_share, first.music_share) == (pytest.approx(0.0, abs=0.01), 0.0)
    assert (second.overlap_share, second.music_share) == (1.0, 0.5)
    assert (second.speech_share, second.singing_share) == (1.0, 1.0)


def test_what_no_network_measures_is_null_and_a_stretch_behind_the_sound_is_left_out() -> None:
    (row,) = SoundNetworks(None, Events(Path())).measure(SOUND, [(17.0, 19.0), (18.0, 20.0)])
    assert (row.start_s, row.overlap_share, row.music_share) == (17.0, None, 1.0)
    (row,) = SoundNetworks(Overlap(Path()), None).measure(SOUND, [(16.0, 18.0)])
    assert (row.overlap_share, row.speech_share, row.singing_share, row.music_share) == (1.0, None, None, None)


def test_a_turn_has_the_shares_of_its_stretches() -> None:
    sounds = [a_stretch_sound("set/one", 0.0, 2.0, 0.5), a_stretch_sound("set/one", 2.0, 4.0, 0.0)]
    turns = [a_turn("set/one", 0, 0.0, 4.0), a_turn("set/one", 0, 4.0, 6.0)]
    long, later = with_shares(turns, sounds)
    assert (long.overlap_share, long.music_share) == (0.25, 0.5)
    assert (later.overlap_share, later.music_share) == (None, None)
