"""Ranges of one address overlap by the times of their list, also where their files were cut to them."""

from dataclasses import replace
from pathlib import Path

from pipeline.core.records.clip import Clip
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.same_video.ranges import common_by_range
from tests.identity import clips


def test_a_cut_file_without_an_end_ends_where_it_does_on_the_clock_of_the_list(tmp_path: Path) -> None:
    first = replace(clips.clip("set", "ana", "one"), address="https://example.org/v", start_s=100.0)
    second = replace(first, clip_id="set/two", start_s=110.0, end_s=130.0)
    media = [
        replace(clips.media(first, "1"), duration_s=23.0, cut_start_s=97.0),
        replace(clips.media(second, "2"), duration_s=26.0, cut_start_s=107.0),
    ]
    write_manifest(tmp_path / "clips.parquet", Clip, [first, second])
    write_manifest(tmp_path / "media.parquet", Media, media)
    (found,) = common_by_range([tmp_path / "clips.parquet"], [tmp_path / "media.parquet"], tmp_path)
    assert (found.clip_id, found.other_clip_id, found.common_s) == (first.clip_id, second.clip_id, 10.0)
    assert (found.share, found.other_share) == (0.5, 0.5)
