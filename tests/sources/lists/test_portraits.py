"""The portraits' table becomes clips of whole videos, grouped by person."""

from pathlib import Path

import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.records.clip import clip_name
from tests.sources.lists.listed_from import listed, put, reasons

URL = "https://www.youtube.com/watch?v="


def test_clips_of_a_person_are_numbered_and_a_bad_row_costs_itself_alone(tmp_path: Path) -> None:
    rows = [f"Ana\t{URL}aaaaaaaaaaa", f"Bo-clip1\t{URL}bbbbbbbbbbb", "Bo-clip2\thttps://youtu.be/ccccccccccc?t=3"]
    bad = ["Cy", "Di\tnowhere", f"\t{URL}ddddddddddd"]
    clips, drops = listed("portraits", put(tmp_path, {"any.tsv": "\n".join(["name\tyoutube_url", *rows, *bad])}))
    assert {name: (clip.identity, clip.address, clip.start_s, clip.end_s) for name, clip in clips.items()} == {
        "Ana": ("Ana", f"{URL}aaaaaaaaaaa", None, None),
        "Bo-clip1": ("Bo", f"{URL}bbbbbbbbbbb", None, None),
        "Bo-clip2": ("Bo", f"{URL}ccccccccccc", None, None),
    }
    assert reasons(drops) == {clip_name(f"any.tsv row {number}"): "bad_row" for number in (4, 5, 6)}


def test_no_table_two_tables_and_other_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected one .tsv table of names and addresses, found 0"):
        listed("portraits", tmp_path)
    with pytest.raises(BadInput, match=r"expected the columns \['name', 'youtube_url'\]"):
        listed("portraits", put(tmp_path, {"a.tsv": "name\turl\nAna\tx\n"}))
    with pytest.raises(BadInput, match="found 2"):
        listed("portraits", put(tmp_path, {"b.tsv": ""}))
