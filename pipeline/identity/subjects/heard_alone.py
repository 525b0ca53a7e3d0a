"""The subject of a clip of sound alone: nobody is seen, and all that is said is of the person whom the source names."""

from collections.abc import Iterator

import pyarrow.compute as pc

from pipeline.core.base.layout import Layout
from pipeline.core.records.media import SOUND, Media
from pipeline.core.records.subject import Subject, Turn, main_subject_id
from pipeline.core.storage.manifest import iterate_tables
from pipeline.identity.subjects.link import ClipSubjects
from pipeline.identity.subjects.turns import whole_clip_turn
from pipeline.video.clip import MediaClip, joined_clips


class HeardAlone:
    """The clips of sound alone of a dataset, in id order."""

    def __init__(self, dataset: str, at: Layout) -> None:
        kinds = (table.column("kind") for table in iterate_tables(at.media(dataset), Media, ["kind"]))
        has_any = any(SOUND in pc.unique(one).to_pylist() for one in kinds)  # before whole rows are read
        clips = joined_clips(at.clips(dataset), at.media(dataset), at.root) if has_any else iter(())
        self._clips: Iterator[MediaClip] = (one for one in clips if one.kind == SOUND)
        self._next = next(self._clips, None)

    def of(self, clip_id: str) -> tuple[ClipSubjects, list[Turn]] | None:
        """Return the subject and the turn of a clip; None where it is none of sound alone. Asked for in id order."""
        while self._next is not None and self._next.clip_id < clip_id:
            self._next = next(self._clips, None)
        if self._next is None or self._next.clip_id != clip_id:
            return None
        subject = Subject(
            subject_id=main_subject_id(clip_id),
            clip_id=clip_id,
            n_tracks=0,
            start_s=0.0,
            end_s=0.0,
            seen_s=0.0,
            presence_px2=0.0,
            av_covered_s=0.0,
            av_zscore=None,
            is_main=True,
            is_taken=True,
        )
        return ClipSubjects([subject], []), [whole_clip_turn(subject, self._next.range_s)]
