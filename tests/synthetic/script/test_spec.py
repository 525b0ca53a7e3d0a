"""A clip's address holds its whole spec, and nothing else is accepted."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.base.errors import BadInput
from pipeline.synthetic.script.spec import KINDS, PRESETS, ClipSpec, edge_case_spec

SPEC = ClipSpec(seed=7, person=3, clip=1)

specs = st.builds(
    ClipSpec,
    seed=st.integers(0, 10**12),
    person=st.integers(0, 10**6),
    clip=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    preset=st.sampled_from(PRESETS),
    duration_s=st.floats(0.5, 600, allow_nan=False),
    fps_num=st.integers(20, 60_000),
    fps_den=st.integers(1, 4),
    crf=st.integers(-1, 51),
    second_person=st.integers(10**7, 10**8),
)


@settings(max_examples=50)
@given(specs)
def test_an_address_reads_back_as_the_spec_it_was_made_from(spec: ClipSpec) -> None:
    assert ClipSpec.from_address(spec.to_address()) == spec


def test_an_address_may_leave_out_whatever_has_a_default() -> None:
    assert ClipSpec.from_address("synthetic:person=3&clip=1&seed=7") == SPEC


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("synthetic:person=3&clip=1", "lacks ['seed']"),
        ("synthetic:person=3&clip=1&seed=7&sise=3", "unknown ['sise']"),
        ("synthetic:person=3&clip=1&seed=7&seed=8", "twice"),
        ("synthetic:person=x&clip=1&seed=7", "not a number"),
        ("synthetic:person=3&clip=1&seed=7&kind=opera", "unknown kind 'opera'"),
        ("synthetic:person=3&clip=1&seed=7&kind=cuts", "needs second_person"),
        ("synthetic:person", "key=value"),
        ("https://example.org/a.mp4", "not an address"),
    ],
)
def test_a_wrong_address_is_refused_with_what_is_wrong(address: str, message: str) -> None:
    with pytest.raises(BadInput) as refusal:
        ClipSpec.from_address(address)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"preset": "studio"},
        {"width_px": 641},
        {"height_px": 62},
        {"fps_num": 0},
        {"duration_s": 0.04},
        {"duration_s": float("nan")},
        {"crf": 52},
        {"kind": "cuts", "second_person": SPEC.person},
    ],
)
def test_a_spec_that_cannot_be_generated_is_refused(wrong: dict[str, int | str | float]) -> None:
    with pytest.raises(BadInput):
        replace(SPEC, **wrong)


def test_every_kind_has_a_spec_that_fits_its_name() -> None:
    made = {kind: edge_case_spec(kind, seed=1) for kind in KINDS}
    assert all(spec.kind == kind for kind, spec in made.items())
    assert made["portrait"].height_px > made["portrait"].width_px
    assert made["short"].duration_s == 1.0
    assert made["odd_rate"].fps != round(made["odd_rate"].fps)
