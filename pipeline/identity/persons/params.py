"""The section ``persons`` of params.yaml."""

from typing import Self

from pydantic import Field, model_validator

from pipeline.core.base.params import Params


class PersonsParams(Params):
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

    @model_validator(mode="after")
    def _separated_parts_are_not_merged_again(self) -> Self:
        if self.other_person_below > self.same_person_above:
            raise ValueError("'other_person_below' must not be larger than 'same_person_above'")
        return self
