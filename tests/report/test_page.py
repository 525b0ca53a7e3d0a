"""The whole page: escaped, reproducible, small, and complete whichever stages have run."""

import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.core.base.layout import Layout
from stages.report import main
from tests.report.made_run import HOSTILE, PARAMS, QUOTED, SET, clip_of, make_data, make_evaluation, make_training

MOST_BYTES = 8_000_000
VOID = {"meta", "link", "img", "br"}  # in SVG, elements without content end in "/>"


class Outline(HTMLParser):
    """Checks that elements nest, and notes elements with their attributes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def words(page: str) -> str:
    return " ".join(outline(page).text.split())


def written(at: Layout) -> str:
    main(at)
    return at.report.read_text(encoding="utf-8")


def test_hostile_names_are_text_and_never_elements_or_attributes(page: str) -> None:
    found = outline(page)
    assert {tag for tag, _ in found.elements} & {"script", "b", "iframe", "object", "embed", "form"} == {"b"}
    assert not [tag for tag, attributes in found.elements if {name for name in attributes if name.startswith("on")}]
    assert "<script" not in page
    assert HOSTILE in found.text and QUOTED in found.text
    assert any(QUOTED in (attributes.get("alt") or "") for _, attributes in found.elements)


def test_the_page_has_no_external_link(page: str) -> None:
    for _, attributes in outline(page).elements:
        for name in ("src", "href", "srcset", "poster", "action", "data"):
            address = attributes.get(name) or "#"
            assert address.startswith(("#", "data:")), address[:60]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None and "url(" not in style[1] and "@import" not in style[1]


def test_the_page_has_a_policy_that_forbids_external_content(page: str) -> None:
    policy = next(attributes["content"] for tag, attributes in outline(page).elements if "http-equiv" in attributes)
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:; media-src data:;")
    assert "unsafe" not in policy


def test_a_timeline_has_a_bar_for_each_shot_track_and_turn_and_names_its_clip(page: str) -> None:
    kinds = Counter(attributes.get("class") for tag, attributes in outline(page).elements if tag == "rect")
    # Besides those of the legend: two keys with a track, one of them with a turn.
    assert (kinds["shot odd"], kinds["shot even"], kinds["track"], kinds["turn"]) == (1, 1, 3 + 2, 3 + 1)
    assert f"{clip_of(HOSTILE)} 20.0 s, 2 shots, 2 subjects; used: " in words(page)


def test_two_pages_of_one_run_are_the_same_bytes(tmp_path: Path) -> None:
    pages = []
    for name in ("here", "elsewhere"):
        at = Layout(tmp_path / name)
        make_data(at)
        make_training(at)
        make_evaluation(at)
        main(at)
        pages.append(at.report.read_bytes())
    assert pages[0] == pages[1]


def test_every_section_is_in_the_contents_and_every_link_has_a_target(page: str) -> None:
    elements = outline(page).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    links = [attributes["href"] for tag, attributes in elements if tag == "a"]
    sections = [attributes["id"] for tag, attributes in elements if tag == "section"]
    assert len(ids) == len(set(ids))
    assert {str(link)[1:] for link in links} <= set(ids)
    assert [link for link in links if str(link)[1:] in sections] == [f"#{section}" for section in sections]


def test_heading_levels_increase_by_one_from_a_single_first(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in outline(page).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_picture_has_an_alternative_text(page: str) -> None:
    elements = outline(page).elements
    assert elements[0][0] == "html" and elements[0][1]["lang"] == "en"
    pictures = [attributes for tag, attributes in elements if tag == "img"]
    assert pictures and all("alt" in one and one["width"] and one["height"] for one in pictures)
    drawings = [attributes for tag, attributes in elements if tag == "svg"]
    assert drawings and all(one.get("aria-hidden") == "true" or one.get("aria-label") for one in drawings)


def test_a_run_of_the_data_stages_alone_lists_the_stages_that_have_not_run(data_run: Layout) -> None:
    text = words(written(data_run))
    for stage in ("pretrain_voice", "pretrain_audio_face", "train", "evaluate"):
        assert f"the stage {stage} has not run" in text
    assert "the stage dataset has not run" not in text
    assert "Evaluation not run" in text


def test_before_any_stage_every_part_states_that_it_has_not_run(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    text = words(written(Layout(tmp_path)))
    for stage in ("sources", "subjects", "dataset", "pretrain_identity", "persons", "train", "evaluate"):
        assert f"the stage {stage} has not run" in text


@pytest.mark.parametrize(
    "gone",
    ["data", "manifests/dataset", "manifests/sets", "manifests/ledger", "manifests/models"],
)
def test_a_page_is_written_whichever_folder_is_missing(tmp_path: Path, gone: str) -> None:
    at = Layout(tmp_path)
    make_data(at)
    make_training(at)
    make_evaluation(at)
    shutil.rmtree(tmp_path / gone)
    outline(written(at))


def test_a_page_is_written_before_faces_are_selected(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    make_data(at)
    at.selected_faces.unlink()
    outline(written(at))


@pytest.mark.parametrize(
    ("address", "remark"),
    [
        ("https://example.org/synthetic:", "of real people: personal data"),
        ("synthetic:seed=1", "are generated (synthetic talkers)"),
    ],
)
def test_the_page_distinguishes_real_people_and_synthetic_talkers(tmp_path: Path, address: str, remark: str) -> None:
    at = Layout(tmp_path)
    make_data(at, address)
    assert remark in words(written(at))


def test_the_page_states_that_inpainted_faces_are_synthetic_and_what_it_must_not_be_used_for(page: str) -> None:
    text = words(page)
    assert "Every inpainted face on this page is synthetic" in text
    assert "to present an inpainted face as a person's" in text


def test_the_page_names_its_datasets_and_counts_them(page: str) -> None:
    text = words(page)
    assert f"facevox report: {SET}" in text
    assert "4 pairs" in text


def test_the_stage_prints_the_path_and_size_of_the_page(data_run: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    main(data_run)
    printed = capsys.readouterr().out
    size = data_run.report.stat().st_size
    assert printed == f"report: {data_run.report.as_posix()}, {size / 1e6:.2f} MB: open it in a browser\n"
