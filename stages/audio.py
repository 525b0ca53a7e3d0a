"""Cut the sound of every clip into segments and turn each into a voice-only log-mel."""

import itertools
from collections.abc import Iterator
from functools import partial

from pipeline.audio.clip import segment_clip
from pipeline.audio.items import read_audio_items
from pipeline.audio.profiles import PROFILES
from pipeline.audio.settings import AudioParams
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.segment import Segment
from pipeline.core.storage.manifest import count_rows, write_manifest
from pipeline.core.storage.shards import iterate_batches, write_shards
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step

VERSION = 8  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(AudioParams, "audio", at.params)
    step = Step(
        name="audio",
        version=VERSION,
        params=params.model_dump(mode="json"),
        function=partial(segment_clip, params=params),
        item_id=lambda item: item.clip.clip_id,
        inputs=lambda item: item.content,
    )
    run = run_step(
        step,
        read_audio_items(dataset, at),
        read_settings(),
        title=f"audio@{dataset}",
        n_items=count_rows(at.clips(dataset), Clip),
        checkout=at.root,
    )
    sizes = {} if params.pad == "none" else {"log_mel": PROFILES[params.profile].n_mels * params.n_frames}
    write_shards(at.audio_folder(dataset), Segment, run.ok_ids, lambda clip_id: run.rows(clip_id, Segment), sizes)
    ends = itertools.chain(run.ledger(), _kept_segments(dataset, at), run.ledger_of_parts())
    write_manifest(at.ledger("audio", dataset), LedgerRow, ends)


def _kept_segments(dataset: str, at: Layout) -> Iterator[LedgerRow]:
    for batch in iterate_batches(at.audio_folder(dataset), Segment, ["segment_id"]):
        for segment_id in batch.column("segment_id").to_pylist():
            yield ledger_row("audio", segment_id)
