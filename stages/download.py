"""Fetch the media of every clip and record its properties."""

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import count_rows, iterate_manifest, write_manifest
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.sources.acquire import Acquirer
from pipeline.sources.links import link_media
from pipeline.video.fetch import DownloadParams
from pipeline.video.fetch_settings import read_fetch_settings
from pipeline.video.media_check import check_media, mark_edited

VERSION = 7  # of what this step returns: raise it whenever the same input gives another result


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
    mark_edited(at.media(dataset), at.root)
    run = run_step(
        step,
        iterate_manifest(at.clips(dataset), Clip),
        settings,
        title=f"download@{dataset}",
        n_items=count_rows(at.clips(dataset), Clip),
        checkout=at.root,
    )
    clips = iterate_manifest(at.clips(dataset), Clip)
    write_manifest(at.media(dataset), Media, link_media(run, clips, dataset, at))
    check_media(at.media(dataset), at.root, are_new_links=True)
    write_manifest(at.ledger("download", dataset), LedgerRow, run.ledger())
