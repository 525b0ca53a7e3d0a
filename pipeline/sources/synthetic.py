"""List clips of generated talkers, and on demand one clip of each edge case."""

from collections.abc import Iterator

from pipeline.core.records.clip import NO_CROP, Clip, content_of
from pipeline.sources.settings import SyntheticSource
from pipeline.synthetic.script.spec import KINDS, ClipSpec, edge_case_spec

LICENCE = "CC0-1.0"
ORDINARY_KIND = "talk"
FIRST_EDGE_CASE_PERSON = 1_000_000
PERSONS_PER_KIND = 2


def list_clips(dataset: str, source: SyntheticSource) -> Iterator[Clip]:
    """Yield the clips of ``person_000`` and so on; with ``edge_cases``, also those of ``<kind>_person``.

    Raising ``n_persons`` or ``clips_per_person`` adds clips and does not change the others. Edge cases have
    the length and size of their kind, and persons that no ordinary clip has.
    """
    for person in range(source.n_persons):
        for clip in range(source.clips_per_person):
            yield _clip_of(dataset, f"person_{person:03d}", _ordinary_spec(source, person, clip))
    if source.edge_cases:
        yield from _edge_case_clips(dataset, source)


def _ordinary_spec(source: SyntheticSource, person: int, clip: int) -> ClipSpec:
    return ClipSpec(
        seed=source.seed,
        person=person,
        clip=clip,
        kind=ORDINARY_KIND,
        preset=source.preset,
        duration_s=source.duration_s,
        width_px=source.width_px,
        height_px=source.height_px,
    )


def _edge_case_clips(dataset: str, source: SyntheticSource) -> Iterator[Clip]:
    for number, kind in enumerate(kind for kind in KINDS if kind != ORDINARY_KIND):
        person = FIRST_EDGE_CASE_PERSON + PERSONS_PER_KIND * number
        spec = edge_case_spec(kind, seed=source.seed, person=person, preset=source.preset)
        yield _clip_of(dataset, f"{kind}_person", spec)


def _clip_of(dataset: str, identity: str, spec: ClipSpec) -> Clip:
    address = spec.to_address()
    return Clip(
        clip_id=f"{dataset}/{identity}-{spec.clip:03d}",
        dataset=dataset,
        identity=identity,
        address=address,
        start_s=None,
        end_s=None,
        **NO_CROP,
        published_split="",
        range_fps=None,
        licence=LICENCE,
        origin="built-in talkers",
        content_hash=content_of(address, None, None),
    )
