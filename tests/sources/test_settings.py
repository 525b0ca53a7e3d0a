"""Sections of params.yaml that describe a source: valid values, and the message for each mistake."""

import re
from typing import Any

import pytest

from pipeline.core.base.errors import BadParams
from pipeline.sources.kinds import FILES_READ, LISTERS, list_clips
from pipeline.sources.settings import SOURCES, FolderSource, TableSource, parse_source

KINDS = ["faceforensics", "folder", "hdtf", "hq_voxceleb", "portraits", "synthetic", "table", "voxceleb", "voxceleb_id"]
FOLDER: dict[str, Any] = {
    "kind": "folder",
    "input": "videos",
    "identity_from": "file_name",
    "identity_pattern": "(?P<identity>.+)",
    "identity_table": None,
    "licence": "",
    "recursive": True,
}


def test_every_kind_has_a_section_and_a_lister() -> None:
    assert sorted(SOURCES) == sorted(LISTERS) == KINDS
    assert {"folder", "synthetic", "table", *FILES_READ} == {*KINDS}


def test_the_kind_decides_the_section() -> None:
    assert parse_source(FOLDER, "here") == FolderSource(**FOLDER)
    assert parse_source({"kind": "table", "input": "a.csv"}, "here") == TableSource(kind="table", input="a.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "hdtf2"}, f"here: 'kind' = 'hdtf2': expected one of {KINDS}"),
        ({"kind": ["folder"]}, "here: 'kind' = ['folder']: expected one of"),
        ({"licens": ""}, "here: has unknown 'licens'"),
        ({"input": ""}, "here: 'input' = ''"),
        ({"identity_from": "guess"}, "here: 'identity_from' = 'guess'"),
        ({"identity_pattern": "(.+)"}, "expected a group named identity"),
        ({"identity_pattern": "(?P<identity>"}, "not a regular expression"),
        ({"identity_from": "table"}, "identity_table must be a path when identity_from is table"),
        ({"identity_table": "who.csv"}, "and null otherwise"),
        ({"identity_from": "table", "identity_table": "../who.csv"}, "expected a path within input"),
        ({"identity_from": "table", "identity_table": "/who.csv"}, "expected a path within input"),
        ({"kind": "table", "input": "list.xlsx"}, "'input' = 'list.xlsx'"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParams, match=re.escape(message)):
        parse_source({**FOLDER, **change}, "here")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(BadParams, match="here: lacks 'licence'"):
        parse_source({key: value for key, value in FOLDER.items() if key != "licence"}, "here")
    with pytest.raises(BadParams, match="here: lacks 'kind'"):
        parse_source({}, "here")


@pytest.mark.parametrize("name", ["", "../x", "a/b", "my set", ".hidden"])
def test_a_dataset_whose_name_could_leave_its_folder_is_refused(name: str) -> None:
    with pytest.raises(BadParams, match=re.escape(f"dataset '{name}': expected a name")):
        list_clips(name, FOLDER)
