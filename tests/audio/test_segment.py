"""Sound is cut into full pieces only, and repeated where it is shorter than one."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio.segment import cut
from pipeline.audio.settings import AudioParams

PAPER = AudioParams(
    profile="paper",
    vad="webrtc",
    sound_of="turns",
    join_turns=True,
    segment_s=6.0,
    segment_step_s=6.0,
    min_voiced_share=0.1,
    pad="tile",
    n_frames=1000,
    out_of_step="correct",
    max_duration_s=600.0,
)


def ramp(n_samples: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.arange(n_samples, dtype=np.float32)


@pytest.mark.parametrize(
    ("n_samples", "starts_s"),
    [(96_000, [0.0]), (191_999, [0.0]), (192_000, [0.0, 6.0]), (160_160, [0.0]), (300_000, [0.0, 6.0, 12.0])],
)
def test_only_full_pieces_are_cut(n_samples: int, starts_s: list[float]) -> None:
    assert [segment.start_s for segment in cut(ramp(n_samples), PAPER)] == starts_s


def test_a_smaller_step_makes_segments_overlap(audio_params: Callable[..., AudioParams]) -> None:
    segments = cut(ramp(160_000), audio_params(segment_step_s=1.5))
    assert [(s.start_s, s.end_s) for s in segments] == [(0.0, 6.0), (1.5, 7.5), (3.0, 9.0)]
    assert segments[1].samples[0] == 24_000


def test_shorter_sound_is_repeated_to_one_segment_with_its_own_end() -> None:
    (segment,) = cut(ramp(40_000), PAPER)
    assert (segment.start_s, segment.end_s) == (0.0, 2.5)
    assert segment.samples[[0, 39_999, 40_000, 95_999]].tolist() == [0, 39_999, 0, 15_999]
    assert segment.n_own_samples == 40_000


def test_no_sound_gives_no_segment() -> None:
    assert cut(ramp(0), PAPER) == []


@given(n_samples=st.integers(1, 40_000), length_ms=st.integers(100, 900), step_ms=st.integers(100, 900))
def test_segments_are_full_evenly_spaced_and_drop_less_than_a_step(
    n_samples: int, length_ms: int, step_ms: int
) -> None:
    changes = {"segment_s": length_ms / 1000, "segment_step_s": step_ms / 1000, "min_voiced_share": 0.0}
    segments = cut(ramp(n_samples), PAPER.model_copy(update=changes))
    length, step = 16 * length_ms, 16 * step_ms
    assert {len(segment.samples) for segment in segments} == {length}
    if n_samples < length:
        assert len(segments) == 1
    else:
        assert [segment.samples[0] for segment in segments] == [step * k for k in range(len(segments))]
        assert 0 <= n_samples - (step * (len(segments) - 1) + length) < step
