"""What an evaluation needs of a checkout: the trained network, the test persons' data, and the networks that judge."""

import json

from model.data.split import DatasetSplit, open_split
from model.evaluation.evaluate import NothingToEvaluate
from model.evaluation.metric_suite import MetricSuite, load_metric_suite
from model.networks.generator import InpaintingGenerator
from model.networks.generator_file import load_generator
from model.settings import EvaluateParams
from pipeline.base.cache import cache_folder
from pipeline.base.layout import Layout
from pipeline.records.dataset import Identity
from pipeline.records.person import TEST
from pipeline.storage.manifest import read_manifest


def trained_network(at: Layout) -> InpaintingGenerator:
    """Return the trained network; raises NothingToEvaluate where the training left none."""
    note = json.loads(at.model_note("generator").read_text(encoding="utf-8"))
    if note["generator"] is None:
        raise NothingToEvaluate(f"there is no generator: {note['why']} Nothing is evaluated.")
    return load_generator(at.model("generator"))


def test_split(at: Layout) -> DatasetSplit:
    """Return the test persons' standard faces and segments; raises NothingToEvaluate where there are none."""
    persons = [one for one in read_manifest(at.dataset("identities"), Identity) if one.split == TEST]
    if not persons:
        raise NothingToEvaluate(
            "nobody is in the test split: nothing is evaluated. Raise persons.test_share, or add persons."
        )
    n_faces, n_segments = sum(one.n_standard_faces for one in persons), sum(one.n_segments for one in persons)
    if not n_faces or not n_segments:
        raise NothingToEvaluate(
            f"the {len(persons)} test persons have {n_faces} standard faces and {n_segments} segments of sound: "
            "nothing is evaluated. 'facevox status' shows where they ended."
        )
    return open_split(at, cache_folder() / "items", split=TEST, standard_only=True)


def metric_suite_of(at: Layout, params: EvaluateParams) -> MetricSuite:
    """Return the judges that params.yaml names, and this run's face recognition network; print what would provide others."""
    note = json.loads(at.recognition_network_note.read_text(encoding="utf-8"))
    metric_suite = load_metric_suite(params.networks, at.recognition_network if note["recognition_network"] else None)
    for remedy in metric_suite.remedies:
        print(f"evaluate: {remedy}")
    return metric_suite
