"""A feature is filled to its fixed number of frames by the pad mode, and its valid frames stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.logmel import pad_frames
from pipeline.audio.profiles import PROFILES
from pipeline.audio.settings import PadMode

MODES: list[PadMode] = ["tile", "zero", "reflect", "none"]


def columns(n_valid: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(2, n_valid), column k holding k + 1 and its negative."""
    numbers = np.arange(1, n_valid + 1, dtype=np.float32)
    return np.stack([numbers, -numbers])


@pytest.mark.parametrize(
    ("pad", "first_row"),
    [
        ("tile", [1, 2, 3, 1, 2, 3, 1, 2]),
        ("zero", [1, 2, 3, 0, 0, 0, 0, 0]),
        ("reflect", [1, 2, 3, 2, 1, 2, 3, 2]),
        ("none", [1, 2, 3]),
    ],
)
def test_three_frames_fill_eight(pad: PadMode, first_row: list[int]) -> None:
    padded = pad_frames(columns(3), 8, pad)
    assert padded[0].tolist() == first_row
    assert padded[1].tolist() == [-value for value in first_row]


@pytest.mark.parametrize("pad", MODES)
def test_a_longer_feature_is_cut_at_n_frames(pad: PadMode) -> None:
    assert pad_frames(columns(9), 8, pad)[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


@given(n_valid=st.integers(1, 40), n_frames=st.integers(1, 120), pad=st.sampled_from(MODES))
def test_padding_keeps_the_valid_frames_and_has_the_fixed_size(n_valid: int, n_frames: int, pad: PadMode) -> None:
    feature = columns(n_valid)
    padded = pad_frames(feature, n_frames, pad)
    kept = min(n_valid, n_frames)
    assert padded.shape == (2, kept if pad == "none" else n_frames)
    assert padded.dtype == np.float32
    assert padded.flags.c_contiguous
    assert padded[:, :kept].tolist() == feature[:, :kept].tolist()


@given(n_valid=st.integers(1, 40), n_frames=st.integers(1, 120))
def test_tiling_repeats_with_the_period_of_the_valid_frames(n_valid: int, n_frames: int) -> None:
    padded = pad_frames(columns(n_valid), n_frames, "tile")
    assert padded[0].tolist() == [k % n_valid + 1 for k in range(n_frames)]


@pytest.mark.parametrize("pad", ["tile", "zero", "reflect"])
def test_no_valid_frame_is_filled_with_the_zero_level(pad: PadMode) -> None:
    assert pad_frames(columns(0), 3, pad, zero_level=-2.0).tolist() == [[-2.0] * 3] * 2


def test_zero_padding_of_sf2f_is_a_log_mel_of_zero_put_on_its_scale() -> None:
    assert PROFILES["sf2f"].zero_level == pytest.approx(-3.4716, abs=1e-4)
    assert PROFILES["paper"].zero_level == 0.0
