"""Fetch the media of every clip, record its properties, and split long clips into parts."""

from functools import cache, partial
from pathlib import Path

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.atomic import scratch_folder
from pipeline.core.storage.garbage import ITEMS, UNFINISHED
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.manifest import count_rows, iterate_manifest, write_manifest
from pipeline.download.fetch import DownloadParams
from pipeline.download.manners import Hosts
from pipeline.download.remedies import state_of
from pipeline.download.settings import read_fetch_settings
from pipeline.engine.run import StepRun, run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.sources.acquire import Acquirer, inputs_of, stored_bytes
from pipeline.sources.downloads import BYTES_PER_GB, DiskQuota, Downloads, clips_of_addresses
from pipeline.sources.links import link_media
from pipeline.sources.parts import write_parts
from pipeline.video.media_check import check_media, mark_edited

VERSION = 11  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(DownloadParams, "download", at.params)
    mark_edited(at.media(dataset), at.root)
    with scratch_folder(at.clips(dataset).with_name("hosts")) as of_run:
        run = _fetch(dataset, params, of_run, at)
    fetched = link_media(run, iterate_manifest(at.listed(dataset), Clip), dataset, at)
    n_split = write_parts(iterate_manifest(at.listed(dataset), Clip), fetched, params.max_clip_s, dataset, at)
    if n_split:
        print(f"download@{dataset}: {n_split} clips longer than {params.max_clip_s:g} s are split into parts")
    check_media(at.media(dataset), at.root, are_new_links=True)
    write_manifest(at.ledger("download", dataset), LedgerRow, run.ledger())
    _check_share(run, params, dataset)


def _fetch(dataset: str, params: DownloadParams, of_run: Path, at: Layout) -> StepRun[Clip]:
    """Run the step on every listed clip; ``of_run`` is a folder for what its processes tell each other."""
    settings, listed = read_settings(), at.listed(dataset)
    hosts = Hosts(settings.cache / "hosts", of_run, read_fetch_settings())
    unfinished, ends = settings.cache / UNFINISHED, of_run / "ends"
    downloads = Downloads(unfinished, f"{params.max_height_px} px", clips_of_addresses(listed), ends)
    acquirer = Acquirer(params, hosts.settings, downloads, hosts)
    step = step_of(params, acquirer)
    if params.max_total_gb is not None:
        store = ItemStore(settings.cache / ITEMS)
        acquirer.quota = DiskQuota(of_run / "bytes", params.max_total_gb * BYTES_PER_GB)
        acquirer.quota.add(sum(stored_bytes(store, step, clip) for clip in iterate_manifest(listed, Clip)))
    run = run_step(
        step,
        iterate_manifest(listed, Clip),
        settings,
        title=f"download@{dataset}",
        n_items=count_rows(listed, Clip),
        checkout=at.root,
    )
    downloads.clear()
    for sentence in hosts.sentences():
        print(f"download@{dataset}: {sentence}")
    return run


def step_of(params: DownloadParams, acquirer: Acquirer | None = None) -> Step[Clip]:
    """Return the step that gets the media of a clip, by default for looking up only.

    What acts on the whole dataset, or on clips that are cut, is no param of it.
    """
    settings = read_fetch_settings()
    acquirer = acquirer or Acquirer(params, settings, Downloads(Path(), "", {}))
    of_others = {"max_clip_s", "cut_margin_s", "max_total_gb", "min_kept_share"}
    return Step(
        name="download",
        version=VERSION,
        params=params.model_dump(mode="json", exclude=of_others),
        function=acquirer,
        item_id=lambda clip: clip.clip_id,
        inputs=lambda clip: inputs_of(clip, params),
        remedy_state=cache(partial(state_of, settings=settings)),
    )


def _check_share(run: StepRun[Clip], params: DownloadParams, dataset: str) -> None:
    """Raise BadInput where too small a share of the clips has media; all that the stage writes is written."""
    share, wanted = run.kept_share, params.min_kept_share
    if wanted is not None and share < wanted:
        raise BadInput(
            f"download@{dataset}: {share:.1%} of the clips have media, download.min_kept_share expects {wanted:.1%}:"
            f" 'facevox status' shows why the others have none."
        )
