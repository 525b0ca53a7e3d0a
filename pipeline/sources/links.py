"""Give the fetched media of a dataset out of the item store into its folder under data/."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.media import Media
from pipeline.core.records.schema import from_table
from pipeline.core.storage.atomic import replacing_folder
from pipeline.engine.run import StepRun
from pipeline.sources.acquire import TRUTH_FILES, is_used_in_place
from pipeline.sources.file_links import link_file


def link_media(run: StepRun[Clip], clips: Iterable[Clip], dataset: str, at: Layout) -> Iterator[Media]:
    """Replace the dataset's media folder by links to the media that ``run`` fetched; yield them in id order.

    ``clips`` are those of the run, in id order. Paths are relative to ``at.root``. The folder is in its place when the
    last one has been taken.
    """
    folder = at.media_folder(dataset)
    later = iter(clips)
    with replacing_folder(folder) as links:
        for clip_id in run.each_ok_id():
            clip = next(one for one in later if one.clip_id == clip_id)
            media = _link(clip, run, links, at.root)
            yield replace(media, path=(folder / media.path).relative_to(at.root).as_posix())


def _link(clip: Clip, run: StepRun[Clip], links: Path, root: Path) -> Media:
    """Link one clip's file, and the truth about it, into ``links``; return its media, path relative to ``links``."""
    media = from_table(Media, run.rows(clip.clip_id, Media))[0]
    stored = run.folder(clip.clip_id)
    name = clip.clip_id.partition("/")[2]
    file = (root / clip.address if is_used_in_place(media, clip) else stored / media.path).absolute()
    link = name if name.endswith(file.suffix) else f"{name}{file.suffix}"
    if is_used_in_place(media, clip):
        (links / link).symlink_to(file)
    else:
        link_file(file, links / link)
    for truth in TRUTH_FILES:
        if (stored / truth).is_file():
            link_file(stored / truth, links / f"{name}.{truth}")
    return replace(media, path=link)
