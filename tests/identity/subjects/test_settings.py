"""The limit of a subject's similarity is a number of params.yaml, or that of the network."""

import pytest

from pipeline.core.base.errors import BadParams
from pipeline.identity.subjects.settings import LIMITS
from tests.identity.subjects.test_link import PARAMS


def test_a_number_counts_for_any_network() -> None:
    assert PARAMS.limit_of("some-000000000000") == 0.6


def test_the_networks_own_limit_is_asked_for_by_name() -> None:
    asked = PARAMS.model_copy(update={"same_subject_above": "network"})
    assert asked.limit_of("dlib_face_recognition-55533b28a958") == LIMITS["55533b28a958"]
    with pytest.raises(BadParams, match=r"no limit is known of network 'some-000000000000', expected a number"):
        asked.limit_of("some-000000000000")
