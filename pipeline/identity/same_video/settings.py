"""The part of the section ``persons`` of params.yaml on clips of the same video."""

from pydantic import Field

from pipeline.core.base.params import Params


class SameVideoParams(Params):
    """When clips have content in common; params.yaml says what each key means."""

    min_same_share: float | None = Field(gt=0, le=1)
    min_common_s: float = Field(ge=0)
    max_sound_bits: int = Field(ge=0)
    max_picture_bits: int = Field(ge=0)
