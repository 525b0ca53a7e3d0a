"""The suffixes by which a file counts as a video, everywhere in the project.

They are those of containers that cameras, recorders, sites and editors write and FFmpeg's demuxers read
(https://ffmpeg.org/ffmpeg-formats.html), a picture that moves and sound in one file. Suffixes of sound, pictures and
subtitles alone are not among them, although FFmpeg reads these too.
"""

from pathlib import PurePath

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


def has_video_suffix(path: str | PurePath) -> bool:
    """Return whether the last suffix of ``path``, in whatever case, is that of a video."""
    return PurePath(path).suffix.lower() in VIDEO_SUFFIXES
