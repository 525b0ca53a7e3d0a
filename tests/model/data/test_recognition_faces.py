"""Pictures of a folder become faces as published; what is broken, huge or none is skipped, in bounded memory."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from model.data.recognition_faces import list_folder, published_crop, store_faces
from model.training.context import TrainingContext
from model.training.tasks.face_recognition import train_recognition_network
from pipeline.core.base import images
from pipeline.core.base.errors import BadInput
from pipeline.core.base.images import read_picture_file
from tests.model.params_of import identity_params


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def as_bytes(image: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(("height", "width"), [(256, 256), (512, 640), (300, 256), (256, 300)])
def test_the_crop_is_the_middle_224_of_a_shorter_side_of_256(height: int, width: int) -> None:
    """Against the published order: resize first, then cut; a smooth picture, so that only places matter."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    smooth = np.stack([rows / height * 250, columns / width * 250, (rows + columns) / (height + width) * 250], axis=2)
    scale = 256 / min(height, width)
    size = round(width * scale), round(height * scale)
    resized = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
    top, left = (size[1] - 224) // 2, (size[0] - 224) // 2
    expected = resized[top : top + 224, left : left + 224]
    found = published_crop(smooth.astype(np.uint8))
    assert found.shape == (224, 224, 3)
    assert float(np.abs(found - expected).max()) < 2.0


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3000), (3000, 1), (2, 2)])
def test_a_picture_of_any_shape_gives_a_face(height: int, width: int) -> None:
    assert published_crop(picture(height, width)).shape == (224, 224, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_pictures_of_every_mode_are_read_as_rgb(mode: str, tmp_path: Path) -> None:
    Image.fromarray(picture(20, 30)).convert(mode).save(tmp_path / "a.png")
    found = read_picture_file(tmp_path / "a.png")
    assert found is not None
    assert (found.shape, found.dtype) == ((20, 30, 3), np.uint8)


def test_a_png_comes_back_to_the_pixel(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture(20, 30))
    np.testing.assert_array_equal(read_picture_file(tmp_path / "a.png"), picture(20, 30))


def png_that_announces(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html></html>",
        as_bytes(picture(64, 64), "JPEG")[:700],
        as_bytes(picture(64, 64), "PNG")[:-40],
        as_bytes(picture(8, 8), "GIF"),
        as_bytes(picture(8, 8), "TIFF"),
        png_that_announces(7000, 7000),
        png_that_announces(30_000, 30_000),
    ],
    ids=["empty", "html", "cut jpeg", "cut png", "gif", "tiff", "too many pixels", "far too many pixels"],
)
def test_what_is_no_whole_jpeg_or_png_of_a_sensible_size_is_not_read(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert read_picture_file(path) is None


def test_a_picture_on_the_limits_is_read_and_past_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write(path, picture(20, 30))
    n_bytes = path.stat().st_size
    for pixels, size_bytes, is_read in ((600, n_bytes, True), (599, n_bytes, False), (600, n_bytes - 1, False)):
        monkeypatch.setattr(images, "MOST_PIXELS", pixels)
        monkeypatch.setattr(images, "LARGEST_FILE_BYTES", size_bytes)
        assert (read_picture_file(path) is not None) == is_read


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["JPEG", "PNG"]), place=st.integers(0, 2000), byte=st.integers(0, 255), cut=st.integers(0, 4)
)
def test_a_damaged_picture_is_read_or_skipped_but_never_stops_the_run(
    kind: str, place: int, byte: int, cut: int, tmp_path: Path
) -> None:
    content = bytearray(as_bytes(picture(12, 12), kind))
    content[place % len(content)] = byte
    path = tmp_path / "a.jpg"
    path.write_bytes(content[: len(content) - cut])
    found = read_picture_file(path)
    assert found is None or found.shape[2] == 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_faces_of_a_folder_are_upright_whatever_their_exif_says(orientation: int, tmp_path: Path) -> None:
    block = Image.Exif()
    block[0x0112] = orientation
    (tmp_path / "n1").mkdir()
    Image.fromarray(picture(30, 40)).save(tmp_path / "n1" / "a.png", exif=block)
    with Image.open(tmp_path / "n1" / "a.png") as opened:
        expected = published_crop(np.asarray(ImageOps.exif_transpose(opened)))
    assert np.array_equal(list_folder(tmp_path).read(0), expected)


def test_a_missing_picture_is_skipped(tmp_path: Path) -> None:
    assert read_picture_file(tmp_path / "nowhere.jpg") is None


def test_a_folder_lists_pictures_by_person_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("n2/b.JPG", "n2/a.jpeg", "n1/c.png", "n1/._d.jpg", ".hidden/e.jpg", "n3/notes.txt", "f.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(as_bytes(picture(8, 8), "PNG"))
    found = list_folder(tmp_path)
    assert list(found.persons) == ["n1", "n2", "n2"]
    assert [Path(path).relative_to(tmp_path).as_posix() for path in found.origins] == [
        "n1/c.png",
        "n2/a.jpeg",
        "n2/b.JPG",
    ]


def test_of_a_folder_with_train_and_test_only_train_is_listed(tmp_path: Path) -> None:
    for name in ("train/n1/a.jpg", "test/n2/b.jpg"):
        write(tmp_path / name, picture(8, 8))
    assert list(list_folder(tmp_path).persons) == ["n1"]


@pytest.mark.parametrize(("folder", "message"), [("nowhere", "expected a folder of persons"), ("", "found none")])
def test_a_folder_without_pictures_is_named(folder: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        list_folder(tmp_path / folder)


def test_a_folder_in_which_nothing_can_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "n1").mkdir()
    (tmp_path / "n1" / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(BadInput, match="found 1 files of which none can be read"):
        list_folder(tmp_path)


def test_a_picture_that_is_gone_when_its_turn_comes_is_named(tmp_path: Path) -> None:
    write(tmp_path / "n1" / "a.jpg", picture(8, 8))
    found = list_folder(tmp_path)
    (tmp_path / "n1" / "a.jpg").unlink()
    with pytest.raises(BadInput, match=r"a\.jpg: can no longer be read"):
        found.read(0)


def test_a_folder_has_another_hash_when_a_picture_has_other_bytes_or_another_name(tmp_path: Path) -> None:
    path = tmp_path / "n1" / "a.jpg"
    write(path, picture(8, 8))
    hashes = [list_folder(tmp_path).content_hash() for _ in range(2)]
    write(path, picture(8, 8, seed=1))
    hashes.append(list_folder(tmp_path).content_hash())
    path.rename(tmp_path / "n1" / "b.jpg")
    hashes.append(list_folder(tmp_path).content_hash())
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_stored_faces_come_back_from_the_disk(tmp_path: Path) -> None:
    grey = [np.full((256, 256, 3), value, np.uint8) for value in (10, 20, 30)]
    stored = store_faces(zip(grey, "aab", "xyz", strict=True), tmp_path / "faces")
    assert (list(stored.persons), list(stored.origins)) == (["a", "a", "b"], ["x", "y", "z"])
    assert stored.images.shape == (3, 224, 224, 3)
    assert (
        [int(stored.read(row).min()) for row in range(3)]
        == [int(stored.read(row).max()) for row in range(3)]
        == [10, 20, 30]
    )
    assert len(store_faces([], tmp_path / "none").images) == 0


@pytest.mark.slow
def test_a_network_trains_on_a_folder_and_counts_the_broken_pictures(tmp_path: Path) -> None:
    """Persons are colours; of 12 pictures each a quarter is held out, and one of each person is broken."""
    draw = np.random.default_rng(0)
    for person, colour in {"n1": (200, 60, 60), "n2": (60, 60, 200)}.items():
        for place in range(12):
            noisy = np.array(colour) + draw.normal(0, 20, (90, 80, 3))
            write(tmp_path / "train" / person / f"{place:04d}_01.jpg", noisy.clip(0, 255).astype(np.uint8))
        (tmp_path / "train" / person / "9999_01.jpg").write_bytes(b"no picture")
    params = identity_params(faces=str(tmp_path), epochs=5, batch=4, lr=0.02)
    context = TrainingContext(log=lambda line: None)
    runs = [train_recognition_network(list_folder(tmp_path), params, context) for _ in range(2)]
    network, metrics, _ = runs[0]
    assert (metrics.n_persons, metrics.n_unreadable_faces, metrics.n_persons_without_holdout) == (2, 2, 0)
    assert metrics.n_train_faces + metrics.n_holdout_faces == 24
    assert metrics.holdout_accuracy == 1.0
    assert runs[1][1] == metrics
    for name, tensor in network.state_dict().items():
        assert tensor.numpy().tobytes() == runs[1][0].state_dict()[name].numpy().tobytes(), name
