"""Inpaint a face by a voice, in a picture or a video."""

from pathlib import Path


def inpaint_with_voice(
    source: Path, sound: Path, out: Path, mask: Path | None, eyes: str | None, network: Path | None
) -> None:
    """Inpaint the face of a picture or a video by the voice in ``sound``, and print the result.

    ``mask`` is a picture for ``read_mask_file``, white where ``source`` is inpainted; None: eyes, nose and mouth.
    ``eyes`` are the eye centres of a hidden face, "left x,left y,right x,right y" in pixels. ``network`` is the file of
    another network than this checkout's. Raises BadInput for files that can't be read, show no face, or hold no speech.
    """
    from model.inference.files import InpaintOptions, inpaint_file, parse_eyes

    options = InpaintOptions(mask=mask, eyes_px=None if eyes is None else parse_eyes(eyes), network=network)
    print(inpaint_file(source, sound, out, options))
