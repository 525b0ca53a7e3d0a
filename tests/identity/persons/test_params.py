"""The limits on similarities of faces are numbers of params.yaml, or those of the network that embedded the faces."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.imports import ROOT
from pipeline.core.base.params import read_section
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.storage.manifest import write_manifest
from pipeline.identity.persons.params import LIMITS, OF_NETWORK, FaceLimits, PersonsParams, networks_of, persons_params
from pipeline.weights.registry import REGISTRY
from tests.identity.persons.decided import PARAMS

WHERE = "params.yaml: section 'persons'"
MOBILEFACENET = "mobilefacenet-b7120c095d60"
OF_ITS_OWN = {
    "same_person_above": OF_NETWORK,
    "other_person_below": OF_NETWORK,
    "same_split_above": OF_NETWORK,
}


def section(**changes: object) -> dict[str, object]:
    return {**PARAMS.model_dump(), **changes}


def limits_of(params: PersonsParams) -> FaceLimits:
    return FaceLimits(params.same_person_above, params.other_person_below, params.same_split_above)


def test_params_yaml_asks_for_those_of_the_network() -> None:
    committed = read_section("persons", ROOT / "params.yaml")
    assert limits_of(persons_params(committed, {MOBILEFACENET}, WHERE)) == FaceLimits(0.63, 0.3, 0.45)


def test_the_networks_with_limits_are_known_by_their_weights() -> None:
    known = {(entry.sha256 or "")[:12]: name for name, entry in REGISTRY.items()}
    assert {known[digits] for digits in LIMITS} == {"dlib_face_recognition", "mobilefacenet"}


def test_a_network_given_by_its_path_has_the_limits_of_its_weights() -> None:
    found = persons_params(section(**OF_ITS_OWN), {"other-name.onnx-b7120c095d60"}, WHERE)
    assert limits_of(found) == LIMITS["b7120c095d60"]


def test_a_number_stays_beside_the_networks_own_limits() -> None:
    found = persons_params(section(**OF_ITS_OWN | {"same_person_above": 0.7}), {MOBILEFACENET}, WHERE)
    assert limits_of(found) == FaceLimits(0.7, 0.3, 0.45)
    alone = persons_params(section(**OF_ITS_OWN | {"same_split_above": None}), {MOBILEFACENET}, WHERE)
    assert alone.same_split_above is None


def test_numbers_alone_serve_any_network() -> None:
    assert persons_params(section(), {"mine.onnx-0123456789ab"}, WHERE) == PARAMS


def test_without_embeddings_a_limit_of_the_network_is_none_to_pass() -> None:
    found = persons_params(section(**OF_ITS_OWN), (), WHERE)
    assert limits_of(found) == FaceLimits(1.0, -1.0, None)


def test_a_network_without_limits_of_its_own_needs_numbers() -> None:
    with pytest.raises(BadParams, match=r"section 'persons': .* no limits are known of network 'mine-0123', expected"):
        persons_params(section(**OF_ITS_OWN), {"mine-0123"}, WHERE)


def test_limits_of_a_network_are_for_embeddings_as_they_are() -> None:
    with pytest.raises(BadParams, match="no limits are known of whitened embeddings of 'mobilefacenet-b7120c095d60'"):
        persons_params(section(**OF_ITS_OWN, whitening=1.0), {MOBILEFACENET}, WHERE)


def test_clips_that_two_networks_embedded_are_not_compared() -> None:
    with pytest.raises(BadInput, match=r"clips were embedded by 'a-1', 'b-2': .* run 'facevox repro'"):
        persons_params(section(), {"b-2", "a-1"}, WHERE)


@pytest.mark.parametrize("content", [None, "text", {"seed": 1}])
def test_what_is_no_such_section_is_named(content: object) -> None:
    with pytest.raises(BadParams, match=f"^{WHERE}"):
        persons_params(content, (), WHERE)


def test_a_limit_that_is_another_word_is_refused() -> None:
    with pytest.raises(BadParams, match="'same_person_above' = 'high'"):
        persons_params(section(same_person_above="high"), (), WHERE)


def test_the_networks_are_read_from_all_manifests(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.parquet" for name in "abc"]
    for path, networks in zip(paths, (["x-1", "x-1"], [], ["y-2"]), strict=True):
        rows = [
            SubjectEmbedding(
                subject_id=f"{path.stem}/{number}-s00",
                clip_id=f"{path.stem}/{number}",
                network=network,
                n_faces=1,
                spherical_variance=0.0,
                embedding=np.ones(2, np.float32),
            )
            for number, network in enumerate(networks)
        ]
        write_manifest(path, SubjectEmbedding, rows)
    assert networks_of(paths) == {"x-1", "y-2"}
    assert networks_of(paths[1:2]) == set()
