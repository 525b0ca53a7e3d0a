"""Commands on a run: profiles applied to params.yaml, the funnel, and the history of one item."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.subject import Turn
from pipeline.core.storage.manifest import write_manifest
from stages.commands.profile import apply_profiles
from stages.commands.status import render_drops, render_history, render_status
from tests.face.tracks import a_turn
from tests.report.made_run import SET
from tests.report.timeline.made_clips import TALK, make_clips

ROOT = Path(__file__).parents[1]

PARAMS = """\
# What this file is.

datasets: [demo]             # which

sources:
  demo:
    kind: synthetic          # built in
    n_persons: 24

# Faces.
crop:
  n_random: 10               # the paper's
  template:
    size_px: 256
    eyes_y_px: 120
  weights: null              # or a path
"""
PROFILE = """\
crop:
  n_random: 5                # the profile's own remark
  template: {size_px: 128}
sources:
  clips:
    kind: folder             # one of three
datasets: [clips]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "small.yaml").write_text(PROFILE)
    (tmp_path / "profiles" / "typo.yaml").write_text("crop:\n  n_random: 7\n  n_randon: 7\n")
    (tmp_path / "profiles" / "broken.yaml").write_text("crop: [1\n")
    return tmp_path


def test_a_profile_merges_sections_and_keeps_comments_and_order(root: Path) -> None:
    changes = apply_profiles(["small"], [], root)
    assert changes.splitlines() == [
        "crop.n_random: 10 -> 5",
        "crop.template.size_px: 256 -> 128",
        "sources.clips: nothing -> {'kind': 'folder'}",
        "datasets: ['demo'] -> ['clips']",
    ]
    assert (
        (root / "params.yaml").read_text()
        == """\
# What this file is.

datasets: [clips]            # which

sources:
  clips:
    kind: folder             # one of three
  demo:
    kind: synthetic          # built in
    n_persons: 24

# Faces.
crop:
  n_random: 5                # the paper's
  template:
    size_px: 128
    eyes_y_px: 120
  weights: null              # or a path
"""
    )


def test_nothing_to_change_leaves_every_byte(root: Path) -> None:
    assert apply_profiles([], ["crop.n_random=10"], root) == f"{root / 'params.yaml'}: nothing to change"
    assert (root / "params.yaml").read_text() == PARAMS


def test_a_null_is_still_written_as_null(root: Path) -> None:
    apply_profiles([], ["crop.n_random=11"], root)
    assert (root / "params.yaml").read_text() == PARAMS.replace("n_random: 10", "n_random: 11")


def test_a_profile_applied_twice_changes_nothing_the_second_time(root: Path) -> None:
    apply_profiles(["small"], [], root)
    once = (root / "params.yaml").read_bytes()
    assert apply_profiles(["small"], [], root).endswith("nothing to change")
    assert (root / "params.yaml").read_bytes() == once


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("crop.n_random=3", 3),
        ("crop.n_random=0.5", 0.5),
        ("crop.n_random=null", None),
        ("crop.n_random=true", True),
        ("crop.n_random=a=b", "a=b"),
        ("crop.n_random='3'", "3"),
        ("crop.n_random=[a, b]", ["a", "b"]),
    ],
)
def test_an_assignment_parses_its_value_as_yaml(root: Path, text: str, value: Any) -> None:
    apply_profiles([], [text], root)
    assert yaml.safe_load((root / "params.yaml").read_text())["crop"]["n_random"] == value


def test_assignments_go_on_top_of_profiles(root: Path) -> None:
    changes = apply_profiles(["small"], ["sources.clips.kind=table", "crop.weights=/w.pkl"], root)
    assert changes.splitlines()[-2:] == ["sources.clips.kind: folder -> table", "crop.weights: nothing -> /w.pkl"]


@pytest.mark.parametrize(
    ("names", "assignments", "message"),
    [
        (["huge"], [], "profile 'huge': expected one of broken, small, typo"),
        (["../params"], [], "profile '../params': expected one of broken, small, typo"),
        (["typo"], [], "typo: params.yaml has no 'crop.n_randon'"),
        (["broken"], [], "broken: not valid YAML"),
        ([], ["crop.n_random=4", "crop.nothing=4"], "crop.nothing=4: params.yaml has no 'crop.nothing'"),
        ([], ["sources.demo.nothing=4"], "sources.demo.nothing=4: params.yaml has no 'sources.demo.nothing'"),
        ([], ["nothing=4"], "nothing=4: params.yaml has no 'nothing'"),
        ([], ["crop.n_random"], "'crop.n_random': expected section.key=value"),
        ([], ["=4"], "'=4': expected section.key=value"),
        ([], ["crop.n_random=[4"], "crop.n_random=[4: not valid YAML"),
        ([], ["crop=4"], "crop=4: 'crop' is a section with keys"),
        ([], ["crop.n_random.more=4"], "crop.n_random.more=4: 'crop.n_random' is a value"),
        ([], ["datasets.demo=4"], "datasets.demo=4: 'datasets' is a value"),
    ],
)
def test_unknown_keys_are_refused_and_the_file_stays(
    root: Path, names: list[str], assignments: list[str], message: str
) -> None:
    with pytest.raises(BadParams, match=f"^{re.escape(message)}"):
        apply_profiles(names, assignments, root)
    assert (root / "params.yaml").read_text() == PARAMS


def test_outside_of_a_checkout_the_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(BadParams, match=re.escape(f"{tmp_path / 'params.yaml'}: not found.")):
        apply_profiles(["paper"], [], tmp_path)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")))
def test_every_profile_applies_to_params_as_committed(name: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    before = yaml.safe_load((tmp_path / "params.yaml").read_text())
    apply_profiles([name], [], tmp_path)
    after = yaml.safe_load((tmp_path / "params.yaml").read_text())
    overlay = yaml.safe_load((ROOT / "profiles" / f"{name}.yaml").read_text())
    assert after == merged(before, overlay)
    assert apply_profiles([name], [], tmp_path).endswith("nothing to change")


def merged(params: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: merged(params[key], value) if isinstance(value, dict) and key in params else value
        for key, value in overlay.items()
    }
    return {**params, **both}


NO_FACE = Dropped.filtered("no_face", "0 of 30 frames")
TOO_DARK = Dropped.filtered("too_dark", "brightness 12 < 30")
OFFLINE = Dropped.failed("network", "HTTP 503", retryable=True)


def ledger(at: Layout, stage: str, dataset: str | None, ends: dict[str, Dropped | None]) -> None:
    rows = [ledger_row(stage, item_id, end) for item_id, end in ends.items()]
    write_manifest(at.ledger(stage, dataset), LedgerRow, rows)


@pytest.fixture
def at(tmp_path: Path) -> Layout:
    """Ledgers of two datasets and of a stage that runs once for all."""
    at = Layout(tmp_path)
    ledger(at, "detect", "b", {"b/1": None, "b/2": None})
    ledger(at, "select", None, {"a/1-t00-00000100": None, "a/1-t00-00000200": TOO_DARK, "a/10-t00-00000300": None})
    ledger(at, "download", "a", {"a/1": None, "a/2": OFFLINE, "a/3": OFFLINE, "a/10": None, "a/4": NO_FACE})
    ledger(at, "audio", "a", {"a/1": None, "a/1-a00000000": None, "a/1-a00006000": Dropped.filtered("no_speech")})
    ledger(at, "persons", None, {"a/ana": None, "b/ana": None})
    ledger(at, "crop", "a", {})
    return at


def test_the_funnel_lists_stages_in_order_by_dataset_with_those_for_all_last(at: Layout) -> None:
    assert render_status(at).splitlines() == [
        "dataset a",
        "  download        2 of      5 clips      2 failed: network, 1 filtered: no_face",
        "  select          2 of      3 faces      1 filtered: too_dark",
        "  audio           1 of      1 clips",
        "  audio           1 of      2 segments   1 filtered: no_speech",
        "dataset b",
        "  detect          2 of      2 clips",
        "all datasets",
        "  persons         2 of      2 clips",
    ]


def test_clips_that_wait_are_counted_by_what_would_help_and_why_tells_the_reason(at: Layout) -> None:
    private, members = (
        Dropped.waiting(reason, "sign in", remedy="cookies", remedy_state="1") for reason in ("private", "members_only")
    )
    ledger(at, "download", "a", {"a/1": private, "a/2": members, "a/3": OFFLINE})
    assert render_status(at).splitlines()[1] == (
        "  download        0 of      3 clips      2 waiting: cookies, 1 failed: network"
    )
    assert render_history("a/2", at) == "download  a/2  waiting: cookies (members_only: sign in)"


def test_before_the_first_run_the_error_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing has run yet: run 'dvc repro'"):
        render_status(Layout(tmp_path))


def test_a_stage_that_the_order_lacks_comes_last(at: Layout) -> None:
    ledger(at, "bake", "b", {"b/1": None})
    assert render_status(at).splitlines()[6:8] == [
        "  detect          2 of      2 clips",
        "  bake            1 of      1 clips",
    ]
    assert render_history("b/1", at).splitlines() == ["detect    b/1  ok", "bake      b/1  ok"]


HISTORY = [
    "download  a/1  ok",
    "select    a/1-t00-00000100  ok",
    "select    a/1-t00-00000200  filtered: too_dark (brightness 12 < 30)",
    "audio     a/1  ok",
    "audio     a/1-a00000000  ok",
    "audio     a/1-a00006000  filtered: no_speech",
]


def test_the_history_of_a_clip_includes_its_faces_and_segments_and_of_no_other_clip(at: Layout) -> None:
    assert render_history("a/1", at).splitlines() == HISTORY


def test_the_dataset_may_be_omitted(at: Layout) -> None:
    assert render_history("1", at).splitlines() == [*HISTORY[:1], "detect    b/1  ok", *HISTORY[1:]]
    assert render_history("ana", at).splitlines() == ["persons   a/ana  ok", "persons   b/ana  ok"]


def test_the_history_of_a_face_is_its_own(at: Layout) -> None:
    assert render_history("a/1-t00-00000200", at).splitlines() == HISTORY[2:3]


@pytest.fixture
def parts_at(tmp_path: Path) -> Layout:
    """A run of a clip in two parts, and of one whose name begins like its."""
    at = Layout(tmp_path)
    parts = ["a/talk-p000", "a/talk-p001"]
    ledger(at, "sources", "a", dict.fromkeys(["a/talk", "a/talk-2"]))
    ledger(at, "download", "a", dict.fromkeys(["a/talk", "a/talk-2"]))
    ledger(at, "detect", "a", dict.fromkeys(["a/talk-2", *parts]))
    ledger(at, "audio", "a", {parts[0]: None, f"{parts[0]}-a00000000": None, parts[1]: Dropped.filtered("no_speech")})
    return at


@pytest.mark.parametrize("item", ["a/talk", "talk"])
def test_the_history_of_a_clip_in_parts_names_them_and_not_what_was_cut_from_them(parts_at: Layout, item: str) -> None:
    lines = [line for line in render_history(item, parts_at).splitlines() if "talk-2" not in line]
    assert lines == [
        "sources   a/talk  ok",
        "download  a/talk  ok",
        "detect    a/talk-p000  ok",
        "detect    a/talk-p001  ok",
        "audio     a/talk-p000  ok",
        "audio     a/talk-p001  filtered: no_speech",
    ]


@pytest.mark.parametrize("item", ["a/talk-p000", "talk-p000"])
def test_the_history_of_a_part_begins_with_the_clip_as_listed(parts_at: Layout, item: str) -> None:
    assert render_history(item, parts_at).splitlines() == [
        "sources   a/talk  ok",
        "download  a/talk  ok",
        "detect    a/talk-p000  ok",
        "audio     a/talk-p000  ok",
        "audio     a/talk-p000-a00000000  ok",
    ]


@pytest.fixture
def subjects_at(tmp_path: Path) -> Layout:
    """A run of clips with two subjects, up to ``audio``."""
    at = Layout(tmp_path)
    make_clips(at, [TALK, f"{TALK}-2"])
    ledger(at, "subjects", SET, {f"{TALK}-s00": None, f"{TALK}-s01": Dropped.filtered("not_main_subject")})
    return at


MAIN_LINE = (
    f"subject   {TALK}-s00  main: 2 tracks; seen for 14.9 s; mouth and sound z-score 3.25; 2 turns of 8.0 s; "
    "2 faces, 1 of them standard; 1 segment"
)
OTHER_LINE = (
    f"subject   {TALK}-s01  not main: 1 track; seen for 1.2 s; mouth and sound not compared; 1 turn of 4.0 s; "
    "no faces; no segments"
)


def test_the_history_of_a_clip_ends_with_a_line_on_each_subject(subjects_at: Layout) -> None:
    lines = render_history("talk", subjects_at).splitlines()
    assert lines[-2:] == [MAIN_LINE, OTHER_LINE]
    assert len([line for line in lines if line.startswith("subject ")]) == 2


def test_the_history_of_a_subject_has_its_own_line_and_that_of_a_segment_has_none(subjects_at: Layout) -> None:
    assert render_history(f"{TALK}-s01", subjects_at).splitlines() == [
        f"subjects  {TALK}-s01  filtered: not_main_subject",
        OTHER_LINE,
    ]
    assert render_history(f"{TALK}-a00000000", subjects_at).splitlines() == [f"audio     {TALK}-a00000000  ok"]


def test_a_subject_whose_sound_is_all_of_the_clip_has_no_turns_counted(subjects_at: Layout) -> None:
    write_manifest(subjects_at.turns(SET), Turn, [a_turn(TALK, 0, 0.0, 20.0, None)])
    assert "; all sound its own; " in render_history(f"{TALK}-s00", subjects_at)


def test_manifests_of_another_version_leave_the_rows_of_the_ledger(subjects_at: Layout) -> None:
    write_manifest(subjects_at.tracks(SET), Turn, [])
    first, second = render_history(f"{TALK}-s01", subjects_at).splitlines()
    assert first == f"subjects  {TALK}-s01  filtered: not_main_subject"
    assert second.startswith(f"subject   {TALK}  not readable: ") and "tracks.parquet" in second


@pytest.mark.parametrize("item", ["a/9", "a", ""])
def test_an_item_that_no_ledger_has_is_refused(at: Layout, item: str) -> None:
    with pytest.raises(BadInput, match=f"^'{item}': not in the ledger. Ids look like"):
        render_history(item, at)


@pytest.mark.parametrize(
    ("item", "alike"),
    [
        ("demo/person_01", "'demo/person_001' or 'demo/person_011' or 'demo/person_101'"),
        ("persn_001", "'demo/person_001' or 'more/person_001' or 'demo/person_011'"),
        ("dmo/person_001", "'demo/person_001' or 'demo/person_011' or 'demo/person_101'"),
        ("demo/person_001-t00-0000010", "'demo/person_001-t00-00000100'"),
        ("demo/person_001-a0000000", "'demo/person_001-a00000000'"),
    ],
)
def test_an_item_that_no_ledger_has_is_told_those_that_are_like_it(tmp_path: Path, item: str, alike: str) -> None:
    """Of its dataset where it names one, and of its clip where that is known."""
    at = Layout(tmp_path)
    ledger(at, "sources", "demo", {f"demo/person_{n:03d}": None for n in (1, 11, 101)})
    ledger(at, "sources", "more", {"more/person_001": None})
    ledger(at, "audio", "demo", {"demo/person_001-a00000000": None})
    ledger(at, "select", None, {"demo/person_001-t00-00000100": TOO_DARK})
    with pytest.raises(BadInput, match=re.escape(f"'{item}': not in the ledger. Is it {alike}")):
        render_history(item, at)


DROPS = [
    "download: 2 failed: network",
    "  a/2 (HTTP 503)",
    "  ... and 1 more: --first 2 shows all",
    "download: 1 filtered: no_face",
    "  a/4 (0 of 30 frames)",
    "select: 1 filtered: too_dark",
    "  a/1-t00-00000200 (brightness 12 < 30)",
    "audio: 1 filtered: no_speech",
    "  a/1-a00006000",
]


def test_what_was_dropped_is_listed_by_stage_and_reason_with_the_first_of_each(at: Layout) -> None:
    ledger(at, "detect", "b", {"b/1": None, "b/2": NO_FACE})
    assert render_drops("a", 1, at).splitlines() == DROPS
    of_b = ["detect: 1 filtered: no_face", "  b/2 (0 of 30 frames)"]
    assert render_drops("b", 20, at).splitlines() == of_b
    assert render_drops(None, 1, at).splitlines() == [*DROPS[:5], *of_b, *DROPS[5:]]
    assert render_drops("a", 2, at).splitlines()[1:3] == ["  a/2 (HTTP 503)", "  a/3 (HTTP 503)"]


def test_a_dataset_without_drops_and_one_that_no_ledger_has(at: Layout) -> None:
    assert render_drops("b", 20, at) == "nothing was dropped"
    with pytest.raises(BadInput, match=r"^dataset 'c': not in the ledger; those that are: a, b\.$"):
        render_drops("c", 20, at)


def test_a_dataset_that_params_no_longer_list_is_named_and_not_counted(at: Layout) -> None:
    at.params.write_text("datasets: [b]\nreleased_audioface: {}\n")
    assert render_status(at).splitlines() == [
        "dataset b",
        "  detect          2 of      2 clips",
        "all datasets",
        "  persons         2 of      2 clips",
        "not counted, since 'datasets' of params.yaml does not list them any more: a",
    ]
    at.params.write_text("datasets: [b]\nreleased_audioface: {a: {input: x}}\n")
    assert "dataset a" in render_status(at)


@pytest.mark.parametrize("item", ["a/\udcff", "a/\x1b[2J"])
def test_why_refuses_what_can_be_no_id_and_shows_it_escaped(item: str, at: Layout) -> None:
    with pytest.raises(BadInput, match=r"'a/\\x(ff|1b\[2J)': no id is like that"):
        render_history(item, at)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ("datasets: 3", "datasets = 3: expected a list of names"),
        ("datasets: demo", "datasets = 'demo': expected a list of names"),
        ("released_audioface: 3", "released_audioface = 3: expected a name"),
    ],
)
def test_the_status_refuses_names_of_datasets_of_another_form(params: str, told: str, at: Layout) -> None:
    at.params.write_text(f"{params}\n")
    with pytest.raises(BadParams, match=told):
        render_status(at)
