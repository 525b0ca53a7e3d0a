"""Generated talkers as a source: more of them change nothing in the others, and the edge cases."""

from typing import Any

from pipeline.sources.kinds import list_clips
from pipeline.synthetic.script.spec import KINDS, ClipSpec
from tests.sources.listed import Listing, listing_of

DEMO: dict[str, Any] = {
    "kind": "synthetic",
    "input": "pipeline/synthetic",
    "n_persons": 3,
    "clips_per_person": 2,
    "seed": 7,
    "preset": "demo",
    "duration_s": 6.5,
    "width_px": 320,
    "height_px": 240,
    "edge_cases": False,
}


def listed(**changes: Any) -> Listing:
    """Return the listing of the demo with changes."""
    return listing_of(list_clips("demo", {**DEMO, **changes}))


def test_each_person_has_its_clips_under_one_published_name() -> None:
    clips, drops = listed()
    assert drops == []
    assert [(clip.clip_id, clip.identity) for clip in clips] == [
        ("demo/person_000-000", "person_000"),
        ("demo/person_000-001", "person_000"),
        ("demo/person_001-000", "person_001"),
        ("demo/person_001-001", "person_001"),
        ("demo/person_002-000", "person_002"),
        ("demo/person_002-001", "person_002"),
    ]


def test_an_address_holds_the_values_of_the_section() -> None:
    clips, _ = listed()
    assert ClipSpec.from_address(clips[3].address) == ClipSpec(
        seed=7, person=1, clip=1, kind="talk", preset="demo", duration_s=6.5, width_px=320, height_px=240
    )


def test_more_persons_and_more_clips_do_not_change_the_others() -> None:
    few, _ = listed(edge_cases=True)
    many, _ = listed(n_persons=5, clips_per_person=3, edge_cases=True)
    assert [clip for clip in few if clip not in many] == []
    assert len(many) - len(few) == 5 * 3 - 3 * 2


def test_edge_cases_adds_one_clip_of_each_kind_with_persons_of_its_own() -> None:
    plain, _ = listed()
    clips, drops = listed(edge_cases=True)
    edge_cases = [ClipSpec.from_address(clip.address) for clip in clips if clip not in plain]
    identities = [clip.identity for clip in clips if clip not in plain]
    assert drops == []
    assert sorted(spec.kind for spec in edge_cases) == sorted(set(KINDS) - {"talk"})
    assert sorted(identities) == sorted(f"{spec.kind}_person" for spec in edge_cases)
    persons = [person for spec in edge_cases for person in (spec.person, spec.second_person) if person >= 0]
    assert len(persons) == len(set(persons))
    assert min(persons) >= 999_999
