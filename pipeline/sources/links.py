"""Link the fetched media of a dataset from the item store into its folder under data/."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipeline.base.layout import Layout
from pipeline.engine.run import StepRun
from pipeline.records.clip import Clip
from pipeline.records.media import Media
from pipeline.records.schema import from_table
from pipeline.sources.acquire import TRUTH_FILES
from pipeline.storage.atomic import replacing_folder


def link_media(run: StepRun[Clip], clips: Iterable[Clip], dataset: str, at: Layout) -> list[Media]:
    """Replace the dataset's media folder by links to the media of all ``clips`` that ``run`` fetched.

    Returns their media in the order of ``clips``, paths relative to ``at.root``.
    """
    fetched = set(run.ok_ids)
    folder = at.media_folder(dataset)
    with replacing_folder(folder) as links:
        media = [_link(clip, run, links, at.root) for clip in clips if clip.clip_id in fetched]
    return [replace(one, path=(folder / one.path).relative_to(at.root).as_posix()) for one in media]


def _link(clip: Clip, run: StepRun[Clip], links: Path, root: Path) -> Media:
    """Link one clip's file, and the truth about it, into ``links``; return its media, path relative to ``links``."""
    media = from_table(Media, run.rows(clip.clip_id, Media))[0]
    stored = run.folder(clip.clip_id)
    name = clip.clip_id.partition("/")[2]
    is_users_file = media.path == clip.address
    file = (root / clip.address if is_users_file else stored / media.path).absolute()
    link = name if name.endswith(file.suffix) else f"{name}{file.suffix}"
    if is_users_file:
        (links / link).symlink_to(file)
    else:
        _hard_link(links / link, file)
    for truth in TRUTH_FILES:
        if (stored / truth).is_file():
            _hard_link(links / f"{name}.{truth}", (stored / truth).absolute())
    return replace(media, path=link)


def _hard_link(link: Path, stored: Path) -> None:
    """Hard-link a stored file, so that the link outlives a cleared store; on another disk, symbolically."""
    try:
        link.hardlink_to(stored)
    except OSError:
        link.symlink_to(stored)
