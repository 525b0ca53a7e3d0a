"""A clip with its media file: the input of every step that reads pictures or sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.clip import Clip
from pipeline.core.records.media import VIDEO, Media
from pipeline.core.storage.manifest import iterate_manifest
from pipeline.video.media_check import check_media


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaClip:
    """The item of detect and audio, and part of crop's."""

    clip_id: str
    path: Path  # the media file
    sha256: str  # of the media file
    has_audio: bool
    start_s: float | None  # the clip's range on the clock of the media file
    end_s: float | None
    has_jumps: bool | None = None  # as the column of Media says; None: not known
    kind: str = VIDEO  # as the column of Media says
    media_s: float = 0.0  # how long the media file is

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the observations of this clip and the ids of their rows."""
        of_kind = () if self.kind == VIDEO else (self.kind,)
        return (self.clip_id, self.sha256, str(self.start_s), str(self.end_s), *of_kind)

    @property
    def range_s(self) -> tuple[float, float]:
        """Its range on the clock of the media file, which the file's end ends."""
        end_s = self.media_s if self.end_s is None else min(self.end_s, self.media_s)
        start_s = self.start_s or 0.0
        return start_s, max(start_s, end_s)


def read_media_clips(clips_path: Path, media_path: Path, root: Path) -> Iterator[MediaClip]:
    """Return the clips whose media was fetched, in id order, a few in memory at a time.

    Paths in the manifest are relative to ``root``. Raises BadInput, before the first clip, when media files are missing
    (the store was cleared, a disk is not mounted) or are not the ones that were fetched.
    """
    check_media(media_path, root)
    return joined_clips(clips_path, media_path, root)


def joined_clips(clips_path: Path, media_path: Path, root: Path) -> Iterator[MediaClip]:
    """Yield what ``read_media_clips`` does, of files that are not looked at: both manifests are in id order."""
    clips = iterate_manifest(clips_path, Clip)
    for media in iterate_manifest(media_path, Media):
        clip = next((one for one in clips if one.clip_id >= media.clip_id), None)
        if clip is None or clip.clip_id != media.clip_id:
            raise BadManifest(f"{media_path}: '{media.clip_id}' is not in {clips_path}. Run 'dvc repro'.")
        yield media_clip(clip, media, root)


def media_clip(clip: Clip, media: Media, root: Path) -> MediaClip:
    """Return a clip with its media, whose path is relative to ``root``."""
    return MediaClip(
        clip_id=clip.clip_id,
        path=root / media.path,
        sha256=media.sha256,
        has_audio=media.has_audio,
        start_s=_in_file(clip.start_s, media),
        end_s=_in_file(clip.end_s, media),
        has_jumps=media.has_jumps,
        kind=media.kind,
        media_s=media.duration_s,
    )


def _in_file(listed_s: float | None, media: Media) -> float | None:
    """Return a time of the list on the clock of the file, which may have been cut from what the list means."""
    return listed_s if listed_s is None else listed_s - (media.cut_start_s or 0.0)
