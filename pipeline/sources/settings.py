"""The kinds of source that params.yaml may name, one section class a kind."""

import re
from pathlib import PurePath
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from pipeline.core.base.errors import BadParams
from pipeline.core.base.params import Params, check_section
from pipeline.sources.lists.settings import PUBLISHED_LISTS, PublishedList
from pipeline.sources.reading.local_file import LocalFiles


class SyntheticSource(Params):
    """Generated talkers: ``n_persons`` of them, ``clips_per_person`` clips each."""

    kind: Literal["synthetic"]
    input: str = Field(min_length=1)
    """The folder of the clip generator; listed so that DVC notices when its code changes."""
    n_persons: int = Field(ge=1, le=999_999)
    clips_per_person: int = Field(ge=1, le=9_999)
    seed: int = Field(ge=0)
    preset: Literal["demo", "wide"]
    duration_s: float = Field(gt=0, le=3600)
    width_px: int = Field(ge=64, le=4096, multiple_of=2)
    height_px: int = Field(ge=64, le=4096, multiple_of=2)
    edge_cases: bool
    """Whether to add one clip of each edge case (no face, two people, silence, ...)."""


class FolderSource(Params):
    """Every video in a folder; published identities come from the paths or from a table."""

    kind: Literal["folder"]
    input: str = Field(min_length=1)
    """The folder, absolute or from the repository root."""
    identity_from: Literal["sub_folder", "file_name", "table"]
    identity_pattern: str
    """Regular expression with a group ``identity`` that must match the whole sub-folder name or file stem."""
    identity_table: str | None
    """CSV with the columns file and identity, a path within ``input``; null unless identity_from is table."""
    licence: str
    recursive: bool

    @field_validator("identity_pattern")
    @classmethod
    def _has_an_identity_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if "identity" not in groups:
            raise ValueError("expected a group named identity, e.g. '(?P<identity>[^_]+)_.*'")
        return pattern

    @field_validator("identity_table")
    @classmethod
    def _lies_within_the_folder(cls, table: str | None) -> str | None:
        if table is not None and (PurePath(table).is_absolute() or ".." in PurePath(table).parts):
            raise ValueError("expected a path within input, so that DVC notices when the table changes")
        return table

    @model_validator(mode="after")
    def _has_a_table_when_it_needs_one(self) -> Self:
        if (self.identity_from == "table") != (self.identity_table is not None):
            raise ValueError("identity_table must be a path when identity_from is table, and null otherwise")
        return self


class TableSource(Params):
    """A CSV, TSV or Parquet table with one row per clip; see pipeline/sources/table.py for its columns."""

    kind: Literal["table"]
    input: str = Field(min_length=1, pattern=r"\.(csv|tsv|parquet)$")
    """The table's file, absolute or from the repository root."""
    local_files: LocalFiles | None = None
    """Which files of this machine its rows may name; null: anywhere, in a list that comes by address forbidden."""

    @property
    def allowed_files(self) -> LocalFiles:
        """Return ``local_files``, or what null stands for."""
        return self.local_files or ("forbidden" if "://" in self.input else "anywhere")


AnySource: TypeAlias = SyntheticSource | FolderSource | TableSource | PublishedList

SOURCES: dict[str, type[AnySource]] = {
    "synthetic": SyntheticSource,
    "folder": FolderSource,
    "table": TableSource,
    **PUBLISHED_LISTS,
}


def parse_source(content: dict[str, Any], where: str) -> AnySource:
    """Return ``content`` as the section of its ``kind``; raise BadParams that starts with ``where``."""
    if not isinstance(content, dict) or "kind" not in content:
        raise BadParams(f"{where}: lacks 'kind', expected one of {sorted(SOURCES)}; found {content!r}")
    model = SOURCES.get(content["kind"]) if isinstance(content["kind"], str) else None
    if model is None:
        raise BadParams(f"{where}: 'kind' = {content['kind']!r}: expected one of {sorted(SOURCES)}")
    return check_section(model, content, where)
