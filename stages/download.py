"""Bring the media of every clip here and note what it holds."""

from dataclasses import replace
from pathlib import Path

from pipeline.base.layout import Layout
from pipeline.base.params import load_params
from pipeline.engine.run import Ran, run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.records.clip import Clip
from pipeline.records.ledger import LedgerRow
from pipeline.records.media import Media
from pipeline.records.schema import from_table
from pipeline.sources.acquire import TRUTH_FILES, VERSION, Acquirer
from pipeline.storage.atomic import replacing_folder
from pipeline.storage.manifest import read_manifest, write_manifest
from pipeline.video.fetch import DownloadParams
from pipeline.video.fetch_settings import read_fetch_settings


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(DownloadParams, "download", at.params)
    settings = read_settings()
    step = Step(
        name="download",
        version=VERSION,
        params=params.model_dump(mode="json"),
        function=Acquirer(params, read_fetch_settings(), settings.cache / "unfinished"),
        item_id=lambda clip: clip.clip_id,
        inputs=lambda clip: (clip.clip_id, clip.address, clip.content_hash),
    )
    clips = read_manifest(at.clips(dataset), Clip)
    ran = run_step(step, clips, settings, title=f"download@{dataset}")
    fetched = set(ran.ok_ids)
    with replacing_folder(at.media_folder(dataset)) as links:
        media = [_link(clip, ran, links, at) for clip in clips if clip.clip_id in fetched]
    write_manifest(at.media(dataset), Media, media)
    write_manifest(at.ledger("download", dataset), LedgerRow, ran.ledger())


def _link(clip: Clip, ran: Ran[Clip], links: Path, at: Layout) -> Media:
    """Link a clip's file, which stays in the store or where a person keeps it, into the folder of media."""
    media = from_table(Media, ran.rows(clip.clip_id, Media))[0]
    stored = ran.folder(clip.clip_id)
    name = clip.clip_id.partition("/")[2]
    is_left_in_place = media.path == clip.address
    file = (at.root / clip.address if is_left_in_place else stored / media.path).absolute()
    linked = name if name.endswith(file.suffix) else f"{name}{file.suffix}"
    if is_left_in_place:
        (links / linked).symlink_to(file)
    else:
        _share(file, links / linked)
    for truth in TRUTH_FILES:
        if (stored / truth).is_file():
            _share((stored / truth).absolute(), links / f"{name}.{truth}")
    path = at.media_folder(clip.dataset) / linked
    return replace(media, path=path.relative_to(at.root).as_posix())


def _share(stored: Path, link: Path) -> None:
    """Let ``link`` be the stored file itself, so that it outlives a cleared store; on another disk, point at it."""
    try:
        link.hardlink_to(stored)
    except OSError:
        link.symlink_to(stored)
