"""Each track's lower face and the sound of the same time are scored, and the scores kept by half second."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import pipeline.speaker.active_speaker as module
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import ImageGrey
from pipeline.core.base.errors import BadMedia
from pipeline.core.records.track import ActiveSpeaker
from pipeline.face.measures.boxes import Box
from pipeline.speaker.active_speaker import BOX_COLUMNS, ActiveSpeakerNetwork, lower_face
from pipeline.speaker.light_asd import LightAsd
from pipeline.video.decode import GreyFrame, grey_frames
from tests.face.tracks import media_clips
from tests.real_files import CLIPS, WEIGHTS, needs_clips, needs_weights

SOUND = np.arange(20 * SAMPLE_RATE_HZ, dtype=np.float32) / SAMPLE_RATE_HZ
CLIP = "set/clip"


class Brightness(LightAsd):
    """Scores a face by its grey value, less 100."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.sizes: list[tuple[int, int]] = []

    def log_odds(self, faces: np.ndarray, cepstra: np.ndarray) -> np.ndarray:
        self.sizes.append((len(faces), len(cepstra)))
        assert faces.shape[1:] == (112, 112) and cepstra.shape[1:] == (13,)
        return faces.mean(axis=(1, 2)) - 100


def scores(
    monkeypatch: pytest.MonkeyPatch,
    fps: float,
    end_s: float,
    begin_s: float = 0.0,
    network: Brightness | None = None,
) -> list[ActiveSpeaker]:
    """Score two faces of a picture: one that brightens by 10 a second, and a grey one, seen from 1 s on."""
    times_s = np.arange(0, end_s, 1 / fps).tolist()

    def decoded(*_: Any, **__: Any) -> Iterator[GreyFrame]:
        for number, time_s in enumerate(times_s):
            picture = np.full((200, 400), 90, np.uint8)
            picture[:, :200] = 100 + round(10 * time_s)
            yield GreyFrame(number, time_s, picture, 1.0)

    monkeypatch.setattr(module, "grey_frames", decoded)
    rows = [(f"{CLIP}-t{n:02d}", time_s, 75.0 + 200 * n) for time_s in times_s for n in (0, 1) if time_s >= n]
    columns = [*zip(*rows, strict=True), *([one] * len(rows) for one in (75.0, 50.0, 50.0))]
    boxes = pa.table(dict(zip(BOX_COLUMNS, map(list, columns), strict=True)))
    (clip,) = media_clips([CLIP])
    return [*ActiveSpeakerNetwork(network or Brightness(), "bright-0").score(clip, boxes, SOUND, begin_s)]


@pytest.mark.parametrize("fps", [25.0, 50.0, 12.5])
def test_each_half_second_has_the_mean_of_25_scores_a_second_whatever_the_frame_rate(
    fps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = scores(monkeypatch, fps, end_s=9.0)
    first = [one for one in found if one.track_id.endswith("t00")]
    assert [one.start_s for one in first] == [0.5 * n for n in range(18)]
    for one in first[:-1]:
        assert one.covered_s == pytest.approx(0.5, abs=0.081)  # a frame between two parts is in neither
        assert one.log_odds == pytest.approx(10 * (one.start_s + 0.25), abs=1)
    second = [one for one in found if one.track_id.endswith("t01")]
    assert second[0].start_s == 1.0 and {one.log_odds for one in second} == {-10.0}
    assert [one.score_id for one in found] == sorted(one.score_id for one in found)


def test_no_track_is_scored_in_parts_of_a_few_pictures_or_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Brightness()
    scores(monkeypatch, 25.0, end_s=9.2, network=network)
    assert min(n for n, _ in network.sizes) >= 50 and max(n for n, _ in network.sizes) <= 102
    assert all(n_cepstra == 4 * n for n, n_cepstra in network.sizes)


def test_before_the_sound_begins_nothing_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert min(one.start_s for one in scores(monkeypatch, 25.0, end_s=3.0, begin_s=1.5)) == 1.5


def test_a_clip_whose_picture_does_not_decode_has_no_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Iterator[GreyFrame]:
        raise BadMedia("undecodable", "")
        yield

    monkeypatch.setattr(module, "grey_frames", broken)
    boxes = pa.table({name: [] for name in BOX_COLUMNS})
    assert [*ActiveSpeakerNetwork(Brightness(), "x").score(media_clips([CLIP])[0], boxes, SOUND, 0.0)] == []


def part(picture: ImageGrey, box: Box, scale: float = 1.0) -> ImageGrey:
    return lower_face(GreyFrame(0, 0.0, picture, scale), box)


def test_the_lower_face_begins_above_the_boxs_middle_and_ends_below_the_box() -> None:
    """Of a box of 100 px, enlarged to 120: from 42 left to 42 right of its middle, from 18 above to 66 below."""
    picture = np.zeros((400, 400), np.uint8)
    picture[200 - 18 : 200 + 66, 200 - 42 : 200 + 42] = 255
    assert part(picture, Box(150, 150, 100, 100)).min() > 250
    assert part(picture, Box(300, 300, 200, 200), scale=2.0).min() > 250
    assert part(picture, Box(150, 156, 100, 100))[-1].max() < 5
    assert part(picture, Box(144, 150, 100, 100))[:, 0].max() < 5


@pytest.mark.parametrize("x", [-1000.0, -60.0, 380.0, 5000.0])
def test_what_lies_outside_the_picture_is_grey(x: float) -> None:
    found = part(np.zeros((400, 400), np.uint8), Box(x, 150, 100, 100))
    assert found.shape == (112, 112) and found.max() in (110, 111)


@needs_weights
@needs_clips
def test_of_a_real_talker_moving_lips_speak_and_a_frozen_picture_does_not() -> None:
    path = CLIPS / "fsgan__conan_obrien.mp4"
    frames = [frame for frame in grey_frames(path, max_side_px=1280, end_s=2.0) if frame.time_s < 2.0]
    box = Box(790, 330, 300, 300)
    faces = np.stack([lower_face(frame, box) for frame in frames][:50])
    network = LightAsd(next(WEIGHTS.glob("*finetuning_TalkSet.model")))
    cepstra = np.zeros((4 * len(faces), 13), np.float32)
    again = pickle.loads(pickle.dumps(network))
    np.testing.assert_array_equal(again.log_odds(faces, cepstra), network.log_odds(faces, cepstra))
    assert network.log_odds(faces, cepstra).mean() > 0
    assert network.log_odds(np.repeat(faces[:1], len(faces), axis=0), cepstra).mean() < 0
