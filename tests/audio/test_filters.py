"""Mel filters lie where the formulas put them, and relate to librosa's as documented."""

import numpy as np
import pytest

from pipeline.audio.filters import mel_edges_hz, mel_filters, triangles, window
from pipeline.audio.profiles import PROFILES
from pipeline.audio.settings import ProfileName

PAPER = PROFILES["paper"]
BIN_HZ = 16_000 / 1024
BINS_HZ = np.arange(513, dtype=np.float64) * BIN_HZ


def test_triangles_on_unrounded_edges_are_librosas_filters() -> None:
    import librosa

    edges = mel_edges_hz(PAPER)
    ours = triangles(edges, BINS_HZ) * (2 / (edges[2:] - edges[:-2]))[:, np.newaxis]
    theirs = librosa.filters.mel(
        sr=16_000, n_fft=1024, n_mels=64, fmin=20, fmax=7200, htk=True, norm="slaney", dtype=np.float64
    )
    assert np.abs(ours - theirs).max() <= 1e-12


def test_rounding_the_edges_to_bins_changes_low_filters_far_more_than_rounding_errors() -> None:
    edges = mel_edges_hz(PAPER)
    unrounded = triangles(edges, BINS_HZ) * (2 / (edges[2:] - edges[:-2]))[:, np.newaxis]
    assert np.abs(mel_filters(PAPER) - unrounded)[0].max() / mel_filters(PAPER)[0].max() > 0.1


def test_the_filters_of_sync_are_librosas() -> None:
    import librosa

    theirs = librosa.filters.mel(
        sr=16_000, n_fft=1024, n_mels=80, fmin=55, fmax=7600, htk=True, norm="slaney", dtype=np.float64
    )
    assert np.abs(mel_filters(PROFILES["sync"]) - theirs).max() <= 1e-12


@pytest.mark.parametrize("name", ["paper", "voice2face"])
def test_every_filter_of_voice2face_has_unit_area_in_hz(name: ProfileName) -> None:
    assert mel_filters(PROFILES[name]).sum(axis=1) * BIN_HZ == pytest.approx(np.ones(64))


def test_every_filter_of_sf2f_is_one_at_its_peak() -> None:
    assert mel_filters(PROFILES["sf2f"]).max(axis=1).tolist() == [1.0] * 40


def test_filters_can_not_be_changed_by_a_caller() -> None:
    with pytest.raises(ValueError, match="read-only"):
        mel_filters(PAPER)[0, 0] = 1


def test_windows_are_symmetric_and_end_at_their_documented_values() -> None:
    ends = {name: float(window(profile)[0]) for name, profile in PROFILES.items()}
    assert ends == pytest.approx({"paper": 0.0, "voice2face": 0.08, "sf2f": 1.0, "sync": 0.0, "wav2lip": 0.0})
    symmetric = [profile for profile in PROFILES.values() if profile.window != "periodic_hann"]
    assert len(symmetric) == len(PROFILES) - 1
    for profile in symmetric:
        assert np.abs(window(profile) - window(profile)[::-1]).max() <= 1e-12
