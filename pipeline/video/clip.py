"""A clip with its media file: the input of every step that reads pictures or sound."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import BadInput
from pipeline.records.clip import Clip
from pipeline.records.media import Media
from pipeline.storage.manifest import read_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaClip:
    """The item of detect and audio, and part of crop's."""

    clip_id: str
    path: Path  # the media file
    sha256: str  # of the media file
    rotation_deg: int  # clockwise, to show the picture upright
    has_audio: bool
    start_s: float | None  # the clip's range within the media
    end_s: float | None

    @property
    def content(self) -> tuple[str, ...]:
        """What determines the observations of this clip and the ids of their rows."""
        return self.clip_id, self.sha256, str(self.start_s), str(self.end_s)


def read_media_clips(clips_path: Path, media_path: Path, root: Path) -> list[MediaClip]:
    """Return the clips whose media was fetched, in id order; paths in the manifest are relative to ``root``.

    Raises BadInput when a media file is missing (the store was cleared, a disk is not mounted).
    """
    clips = {clip.clip_id: clip for clip in read_manifest(clips_path, Clip)}
    media = read_manifest(media_path, Media)
    missing = [one.path for one in media if not (root / one.path).is_file()]
    if missing:
        raise BadInput(
            f"{len(missing)} media files are missing, the first is {missing[0]}: run 'dvc repro -f download'."
        )
    return [_joined(clips[one.clip_id], one, root) for one in media]


def _joined(clip: Clip, media: Media, root: Path) -> MediaClip:
    return MediaClip(
        clip_id=clip.clip_id,
        path=root / media.path,
        sha256=media.sha256,
        rotation_deg=media.rotation_deg,
        has_audio=media.has_audio,
        start_s=clip.start_s,
        end_s=clip.end_s,
    )
