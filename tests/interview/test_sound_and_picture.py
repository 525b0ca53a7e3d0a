"""What is heard and drawn agrees with the truth: loudness with voices, lips with their own voice, cuts with shots."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.interview.mix import mix_sound
from pipeline.interview.plan import InterviewSpec
from pipeline.interview.script import plan_interview
from pipeline.interview.takes import correlation, speeches_of
from pipeline.interview.truth import InterviewTruth
from pipeline.interview.write import truth_of_interview, write_interview

SPEC = InterviewSpec(seed=2, duration_s=60.0, width_px=320, height_px=180)
SHORT = InterviewSpec(seed=2, duration_s=16.0, width_px=214, height_px=120)
RATE_HZ = 16_000
FRAME_SAMPLES = 640  # 25 frames a second


@cache
def _heard() -> tuple[InterviewTruth, NDArray[np.float64]]:
    """Return the truth of SPEC, and the loudness of its sound in each frame."""
    interview = plan_interview(SPEC)
    sound = mix_sound(interview, speeches_of(interview))
    assert sound.dtype == np.float32 and len(sound) == 60 * RATE_HZ and np.abs(sound).max() < 1
    frames = sound.astype(float).reshape(-1, FRAME_SAMPLES)
    return truth_of_interview(SPEC), np.sqrt((frames**2).mean(axis=1))


def _covered(intervals: list[tuple[float, float]], margin_s: float) -> NDArray[np.bool_]:
    """Return the frames that lie within the intervals, made longer (or shorter) by a margin at both ends."""
    start_s = np.arange(SPEC.n_frames) / 25
    inside = [(start_s + 0.04 > a - margin_s) & (start_s < b + margin_s) for a, b in intervals]
    return np.any(inside, axis=0) if inside else np.zeros(SPEC.n_frames, bool)


def test_loudness_follows_the_intervals_of_speech_where_there_is_no_music_or_laughter() -> None:
    truth, loudness = _heard()
    other = _covered([(row.start_s, row.end_s) for row in truth.sounds], 0.0)
    quiet = ~_covered([(row.start_s, row.end_s) for row in truth.voices], 0.0) & ~other
    spoken = _covered([(row.start_s, row.end_s) for row in truth.voices], -0.15) & ~other
    assert quiet.sum() > 50 and spoken.sum() > 500
    assert loudness[quiet].max() < 0.002
    assert np.percentile(loudness[spoken], 2) > 0.01


def test_music_and_laughter_sound_where_the_truth_says() -> None:
    truth, loudness = _heard()
    assert {row.kind for row in truth.sounds} == {"music", "laughter"}
    for row in truth.sounds:
        assert loudness[_covered([(row.start_s, row.end_s)], -0.3)].mean() > 0.01


def _agreements(truth: InterviewTruth, loudness: NDArray[np.float64], lips: str) -> list[float]:
    """Return the correlation of loudness and lip opening of each face with such lips, over its shot."""
    found = []
    for face in truth.faces:
        shot = truth.shots[int(face.shot_id)]
        at = slice(shot.first_frame, shot.first_frame + shot.n_frames)
        if face.lips == lips and (lips == "other" or face.speaking_s > 0.5 * (shot.end_s - shot.start_s)):
            opening = {row.frame: row.lip_opening for row in truth.frames if row.person == face.person}
            found.append(correlation(loudness[at], np.array([opening[k] for k in range(at.start, at.stop)])))
    return found


def test_lips_open_with_the_own_voice_and_not_with_anothers() -> None:
    own, other = [], []
    for seed in (1, 5):
        spec = InterviewSpec(seed=seed, duration_s=40.0, width_px=320, height_px=180)
        interview = plan_interview(spec)
        frames = mix_sound(interview, speeches_of(interview)).astype(float).reshape(-1, FRAME_SAMPLES)
        loudness = np.sqrt((frames**2).mean(axis=1))
        truth = truth_of_interview(spec)
        own += _agreements(truth, loudness, "own")
        other += _agreements(truth, loudness, "other")
    assert len(own) >= 5 and len(other) >= 4
    assert np.median(own) > 0.5
    assert np.median(other) < 0.15 and max(other) < 0.4


@dataclass(frozen=True)
class Decoded:
    """The truth of a written file, its pictures (T, H, W) in grey and its sound (N,)."""

    truth: InterviewTruth
    images: NDArray[np.uint8]
    sound: NDArray[np.float32]


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Decoded:
    path = tmp_path_factory.mktemp("interview") / "a.mp4"
    truth = write_interview(SHORT, path)
    with av.open(str(path)) as container:
        images = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)]).astype(np.uint8)
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return Decoded(truth, images, sound)


def test_a_file_holds_every_frame_and_all_sound_and_its_truth_needs_no_drawing(decoded: Decoded) -> None:
    truth, images, sound = decoded.truth, decoded.images, decoded.sound
    assert images.shape == (400, 120, 214)
    assert len(sound) >= 16 * RATE_HZ
    assert truth == truth_of_interview(SHORT)


def test_the_picture_jumps_at_the_cuts_and_nowhere_else(decoded: Decoded) -> None:
    truth, images = decoded.truth, decoded.images
    jumps = np.abs(np.diff(images.astype(int), axis=0)).mean(axis=(1, 2))
    cuts = np.array([shot.first_frame for shot in truth.shots[1:]]) - 1
    assert len(cuts) >= 2
    assert jumps[cuts].min() > 2 * np.delete(jumps, cuts).max()
    assert images.reshape(len(images), -1).std(axis=1).min() > 5


def test_the_same_seed_gives_the_same_bytes_of_the_file(tmp_path: Path) -> None:
    spec = InterviewSpec(seed=4, duration_s=2.0, width_px=214, height_px=120)
    write_interview(spec, tmp_path / "a.mp4")
    write_interview(spec, tmp_path / "b.mp4")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
