"""Run the ffmpeg program of the package imageio-ffmpeg on what ffmpeg-python describes."""

from typing import Any

from pipeline.core.base.errors import BadMedia


def run_ffmpeg(described: Any) -> bytes:
    """Run ffmpeg on ``described``, an output of ffmpeg-python; return what it writes to its output ``pipe:``.

    Existing files are replaced. Raises BadMedia with ffmpeg's last line when it fails.
    """
    import ffmpeg
    import imageio_ffmpeg

    silent = described.global_args("-v", "error", "-nostdin").overwrite_output()
    try:
        written, _ = silent.run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), capture_stdout=True, capture_stderr=True)
    except ffmpeg.Error as error:
        lines = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BadMedia("ffmpeg_failed", lines[-1] if lines else "it gave no reason") from None
    return bytes(written)


def with_ffmpeg(tool: str) -> str:
    """Return the name of a tool with FFmpeg's, and its version, behind it, if it is not there."""
    import imageio_ffmpeg

    name = f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"
    return tool if name in tool else f"{tool}, {name}"
