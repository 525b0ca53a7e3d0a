"""The tracks that lie in a clip's published crop: the box in which a list says that the clip's person is seen."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import NO_CROP, Clip, PublishedCrop, crop_of
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import iterate_tables
from pipeline.face.measures.boxes import Box

FRAME_COLUMNS = ("track_id", "box_x_px", "box_y_px", "box_w_px", "box_h_px")
"""The columns of Frame that tell where a track is."""
# A head may leave a tight box for a moment, and others may pass through a wide one.
_MIN_INSIDE_SHARE = 0.5


def read_crops(dataset: str, at: Layout) -> Iterator[tuple[str, Box | None]]:
    """Yield the id of every clip, in order, and its published crop in pixels of the picture as shown.

    None: no crop was published, or the clip has no media, or no picture.
    """
    sizes = _sizes(dataset, at)
    media_id, width_px, height_px = "", 0, 0
    for table in iterate_tables(at.clips(dataset), Clip, ["clip_id", *NO_CROP]):
        for row in table.to_pylist():
            clip_id = row["clip_id"]
            crop = crop_of([row[name] for name in NO_CROP])
            if crop is None:
                yield clip_id, None
                continue
            while media_id < clip_id and (found := next(sizes, None)):
                media_id, width_px, height_px = found
            yield clip_id, shown_crop(crop, width_px, height_px) if media_id == clip_id else None


def shown_crop(crop: PublishedCrop, width_px: int, height_px: int) -> Box:
    """Return ``crop`` in pixels of a picture of ``width_px`` x ``height_px``."""
    if crop.width_px is None:
        return Box(crop.x, crop.y, crop.w, crop.h).scaled(height_px / crop.height_px)
    across, down = width_px / crop.width_px, height_px / crop.height_px
    return Box(crop.x * across, crop.y * down, crop.w * across, crop.h * down)


def tracks_in(crop: Box, frames: pa.Table) -> set[str]:
    """Return the ids of the tracks whose face is in ``crop`` in at least half of their ``frames``, by its centre.

    ``frames`` has FRAME_COLUMNS, of all tracks of one clip. By the centre, as boxes are drawn tightly or with a margin.
    """
    track_ids = frames.column("track_id").to_numpy()
    x, y, w, h = (frames.column(name).to_numpy() for name in FRAME_COLUMNS[1:])
    right_px, down_px = x + w / 2 - crop.x, y + h / 2 - crop.y
    is_inside = (right_px >= 0) & (right_px < crop.w) & (down_px >= 0) & (down_px < crop.h)
    return {
        str(track_id)
        for track_id in np.unique(track_ids)
        if is_inside[track_ids == track_id].mean() >= _MIN_INSIDE_SHARE
    }


def _sizes(dataset: str, at: Layout) -> Iterator[tuple[str, int, int]]:
    """Yield the id of every clip that has a picture, in order, and its width and height as shown, pixels."""
    names = ["clip_id", "width_px", "height_px"]
    for table in iterate_tables(at.media(dataset), Media, names):
        rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
        yield from (row for row in rows if row[1] is not None)
