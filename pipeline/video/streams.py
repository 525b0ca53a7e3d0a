"""Which streams of a media file are read: one choice of picture and sound for all code."""

from pathlib import Path
from typing import Any

from pipeline.base.errors import BadMedia

FILES_ONLY = {"protocol_whitelist": "file"}
"""Options under which a media file, whatever it refers to, opens no network and no other kind of source."""
NO_VIDEO_FORMATS = ("hls", "dash", "concat", "image2", "ffmetadata", "tty")
"""Containers that refer to other files, or that hold text or one picture."""


def picture_stream(path: Path, container: Any) -> Any:
    """Return the first video stream; cover art and still images are none. Raises BadMedia without one."""
    import av

    names = container.format.name.split(",")
    still = any(name in NO_VIDEO_FORMATS or name.endswith("_pipe") for name in names)
    cover = av.stream.Disposition.attached_pic
    streams = [one for one in container.streams.video if not one.disposition & cover]
    if still or not streams:
        raise BadMedia("no_video", f"{path}: expected a video stream, found none in {container.format.name}")
    if streams[0].codec_context is None:
        raise BadMedia("undecodable", f"{path}: no decoder for the video stream")
    return streams[0]
