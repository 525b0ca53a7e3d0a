"""Each stretch has the shares of its own time in which voices overlap and music sounds, and how the voice changes."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.identity.sound import event_network
from pipeline.identity.sound.event_network import EventNetwork
from pipeline.identity.sound.overlap_network import STEP_SAMPLES, HeardVoices, OverlapNetwork
from pipeline.identity.subjects.clips import with_shares
from pipeline.identity.subjects.sound import ClipSound, SoundNetworks
from tests.face.tracks import a_stretch_sound, a_turn

SOUND = ClipSound("set/one", np.zeros(8 * SAMPLE_RATE_HZ, np.float32), begin_s=10.0)


class Overlap(OverlapNetwork):
    """Two voices from 12 s on; another one begins at 12.25 s."""

    def hear(self, sound: Waveform) -> HeardVoices:
        seconds = np.arange(len(sound) // STEP_SAMPLES) * STEP_SAMPLES / SAMPLE_RATE_HZ
        later = (seconds >= 2).astype(np.float32)
        return HeardVoices(speech=later, overlap=later, change=np.where(np.abs(seconds - 2.25) < 0.02, 0.8, 0.0))


class Events(EventNetwork):
    """Speech, a share of 0.5 that counts of song, and music from 13 s on."""

    def probabilities(self, sound: Waveform) -> np.ndarray:
        n = len(sound) // event_network.STEP_SAMPLES
        return np.stack(
            [np.ones(n), np.full(n, 0.5), np.arange(n) * event_network.STEP_SAMPLES >= 3 * SAMPLE_RATE_HZ], axis=1
        )


def test_shares_are_of_the_stretchs_own_time() -> None:
    networks = SoundNetworks(Overlap(Path()), Events(Path()))
    first, second = networks.hear(SOUND).of_stretches([(10.0, 12.0), (12.0, 14.0)])
    assert (first.stretch_id, second.stretch_id) == ("set/one-v00010000", "set/one-v00012000")
    assert (first.overlap_share, first.music_share) == (pytest.approx(0.0, abs=0.01), 0.0)
    assert (second.overlap_share, second.music_share) == (1.0, 0.5)
    assert (second.speech_share, second.singing_share) == (1.0, 1.0)


def test_what_no_network_measures_is_null_and_a_stretch_behind_the_sound_is_left_out() -> None:
    (row,) = SoundNetworks(None, Events(Path())).hear(SOUND).of_stretches([(17.0, 19.0), (18.0, 20.0)])
    assert (row.start_s, row.overlap_share, row.music_share) == (17.0, None, 1.0)
    (row,) = SoundNetworks(Overlap(Path()), None).hear(SOUND).of_stretches([(16.0, 18.0)])
    assert (row.overlap_share, row.speech_share, row.singing_share, row.music_share) == (1.0, None, None, None)


def test_a_change_of_voices_counts_up_to_three_tenths_of_a_second_from_a_stretchs_start() -> None:
    networks = SoundNetworks(Overlap(Path()), None)
    starts_s = (10.0, 11.9, 12.0, 12.5, 12.6)
    rows = networks.hear(SOUND).of_stretches([(start_s, start_s + 1) for start_s in starts_s])
    assert [row.voice_change for row in rows] == [0.0, 0.0, 0.8, 0.8, 0.0]
    (row,) = SoundNetworks(None, Events(Path())).hear(SOUND).of_stretches([(12.0, 13.0)])
    assert row.voice_change is None
    assert [*SoundNetworks().hear(SOUND).of_stretches([(12.0, 13.0)])] == []


def test_a_turn_has_the_shares_of_its_stretches() -> None:
    sounds = [a_stretch_sound("set/one", 0.0, 2.0, 0.5), a_stretch_sound("set/one", 2.0, 4.0, 0.0)]
    turns = [a_turn("set/one", 0, 0.0, 4.0), a_turn("set/one", 0, 4.0, 6.0)]
    long, later = with_shares(turns, sounds)
    assert (long.overlap_share, long.music_share) == (0.25, 0.5)
    assert (later.overlap_share, later.music_share) == (None, None)
