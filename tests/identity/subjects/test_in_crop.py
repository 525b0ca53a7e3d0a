"""A track is in a published crop by the centre of its face, in half of its frames, in pixels of the picture shown."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip, PublishedCrop
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import write_manifest
from pipeline.face.measures.boxes import Box
from pipeline.identity.subjects.in_crop import FRAME_COLUMNS, read_crops, shown_crop, tracks_in
from tests.identity.clips import clip, media

CROP = Box(100.0, 50.0, 40.0, 20.0)


def frames(*boxes: tuple[float, float, float, float], track_id: str = "t") -> pa.Table:
    return pa.table(dict(zip(FRAME_COLUMNS, [[track_id] * len(boxes), *zip(*boxes, strict=True)], strict=True)))


@pytest.mark.parametrize(
    ("x", "y", "is_inside"),
    [(100, 50, True), (99.9, 50, False), (100, 49.9, False), (139.9, 69.9, True), (140, 60, False), (120, 70, False)],
)
def test_a_face_is_where_its_centre_is_however_large_it_is(x: float, y: float, *, is_inside: bool) -> None:
    for size in (2.0, 300.0):
        found = tracks_in(CROP, frames((x - size / 2, y - size / 2, size, size)))
        assert found == ({"t"} if is_inside else set())


def test_a_track_in_the_crop_in_half_of_its_frames_is_in_it() -> None:
    inside, outside = (110.0, 55.0, 2.0, 2.0), (10.0, 55.0, 2.0, 2.0)
    half, less = [inside, outside], [inside, outside, outside]
    of_both = pa.concat_tables([frames(*half, track_id="half"), frames(*less, track_id="less")])
    assert tracks_in(CROP, of_both) == {"half"}


@pytest.mark.parametrize(("height_px", "factor"), [(720, 1.0), (360, 0.5), (1080, 1.5)])
def test_a_crop_is_scaled_to_the_height_of_the_picture(height_px: int, factor: float) -> None:
    assert shown_crop(PublishedCrop(483, 10, 390, 380, 720), 9, height_px) == Box(483, 10, 390, 380).scaled(factor)


def test_a_crop_in_shares_is_scaled_to_the_width_and_the_height_of_the_picture() -> None:
    quarter_of_the_left_half = PublishedCrop(0, 5000, 5000, 5000, 10_000, 10_000)
    assert shown_crop(quarter_of_the_left_half, 640, 480) == Box(0, 240, 320, 240)
    assert shown_crop(quarter_of_the_left_half, 640, 360) == Box(0, 180, 320, 180)


def test_every_clip_has_its_own_crop_and_one_without_media_none(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    crops = {"a": (1, 2, 3, 4, 10), "b": None, "c": (1, 2, 3, 4, 20), "c-2": (5, 6, 7, 8, 20), "d": (1, 2, 3, 4, 10)}
    columns = ("crop_x", "crop_y", "crop_w", "crop_h", "crop_height_px")
    clips = [
        replace(clip("set", "ana", name), **({} if crop is None else dict(zip(columns, crop, strict=True))))
        for name, crop in crops.items()
    ]
    write_manifest(at.clips("set"), Clip, clips)
    heights_px = {"a": 20, "b": 20, "c-2": 10, "d": 5}
    fetched = [
        replace(media(one, "0"), height_px=heights_px[one.clip_id[4:]]) for one in clips if one.clip_id != "set/c"
    ]
    write_manifest(at.media("set"), Media, fetched)
    assert dict(read_crops("set", at)) == {
        "set/a": Box(2, 4, 6, 8),
        "set/b": None,
        "set/c": None,
        "set/c-2": Box(2.5, 3, 3.5, 4),
        "set/d": Box(0.5, 1, 1.5, 2),
    }
