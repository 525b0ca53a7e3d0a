"""Fetch the media of every clip, record its properties, and split long clips into parts."""

from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.atomic import scratch_folder
from pipeline.core.storage.manifest import count_rows, iterate_manifest, write_manifest
from pipeline.download.fetch import DownloadParams
from pipeline.download.manners import Hosts
from pipeline.download.remedies import fingerprint
from pipeline.download.settings import read_fetch_settings
from pipeline.engine.run import StepRun, run_step
from pipeline.engine.settings import Settings, read_settings
from pipeline.engine.step import Step
from pipeline.sources.acquire import Acquirer
from pipeline.sources.links import link_media
from pipeline.sources.parts import write_parts
from pipeline.video.media_check import check_media, mark_edited

VERSION = 8  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(DownloadParams, "download", at.params)
    settings, fetch_settings = read_settings(), read_fetch_settings()
    mark_edited(at.media(dataset), at.root)
    with scratch_folder(at.clips(dataset).with_name("hosts")) as of_run:
        hosts = Hosts(settings.cache / "hosts", of_run, fetch_settings)
        run = _fetch(dataset, params, hosts, settings, at)
        for sentence in hosts.sentences():
            print(f"download@{dataset}: {sentence}")
    fetched = link_media(run, iterate_manifest(at.listed(dataset), Clip), dataset, at)
    n_split = write_parts(iterate_manifest(at.listed(dataset), Clip), fetched, params.max_clip_s, dataset, at)
    if n_split:
        print(f"download@{dataset}: {n_split} clips longer than {params.max_clip_s:g} s are split into parts")
    check_media(at.media(dataset), at.root, are_new_links=True)
    write_manifest(at.ledger("download", dataset), LedgerRow, run.ledger())


def _fetch(dataset: str, params: DownloadParams, hosts: Hosts, settings: Settings, at: Layout) -> StepRun[Clip]:
    """Run the step on every listed clip."""
    step = Step(
        name="download",
        version=VERSION,
        params=params.model_dump(mode="json", exclude={"max_clip_s"}),
        function=Acquirer(params, hosts.settings, settings.cache / "unfinished", hosts),
        item_id=lambda clip: clip.clip_id,
        inputs=lambda clip: (clip.clip_id, clip.address, clip.content_hash),
        fingerprint=lambda remedy: fingerprint(remedy, hosts.settings),
    )
    return run_step(
        step,
        iterate_manifest(at.listed(dataset), Clip),
        settings,
        title=f"download@{dataset}",
        n_items=count_rows(at.listed(dataset), Clip),
        checkout=at.root,
    )
