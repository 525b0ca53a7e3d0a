"""The section ``persons`` of params.yaml; limits on faces are numbers, or those of the network that embedded them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import pyarrow.compute as pc
from pydantic import Field, model_validator

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.params import check_section
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.storage.manifest import read_table
from pipeline.identity.same_video.settings import SameVideoParams

OF_NETWORK = "network"
"""What params.yaml says in place of a limit to take the network's own."""


class PersonsParams(SameVideoParams):
    """Section ``persons`` of params.yaml; similarities are mean cosines between the clips of two groups."""

    test_share: float = Field(ge=0, lt=1)
    seed: int
    same_name_is_same_person: bool
    whitening: float | None = Field(gt=0)
    same_person_above: float = Field(gt=0, le=1)
    other_person_below: float = Field(ge=-1, lt=1)
    same_split_above: float | None = Field(gt=0, le=1)
    merge: bool
    separate: bool
    drop_outliers: bool
    other_voice_below: float | None = Field(ge=-1, le=1)
    same_voice_above: float | None = Field(ge=-1, le=1)

    @property
    def compares_voices(self) -> bool:
        """Whether voices are compared at all."""
        return self.other_voice_below is not None or self.same_voice_above is not None

    @model_validator(mode="after")
    def _separated_parts_are_not_merged_again(self) -> Self:
        if self.other_person_below > self.same_person_above:
            raise ValueError("'other_person_below' must not be larger than 'same_person_above'")
        return self


@dataclass(frozen=True, slots=True)
class FaceLimits:
    """Mean cosines of embeddings as they are (no whitening); see the section ``persons`` of params.yaml."""

    same_person_above: float
    other_person_below: float
    same_split_above: float | None


LIMITS: Mapping[str, FaceLimits] = {
    # dlib_face_recognition, less its MEAN_FEATURE. Of 80 clips and photos of 54 real persons, four faces of each clip,
    # merging at 0.585 to 0.72 gives all 69 pairs of one person and no other pair; two generated faces of two persons
    # are 0.72 alike. Two clips of one person are 0.65 alike or more, photos of a half hidden face 0.58.
    "55533b28a958": FaceLimits(0.69, 0.5, 0.55),
    "b7120c095d60": FaceLimits(0.63, 0.3, 0.45),  # mobilefacenet
}
"""The limits of each network, by the first digits of its weights' sha256, the end of ``SubjectEmbedding.network``."""

# Without an embedding nothing is compared, and these decide nothing.
_NOTHING_COMPARED = FaceLimits(1.0, -1.0, None)


def networks_of(embeddings: Iterable[Path]) -> set[str]:
    """Return the networks that the manifests of SubjectEmbedding at these paths name."""
    return {
        network
        for path in embeddings
        for network in pc.unique(read_table(path, SubjectEmbedding, ["network"])["network"]).to_pylist()
    }


def persons_params(section: Any, networks: Collection[str], where: str) -> PersonsParams:
    """Return ``section`` 'persons' of params.yaml, OF_NETWORK replaced by the limits of the one of ``networks``.

    Raises BadParams that starts with ``where`` for anything but such a section, and where a limit is asked of a network
    that has none; BadInput for clips that several networks embedded.
    """
    given = section if isinstance(section, dict) else {}
    asked = [one.name for one in fields(FaceLimits) if given.get(one.name) == OF_NETWORK]
    if len(networks) > 1:
        names = ", ".join(f"'{name}'" for name in sorted(networks))
        raise BadInput(f"clips were embedded by {names}: embeddings of one network are compared; run 'facevox repro'")
    if not asked:
        return check_section(PersonsParams, section, where)
    limits = asdict(_limits(networks, where, is_whitened=given.get("whitening") is not None))
    return check_section(PersonsParams, {**given, **{name: limits[name] for name in asked}}, where)


def _limits(networks: Collection[str], where: str, *, is_whitened: bool) -> FaceLimits:
    if not networks:
        return _NOTHING_COMPARED
    (network,) = networks
    found = None if is_whitened else LIMITS.get(network.rpartition("-")[2])
    if found is None:
        what = f"whitened embeddings of '{network}'" if is_whitened else f"network '{network}'"
        names = ", ".join(f"'{one.name}'" for one in fields(FaceLimits))
        raise BadParams(f"{where}: {names}: no limits are known of {what}, expected numbers in place of '{OF_NETWORK}'")
    return found
