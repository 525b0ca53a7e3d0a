"""Link the tracks of every clip to persons by their faces, and choose each clip's main one."""

from pipeline.core.base.errors import WeightsUnavailable
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.core.records.schema import from_table
from pipeline.core.records.subject import TrackEmbedding
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import write_manifest, write_tables
from pipeline.engine.run import run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.face.backends.registry import backend_content
from pipeline.identity.network.clip_embedding import RecogniseParams
from pipeline.identity.network.recogniser import NamedRecogniser, named_recogniser
from pipeline.identity.subjects.clips import DatasetSubjects, EmbeddingsOf
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.track_embedding import TrackEmbedder, read_several_tracks

VERSION = 1  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(SubjectsParams, "subjects", at.params)
    network = _network(dataset, at)
    if network is None:
        write_manifest(at.track_embeddings(dataset), TrackEmbedding, [])
        found = DatasetSubjects(dataset, lambda _: [], params, at)
    else:
        found = DatasetSubjects(dataset, _embed(dataset, network, params, at), params, at)
    found.write()
    print(f"subjects@{dataset}: {found.n_subjects} subjects in {found.n_clips} clips")


def _network(dataset: str, at: Layout) -> NamedRecogniser | None:
    """Return the network of recognise.network; None where there is none, or where talkers are generated."""
    params = load_params(RecogniseParams, "recognise", at.params)
    if params.network is None or (
        not params.generated and read_section(f"sources.{dataset}.kind", at.params) == "synthetic"
    ):
        return None
    try:
        return named_recogniser(params.network, params.threads)
    except WeightsUnavailable as error:
        print(f"subjects@{dataset}: {error} Until then each track is a subject of its own, and all else goes on;")
        print(f"with the file in its place, run 'dvc repro -f -s subjects@{dataset}' and then 'dvc repro'.")
        return None


def _embed(dataset: str, network: NamedRecogniser, params: SubjectsParams, at: Layout) -> EmbeddingsOf:
    """Embed the tracks of all clips that have several, write them, and return them by clip."""
    backend = read_section("detect", at.params)["backend"]
    step = Step(
        name="subjects",
        version=VERSION,
        params={**network.key, "backend": backend},
        function=TrackEmbedder(backend, network.recogniser, network.name),
        item_id=lambda item: item.clip.clip_id,
        inputs=lambda item: (*item.content, *backend_content(backend, item.clip.clip_id)),
    )
    items = read_several_tracks(dataset, params, at)
    run = run_step(step, items, read_settings(), title=f"subjects@{dataset}", checkout=at.root)
    ok_ids = run.ok_ids
    rows = in_row_order(TrackEmbedding, ok_ids, lambda clip_id: run.rows(clip_id, TrackEmbedding))
    write_tables(at.track_embeddings(dataset), TrackEmbedding, rows)
    embedded = frozenset(ok_ids)
    return lambda clip_id: from_table(TrackEmbedding, run.rows(clip_id, TrackEmbedding)) if clip_id in embedded else []
