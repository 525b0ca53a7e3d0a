"""Which files are videos, and which of their streams are read: one choice of picture and sound for all code."""

from pathlib import Path
from typing import Any

from pipeline.core.base.errors import BadMedia

FILES_ONLY = {"protocol_whitelist": "file"}
"""Options under which a media file, whatever it refers to, opens no network and no other kind of source."""
NO_VIDEO_FORMATS = ("hls", "dash", "concat", "image2", "ffmetadata", "tty")
"""Containers that refer to other files, or that hold text or one picture."""
VIDEO_SUFFIXES = frozenset(
    # MPEG-4, QuickTime, 3GPP
    {".mp4", ".m4v", ".mp4v", ".mov", ".qt", ".3gp", ".3gpp", ".3g2", ".3gp2", ".f4v", ".ismv", ".mj2", ".lrv", ".insv"}
    # Matroska
    | {".mkv", ".mk3d", ".webm"}
    # AVI, Windows Media, recorded television
    | {".avi", ".divx", ".xvid", ".wmv", ".asf", ".wtv", ".dvr-ms"}
    # MPEG-1, MPEG-2, DVD, camcorders with hard disks
    | {".mpg", ".mpeg", ".mpe", ".mpv", ".m1v", ".m2v", ".mp2v", ".m2p", ".vob", ".evo", ".vro", ".mod", ".tod"}
    # MPEG transport streams: AVCHD, Blu-ray, digital television
    | {".ts", ".mts", ".m2ts", ".m2t", ".tp", ".trp"}
    # Ogg, Flash, Real
    | {".ogv", ".ogm", ".ogx", ".flv", ".rm", ".rmvb"}
    # professional cameras, editors, interchange
    | {".mxf", ".gxf", ".dv", ".dif", ".y4m", ".nut", ".nuv", ".ivf"}
    # pocket players, security cameras, raw streams
    | {".amv", ".mtv", ".viv", ".nsv", ".dav", ".h264", ".264", ".h265", ".265", ".hevc", ".mjpg", ".mjpeg"}
)
"""Of containers that cameras, recorders, sites and editors write and FFmpeg reads (https://ffmpeg.org/ffmpeg-formats.html);
not of sound, pictures or subtitles alone."""
# Codecs of still pictures. Beside a stream of another codec they are a cover, also where the container has no mark.
_STILL_CODECS = {"mjpeg", "png", "apng", "bmp", "gif", "tiff", "webp", "ppm"}
_STILL_SHARE = 0.25  # as many frames, of those of another stream, are single pictures: previews or a cover
_COVERS = ("attached_pic", "timed_thumbnails", "still_image")
# Sound for a part of the audience, or about the film: no player takes it unless asked.
_SPECIAL_SOUND = ("comment", "hearing_impaired", "visual_impaired", "clean_effects", "karaoke")


def has_video_suffix(path: str | Path) -> bool:
    """Return whether the last suffix of ``path``, in whatever case, is that of a video."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def picture_stream(path: Path, container: Any) -> Any:
    """Return the video stream that is read; cover art and still images are none. Raises BadMedia without one.

    Of several it is the one marked as default, else the one with the most pixels, else the first.
    """
    names = container.format.name.split(",")
    still = any(name in NO_VIDEO_FORMATS or name.endswith("_pipe") for name in names)
    streams = [one for one in container.streams.video if not _has_any(one, _COVERS)]
    if still or not streams:
        raise BadMedia("no_video", f"{path}: expected a video stream, found none in {container.format.name}")
    readable = [one for one in streams if one.codec_context is not None]
    if not readable:
        raise BadMedia("undecodable", f"{path}: no decoder for the video stream")
    most_frames = max(one.frames for one in readable)
    return max(readable, key=lambda one: _picture_rank(one, most_frames))


def sound_stream(path: Path, container: Any) -> Any:
    """Return the audio stream that is read, which is the one that players take. Raises BadMedia without one.

    Of several that can be decoded it is the one marked as default, else the first; commentary and sound for the hearing
    or visually impaired only where there is nothing else.
    """
    if not container.streams.audio:
        raise BadMedia("no_audio", f"{path.name}: no audio stream")
    readable = [one for one in container.streams.audio if one.codec_context is not None]
    if not readable:
        raise BadMedia("undecodable", f"{path.name}: no decoder for the audio stream")
    return max(readable, key=lambda one: (not _has_any(one, _SPECIAL_SOUND), _has_any(one, ("default",))))


def _picture_rank(stream: Any, most_frames: int) -> tuple[bool, bool, int]:
    codec = stream.codec_context
    is_still = codec.name in _STILL_CODECS or 0 < stream.frames < most_frames * _STILL_SHARE
    return not is_still, _has_any(stream, ("default",)), codec.width * codec.height


def _has_any(stream: Any, names: tuple[str, ...]) -> bool:
    """Return whether the container marks ``stream`` as one of these kinds."""
    import av

    return any(stream.disposition & getattr(av.stream.Disposition, name) for name in names)
