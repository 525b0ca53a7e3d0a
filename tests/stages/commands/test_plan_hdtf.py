"""The plan of the published list of HDTF, whose files are not part of the project."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.storage.manifest import write_manifest
from stages.commands.plan import render_plan
from stages.download import step_of
from tests.identity import clips
from tests.stages.commands.test_plan import write_params

LISTS = Path(os.environ.get("FACEVOX_HDTF", "unset"))
_RANGE = re.compile(r"(\d+):(\d+)-(\d+):(\d+)")


@pytest.mark.skipif(not LISTS.is_dir(), reason="FACEVOX_HDTF is unset: it names the folder of HDTF's list files")
def test_the_plan_of_hdtf_has_its_addresses_its_ranges_and_its_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """370 addresses and 436 ranges of 17.07 h; one address, Radio24, has no range, and is a clip as a whole here."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    at = Layout(tmp_path)
    listed = [clip for part in ("RD", "WDA", "WRA") for clip in _clips(part)]
    write_manifest(at.listed("set"), Clip, sorted(listed, key=lambda clip: clip.clip_id))
    write_params(at)
    first, *others = render_plan([], step_of, at=at, mbit_s=3.0).splitlines()
    assert first == "dataset set"
    text = "\n".join(others)
    assert sum(clip.end_s is not None for clip in listed) == 436
    assert re.search(r"\b437\b", text)
    assert re.search(r"\b370\b", text)
    assert re.search(r"\b17\.07 h", text)


def _clips(part: str) -> list[Clip]:
    urls = dict(_lines(f"{part}_video_url.txt"))
    ranges = {name.removesuffix(".mp4"): found for name, found in _lines(f"{part}_annotion_time.txt")}
    return [
        replace(clips.clip("set", name, f"{part}-{name}-{number}", address), start_s=start_s, end_s=end_s)
        for name, address in urls.items()
        for number, (start_s, end_s) in enumerate(_seconds(ranges.get(name, "")) or [(None, None)])
    ]


def _lines(name: str) -> list[tuple[str, str]]:
    rows = [line.split(maxsplit=1) for line in (LISTS / name).read_text("utf-8-sig").splitlines() if line.strip()]
    return [(row[0], row[1].strip()) for row in rows if len(row) > 1]


def _seconds(text: str) -> list[tuple[float, float]]:
    found = ([int(one) for one in match] for match in _RANGE.findall(text))
    return [(60.0 * a + b, 60.0 * c + d) for a, b, c, d in found]
