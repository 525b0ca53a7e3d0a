"""Records become Arrow tables and come back; ids are safe names."""

import io
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from pipeline.core.base.errors import BadManifest
from pipeline.core.records.clip import Clip, clip_name, content_of, listed_id, part_id
from pipeline.core.records.media import Media
from pipeline.core.records.schema import (
    Image,
    Vector,
    arrow_schema,
    check_schema,
    column,
    describe,
    from_table,
    key_of,
    to_table,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    sample_id: str = column("id")
    count: int = column("a number")
    share: float | None = column("share, 0-1")
    is_good: bool = column("whether it is good")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    payload_id: str = column("id")
    image: Image = column("a picture")
    log_mel: Vector = column("fixed length")
    trace: Vector | None = column("any length")


GOOD = Sample(sample_id="a", count=3, share=None, is_good=True)
CLIP = Clip(
    clip_id="set/a",
    dataset="set",
    identity="Ana Ünal",
    address="https://example.org/a",
    start_s=1.5,
    end_s=None,
    crop_x=1,
    crop_y=2,
    crop_w=3,
    crop_h=4,
    crop_height_px=720,
    crop_width_px=None,
    published_split="",
    range_fps=None,
    licence="",
    origin="list.txt row 7",
    content_hash=content_of("https://example.org/a", 1.5, None),
)
MEDIA = Media(
    kind="video",
    clip_id="set/a",
    path="data/sets/set/media/a.mp4",
    sha256="0" * 64,
    size_bytes=5_000_000_000,
    duration_s=0.1 + 0.2,
    width_px=568,
    height_px=320,
    rotation_deg=90,
    is_mirrored=True,
    pixel_aspect=64 / 45,
    colour_matrix="bt2020",
    colour_transfer="pq",
    colour_range="video",
    is_interlaced=False,
    fps=30_000 / 1001,
    n_frames_stated=0,
    video_codec="h264",
    has_audio=False,
    audio_codec=None,
    audio_rate_hz=None,
    has_jumps=False,
    cut_start_s=None,
    range_scale=1.0,
    tool="file",
    format_id=None,
    uploader=None,
    fetched_on=None,
)


def payload(name: str, trace: Vector | None) -> Payload:
    png = io.BytesIO()
    Picture.new("RGB", (4, 5), (9, 8, 7)).save(png, "PNG")
    mel = np.arange(6, dtype=np.float32) / 3
    return Payload(payload_id=name, image=Image(png.getvalue(), f"{name}.png"), log_mel=mel, trace=trace)


def test_the_schema_has_the_types_of_the_record_and_only_optional_columns_are_nullable() -> None:
    assert arrow_schema(Sample) == pa.schema(
        [
            pa.field("sample_id", pa.string(), nullable=False),
            pa.field("count", pa.int64(), nullable=False),
            pa.field("share", pa.float64(), nullable=True),
            pa.field("is_good", pa.bool_(), nullable=False),
        ]
    )


def test_the_first_field_is_the_key() -> None:
    assert (key_of(Clip), key_of(Media), key_of(Sample)) == ("clip_id", "clip_id", "sample_id")


@pytest.mark.parametrize("record", [Clip, Media])
def test_every_column_has_a_description(record: type) -> None:
    rows = describe(record)
    assert [row[0] for row in rows] == [field.name for field in fields(record)]
    assert [row[0] for row in rows if len(row[3]) < 10] == []


def test_describe_gives_type_nullability_and_text() -> None:
    assert describe(Payload)[1:] == [
        ("image", "image (bytes, path)", False, "a picture"),
        ("log_mel", "list<float32>", False, "fixed length"),
        ("trace", "list<float32>", True, "any length"),
    ]


def test_clips_and_media_come_back_from_parquet_as_they_were(tmp_path: Path) -> None:
    clips = [CLIP, replace(CLIP, clip_id="set/b", crop_x=None)]
    pq.write_table(to_table(Clip, clips), tmp_path / "clips.parquet")
    pq.write_table(to_table(Media, [MEDIA]), tmp_path / "media.parquet")
    assert from_table(Clip, pq.read_table(tmp_path / "clips.parquet")) == clips
    assert from_table(Media, pq.read_table(tmp_path / "media.parquet")) == [MEDIA]


SAMPLES = st.builds(
    Sample,
    sample_id=st.text(st.characters(exclude_categories=["Cs"])),
    count=st.integers(-(2**63), 2**63 - 1),
    share=st.none() | st.floats(allow_nan=False),
    is_good=st.booleans(),
)


@given(st.lists(SAMPLES, max_size=5))
def test_any_values_come_back_as_they_were(rows: list[Sample]) -> None:
    assert from_table(Sample, to_table(Sample, rows)) == rows


@pytest.mark.parametrize("sizes", [None, {"log_mel": 6}])
def test_images_and_vectors_come_back_bit_by_bit(sizes: dict[str, int] | None, tmp_path: Path) -> None:
    rows = [payload("a", None), payload("b", np.zeros(0, np.float32)), payload("c", np.ones(3, np.float32))]
    pq.write_table(to_table(Payload, rows, sizes), tmp_path / "p.parquet", row_group_size=2)
    back = from_table(Payload, pq.read_table(tmp_path / "p.parquet"))
    assert [row.image for row in back] == [row.image for row in rows]
    assert [row.log_mel.tobytes() for row in back] == [row.log_mel.tobytes() for row in rows]
    assert [None if row.trace is None else row.trace.tolist() for row in back] == [None, [], [1.0, 1.0, 1.0]]
    assert {row.log_mel.dtype for row in back} == {np.dtype(np.float32)}


def test_rows_of_a_slice_of_a_table_keep_their_own_vectors() -> None:
    rows = [payload(name, np.full(2, number, np.float32)) for number, name in enumerate("abc")]
    back = from_table(Payload, to_table(Payload, rows, {"log_mel": 6}).slice(1, 2))
    assert [(row.payload_id, row.trace.tolist()) for row in back if row.trace is not None] == [
        ("b", [1.0, 1.0]),
        ("c", [2.0, 2.0]),
    ]


@pytest.mark.slow
def test_hugging_face_datasets_opens_a_payload_file_with_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    file = tmp_path / "p.parquet"
    pq.write_table(to_table(Payload, [payload("a", None)], {"log_mel": 6}), file)
    opened = datasets.load_dataset("parquet", data_files=str(file), cache_dir=str(tmp_path), split="train")
    assert type(opened.features["image"]).__name__ == "Image"
    assert opened.features["log_mel"] == datasets.List(datasets.Value("float32"), length=6)
    assert opened[0]["image"].size == (4, 5)
    assert opened[0]["image"].getpixel((0, 0)) == (9, 8, 7)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (replace(GOOD, count=None), "column 'count': row 0: expected a value, found none"),
        (replace(GOOD, count="x"), "column 'count': row 0: expected int, found 'x'"),
        (replace(GOOD, count=1.5), "column 'count': row 0: expected int, found 1.5"),
        (replace(GOOD, count=1.0), "column 'count': row 0: expected int, found 1.0"),
        (replace(GOOD, count=True), "column 'count': row 0: expected int, found True"),
        (replace(GOOD, count=2**63), "column 'count': expected int64, found a value that does not fit"),
        (replace(GOOD, share=False), "column 'share': row 0: expected float, found False"),
        (replace(GOOD, is_good=1), "column 'is_good': row 0: expected bool, found 1"),
        (replace(GOOD, sample_id=7), "column 'sample_id': row 0: expected str, found 7"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_named(row: Sample, message: str) -> None:
    with pytest.raises(BadManifest, match=re.escape(message)):
        to_table(Sample, [row])


def test_a_vector_of_the_wrong_length_is_named() -> None:
    message = "column 'log_mel': row 0: expected (7,) float32, found (6,) float32"
    with pytest.raises(BadManifest, match=re.escape(message)):
        to_table(Payload, [payload("a", None)], {"log_mel": 7})


def test_a_vector_of_the_wrong_type_is_named() -> None:
    with pytest.raises(BadManifest, match=re.escape("expected (N,) float32, found (2, 3) float64")):
        to_table(Payload, [replace(payload("a", None), log_mel=np.zeros((2, 3)))])


def test_numbers_of_numpy_are_numbers() -> None:
    row = replace(GOOD, count=np.int32(3), share=np.float32(0.5), is_good=np.bool_(True))
    assert from_table(Sample, to_table(Sample, [row])) == [replace(GOOD, share=0.5)]


def test_a_missing_image_is_refused_on_the_way_in_and_on_the_way_out() -> None:
    good = to_table(Payload, [payload("a", None)])
    with pytest.raises(BadManifest, match="column 'image': row 0: expected a value"):
        to_table(Payload, [replace(payload("a", None), image=None)])
    with pytest.raises(BadManifest, match=r"x.parquet: column 'image': row 0: expected a value"):
        empty = pa.nulls(1, good.schema.field("image").type)
        from_table(Payload, good.set_column(1, good.schema.field("image"), empty), "x.parquet")


def test_a_size_for_a_column_that_is_no_vector_is_refused() -> None:
    with pytest.raises(BadManifest, match=re.escape("sizes are given for ['count']")):
        arrow_schema(Sample, {"count": 3})


def test_a_table_of_another_record_is_refused_with_the_columns_that_differ() -> None:
    message = "faces.parquet: not a table of Sample: missing columns ['sample_id'"
    with pytest.raises(BadManifest, match=re.escape(message)):
        check_schema(Sample, arrow_schema(Payload), "faces.parquet")


def test_a_column_of_another_type_is_refused_with_both_types() -> None:
    schema = arrow_schema(Sample).set(1, pa.field("count", pa.float64(), nullable=False))
    message = "column 'count' of Sample: expected int64 not null, found double not null"
    with pytest.raises(BadManifest, match=message):
        check_schema(Sample, schema)


def test_a_record_with_a_field_that_arrow_can_not_hold_is_refused() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Bag:
        bag_id: str = column("id")
        extra: dict[str, int] = column("anything")

    with pytest.raises(BadManifest, match=r"Bag: column 'extra' has type dict\[str, int\]"):
        arrow_schema(Bag)


@pytest.mark.parametrize("text", ["a", "RD_Radio10_000", "-fCUCr-mKx0", "v1.2", "a" * 80])
def test_a_safe_text_is_its_own_name(text: str) -> None:
    assert clip_name(text) == text


@pytest.mark.parametrize("text", ["talk-p000", "talk-p12345", "-p001"])
def test_a_text_that_ends_like_a_part_gets_a_hash(text: str) -> None:
    name = clip_name(text)
    assert re.fullmatch(r"[A-Za-z0-9_-]+-x[0-9a-f]{16}", name)
    assert listed_id(f"set/{name}") == f"set/{name}"


@given(st.text(alphabet="ab./-p0123456789") | st.text(), st.integers(0, 5000), st.integers(1, 5001))
def test_a_part_shares_its_id_with_no_clip_and_tells_which_it_is_of(text: str, number: int, more: int) -> None:
    listed = f"set/{clip_name(text)}"
    part = part_id(listed, number, number + more)
    assert listed_id(part) == listed == listed_id(listed)
    assert clip_name(part.removeprefix("set/")) != part.removeprefix("set/")


def test_parts_are_in_time_order_by_id() -> None:
    assert [part_id("set/a", number, 12) for number in (0, 11)] == ["set/a-p000", "set/a-p011"]
    ids = [part_id("set/a", number, 1002) for number in range(1002)]
    assert ids == sorted(ids) and (ids[7], ids[-1]) == ("set/a-p0007", "set/a-p1001")


UNSAFE = ["", ".", "..", "../../x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "é", "a\n", ".a", "a" * 81]


@pytest.mark.parametrize("text", UNSAFE)
def test_a_text_that_is_no_safe_name_gets_a_hash(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,61}-x[0-9a-f]{16}", clip_name(text))


def test_the_hash_does_not_change_between_versions() -> None:
    assert clip_name("Ana/take 1.mp4") == "Ana-take-1.mp4-x8f26bac977b8ed14"


TEXTS = st.text() | st.text(alphabet="ab./-x0\\ ") | st.from_regex(r"[ab.]{0,70}-x[0-9a-f]{16}")


@given(TEXTS)
def test_a_name_stays_within_its_folder(text: str) -> None:
    name = clip_name(text)
    assert re.fullmatch(r"(?!\.)[A-Za-z0-9._-]{1,80}", name)
    assert Path("root", name).resolve().parent == Path("root").resolve()


@given(TEXTS, TEXTS)
def test_two_texts_never_share_a_name(one: str, other: str) -> None:
    assert (clip_name(one) == clip_name(other)) == (one == other)


@given(TEXTS)
def test_a_name_given_for_another_text_is_not_a_name_of_its_own(text: str) -> None:
    name = clip_name(text)
    assert (clip_name(name) == name) == (name == text)
