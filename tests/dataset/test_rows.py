"""A segment of the dataset has the measures of its clip's main track."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.base.layout import Layout
from pipeline.dataset.rows import read_segments
from pipeline.records.person import TRAIN, ClipPerson
from pipeline.records.schema import to_table
from pipeline.records.segment import Segment
from pipeline.records.track import Track
from pipeline.storage.manifest import write_manifest
from pipeline.storage.shards import write_shards


def track(number: int, av_zscore: float | None, *, is_main: bool) -> Track:
    return Track(
        track_id=f"set/one-t{number:02d}",
        clip_id="set/one",
        start_s=0.0,
        end_s=8.0,
        n_frames=200,
        mean_box_h_px=100.0,
        av_covered_s=8.0,
        av_correlation=None,
        av_lag_s=None,
        av_zscore=av_zscore,
        is_main=is_main,
    )


def segment(clip_id: str) -> Segment:
    return Segment(
        segment_id=f"{clip_id}-a00000000",
        clip_id=clip_id,
        start_s=0.0,
        end_s=6.0,
        voiced_s=3.0,
        n_valid_frames=2,
        level_dbfs=-20.0,
        clipped_share=0.0,
        face_seen_share=0.75,
        profile="paper",
        n_mels=1,
        n_frames=2,
        log_mel=np.zeros(2, np.float32),
    )


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Two clips with sound: one has two faces, the other none."""
    at = Layout(tmp_path)
    tracks = [track(0, 1.0, is_main=False), track(1, 4.5, is_main=True)]
    write_manifest(at.tracks("set"), Track, tracks)
    write_shards(
        at.audio_folder("set"),
        Segment,
        ["set/none", "set/one"],
        lambda clip_id: to_table(Segment, [segment(clip_id)], {"log_mel": 2}),
        {"log_mel": 2},
    )
    return at


def test_a_segment_has_the_measures_of_its_clips_main_track(at: Layout) -> None:
    clip_persons = {
        clip_id: ClipPerson(clip_id=clip_id, dataset="set", person_id="ana", split=TRAIN)
        for clip_id in ("set/none", "set/one")
    }
    none, one = read_segments("set", at, clip_persons)
    assert (one.clip_id, one.face_seen_share, one.av_covered_s, one.av_zscore) == ("set/one", 0.75, 8.0, 4.5)
    assert (none.clip_id, none.av_covered_s, none.av_zscore) == ("set/none", 0.0, None)
    assert one.shard == none.shard == "data/audio/set/" + Path(one.shard).name


def test_a_segment_without_a_clip_person_is_dropped(at: Layout) -> None:
    assert list(read_segments("set", at, {})) == []
