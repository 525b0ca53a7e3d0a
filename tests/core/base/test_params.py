"""A section of params.yaml is complete and right, or the error names the file, the section and the key."""

import re
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from pipeline.core.base.errors import BadParams
from pipeline.core.base.params import Params, check_section, load_params, read_params, read_section


class Template(Params):
    size_px: int = Field(gt=0)


class Sample(Params):
    share: float = Field(ge=0, lt=1)
    count: int
    name: str
    template: Template


GOOD = "share: 0.5, count: 3, name: a, template: {size_px: 256}"


def loaded(tmp_path: Path, section: str) -> Sample:
    """Return the section 'crop.demo' with this text."""
    path = tmp_path / "params.yaml"
    path.write_text(f"crop:\n  demo: {section}\n", encoding="utf-8")
    return load_params(Sample, "crop.demo", path)


def test_a_section_is_read_and_frozen(tmp_path: Path) -> None:
    found = loaded(tmp_path, "{" + GOOD + "}")
    assert found == Sample(share=0.5, count=3, name="a", template=Template(size_px=256))
    with pytest.raises(ValidationError, match="frozen"):
        found.count = 4


@pytest.mark.parametrize("share", ["0", "0.0", "0.999", "1e-3"])
def test_a_value_on_or_just_within_its_limits_is_taken(tmp_path: Path, share: str) -> None:
    assert loaded(tmp_path, "{" + GOOD.replace("0.5", share) + "}").share == float(share)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("count: 3, ", "", "lacks 'count'"),
        ("count: 3", "count: 3, cuont: 4", "has unknown 'cuont'"),
        ("count: 3", "cuont: 3", "lacks 'count'; has unknown 'cuont'"),
        ("0.5", "1", "'share' = 1: Input should be less than 1"),
        ("0.5", "-0.001", "'share' = -0.001: Input should be greater than or equal to 0"),
        ("0.5", ".nan", "'share' = nan: Input should be a finite number"),
        ("0.5", "half", "'share' = 'half': Input should be a valid number"),
        ("3", "3.5", "'count' = 3.5: Input should be a valid integer"),
        ("3", "null", "'count' = None: Input should be a valid integer"),
        ("name: a", "name: 7", "'name' = 7: Input should be a valid string"),
        ("size_px: 256", "size_px: 0", "'template.size_px' = 0: Input should be greater than 0"),
        ("size_px: 256", "size: 256", "lacks 'template.size_px'; has unknown 'template.size'"),
    ],
)
def test_an_invalid_key_is_named_with_its_section(tmp_path: Path, old: str, new: str, message: str) -> None:
    where = f"{tmp_path / 'params.yaml'}: section 'crop.demo': "
    with pytest.raises(BadParams, match=re.escape(where + message)):
        loaded(tmp_path, "{" + GOOD.replace(old, new) + "}")


def test_the_message_names_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadParams, match=r"'share' = 2: .*; lacks 'name'; lacks 'template'; has unknown 'more'"):
        loaded(tmp_path, "{share: 2, count: 1, more: 1}")


@pytest.mark.parametrize("section", ["3", "[1, 2]", "null"])
def test_a_section_without_keys_is_refused(tmp_path: Path, section: str) -> None:
    with pytest.raises(BadParams, match=r"section 'crop.demo': expected keys with values, found"):
        loaded(tmp_path, section)


@pytest.mark.parametrize("section", ["audio", "crop.audio", "crop.demo.share.more"])
def test_a_section_that_is_missing_is_named(tmp_path: Path, section: str) -> None:
    loaded(tmp_path, "{" + GOOD + "}")
    path = tmp_path / "params.yaml"
    with pytest.raises(BadParams, match=re.escape(f"{path}: section '{section}' is missing")):
        read_section(section, path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "not valid YAML"),
        ("", "expected sections, found NoneType"),
        ("- a\n", "expected sections, found list"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(BadParams, match=re.escape(f"{path}: {message}")):
        read_params(path)


def test_an_absent_file_says_where_to_run(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(BadParams, match=re.escape(f"{path}: not found. Run from the root of the checkout.")):
        read_params(path)


def test_a_checked_section_names_where_it_came_from() -> None:
    with pytest.raises(BadParams, match=r"^the command line: lacks 'size_px'$"):
        check_section(Template, {}, "the command line")
