"""The inputs of an evaluation: the trained network, the test split, the metric suite and the params."""

from dataclasses import dataclass

import torch

from model.data.split import DatasetSplit, open_split
from model.evaluation.metric_suite import MetricSuite, load_metric_suite
from model.networks.generator import InpaintingGenerator
from model.networks.generator_file import load_generator
from model.settings import EvaluateParams, MaskParams
from pipeline.core.base.cache import cache_folder
from pipeline.core.base.device import Placement
from pipeline.core.base.errors import FacevoxError
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.dataset import Identity
from pipeline.core.records.person import TEST
from pipeline.core.storage.json_file import read_json
from pipeline.core.storage.manifest import read_manifest


class NothingToEvaluate(FacevoxError):
    """No test person has a standard face and a voice, or there is no network; the message states which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationInputs:
    """What every evaluation needs, of this project's network or of another method."""

    data: DatasetSplit
    metric_suite: MetricSuite
    params: EvaluateParams
    mask_params: MaskParams


def check_network(at: Layout) -> None:
    """Raise NothingToEvaluate where the training wrote no network."""
    note = read_json(at.model_note("generator"))
    if note["generator"] is None:
        raise NothingToEvaluate(f"there is no generator: {note['reason']} Nothing is evaluated.")


def load_network(at: Layout) -> InpaintingGenerator:
    """Return the trained network, on the CPU; raises what ``check_network`` raises."""
    check_network(at)
    return load_generator(at.model("generator"))


def load_evaluation_params(at: Layout) -> tuple[EvaluateParams, MaskParams]:
    """Return the sections ``evaluate`` and ``mask`` of params.yaml; raises BadParams."""
    return load_params(EvaluateParams, "evaluate", at.params), load_params(MaskParams, "mask", at.params)


def load_inputs(at: Layout, params: EvaluateParams, mask_params: MaskParams, device: torch.device) -> EvaluationInputs:
    """Return the inputs in a checkout, and print how to provide networks whose weights are missing.

    The metrics' networks are on ``device``.

    Raises NothingToEvaluate as ``open_test_split`` does.
    """
    data = open_test_split(at)
    note = read_json(at.recognition_network_note)
    recognition_network = at.recognition_network if note["recognition_network"] else None
    placement = Placement(str(device), at_once=params.threads)
    metric_suite = load_metric_suite(
        params.networks, recognition_network, placement, doubles_landmarks=params.landmarks_doubled
    )
    for error in metric_suite.weights_errors:
        print(f"evaluate: {error}")
    return EvaluationInputs(data=data, metric_suite=metric_suite, params=params, mask_params=mask_params)


def open_test_split(at: Layout) -> DatasetSplit:
    """Return the test persons' standard faces and segments; raises NothingToEvaluate where there are none."""
    persons = [row for row in read_manifest(at.dataset("identities"), Identity) if row.split == TEST]
    if not persons:
        raise NothingToEvaluate(
            "nobody is in the test split: nothing is evaluated. Raise persons.test_share, or add persons."
        )
    n_faces, n_segments = sum(row.n_standard_faces for row in persons), sum(row.n_segments for row in persons)
    if not n_faces or not n_segments:
        raise NothingToEvaluate(
            f"the {len(persons)} test persons have {n_faces} standard faces and {n_segments} segments: "
            "nothing is evaluated. 'facevox status' shows why."
        )
    return open_split(at, cache_folder() / "items", split=TEST, standard_only=True)
