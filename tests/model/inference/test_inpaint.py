"""An inpainted picture differs in its masked region alone, at full size, and is marked as synthetic."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from model.inference.files import InpaintOptions, inpaint_file, mixed, parse_eyes, points_of_eyes, read_voice
from model.inference.inpaint import inpaint_face, inpaint_faces, inpaint_picture, mask_in_picture, paste_face
from model.inference.marked_pictures import NOTICE, SOURCE_TYPE, write_marked
from model.inference.use_of_network import UNKNOWN, use_as_trained
from model.networks.generator import InpaintingGenerator
from model.networks.generator_file import save_generator
from model.networks.trained_with import Alignment, Sound, TrainedWith, mask_as_bits
from model.settings import MaskParams, ModelParams
from model.training.fit import CannotTrain
from model.training.trained_network import open_training
from pipeline.audio.settings import AudioParams
from pipeline.core.base.errors import BadInput
from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.face.backends.registry import build_backend
from pipeline.face.crops.align import Template, crop_aligned, similarity_to
from pipeline.face.measures.points import eye_centres
from pipeline.face.tracking.portrait import find_portrait
from pipeline.face.tracking.settings import DetectParams
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.decode import rgb_frames

TEMPLATE = Template(size_px=256, left_eye_x_px=96, right_eye_x_px=160, eyes_y_px=120)
PARAMS = ModelParams(width=8, variant="full", avff_gain=1.0)


@pytest.fixture(scope="module")
def network() -> InpaintingGenerator:
    torch.manual_seed(0)
    return InpaintingGenerator(PARAMS, label_size=16).eval()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inpaint") / "talker.mp4"
    write_clip(ClipSpec(seed=5, person=1, clip=0, duration_s=6.4, width_px=320, height_px=240), path)
    return path


@pytest.fixture(scope="module")
def picture(clip: Path) -> np.ndarray:
    return next(iter(rgb_frames(clip)))[1]


@pytest.fixture
def checkout(tmp_path: Path, network: InpaintingGenerator) -> Layout:
    at = Layout(tmp_path)
    at.params.write_bytes((ROOT / "params.yaml").read_bytes())
    save_generator(network, at.model("generator"))
    return at


def log_mel() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 100)).astype(np.float32)


def test_an_inpainted_face_differs_in_the_masked_region_and_nowhere_else(network: InpaintingGenerator) -> None:
    face = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[89:217, 64:192] = 1
    inpainted = inpaint_face(network, face, mask, log_mel())
    assert np.array_equal(inpainted.face[mask == 0], face[mask == 0])
    assert (inpainted.face[mask == 1] != face[mask == 1]).mean() > 0.9
    assert inpainted.audio_face is not None and inpainted.audio_face.shape == (256, 256, 3)


def test_faces_inpainted_at_once_are_the_same_bytes_and_each_voice_is_decoded_once(
    network: InpaintingGenerator,
) -> None:
    rng = np.random.default_rng(3)
    faces = [rng.integers(0, 256, (256, 256, 3), np.uint8) for _ in range(3)]
    mask = np.zeros((256, 256), np.uint8)
    mask[89:217, 64:192] = 1
    log_mels = [log_mel(), -log_mel(), log_mel()]
    alone = [inpaint_face(network, face, mask, one) for face, one in zip(faces, log_mels, strict=True)]
    assert network.audio_face is not None
    decoded: list[int] = []
    hook = network.audio_face.register_forward_hook(lambda _module, inputs, _out: decoded.append(len(inputs[0])))
    for at_once in (1, 2):
        together = inpaint_faces(network, faces, [mask] * 3, log_mels, at_once)
        for one, other in zip(alone, together, strict=True):
            assert np.array_equal(one.face, other.face)
            assert np.array_equal(one.audio_face, other.audio_face)
    hook.remove()
    assert decoded == [1, 1] * 2


@pytest.mark.slow
def test_pixels_of_the_masked_region_do_not_change_the_result(network: InpaintingGenerator) -> None:
    rng = np.random.default_rng(2)
    face = rng.integers(0, 256, (256, 256, 3), np.uint8)
    mask = np.zeros((256, 256), np.uint8)
    mask[100:200, 100:200] = 1
    other = np.where(mask[..., None] == 1, rng.integers(0, 256, face.shape, np.uint8), face)
    assert np.array_equal(
        inpaint_face(network, face, mask, log_mel()).face, inpaint_face(network, other, mask, log_mel()).face
    )


def test_the_same_face_pasted_is_the_same_picture_but_for_the_resampling(picture: np.ndarray) -> None:
    points = points_of_eyes((120.0, 100.0, 180.0, 108.0))
    similarity = similarity_to(TEMPLATE, *eye_centres(points))
    smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), 4))
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[80:160, 100:200] = 1
    pasted = paste_face(smooth, crop_aligned(smooth, similarity, 256), mask, similarity)
    assert np.array_equal(pasted[mask == 0], smooth[mask == 0])
    assert np.abs(pasted.astype(int) - smooth)[mask == 1].max() <= 3


def test_a_face_much_larger_than_256_px_and_one_much_smaller_are_pasted_in_place(picture: np.ndarray) -> None:
    for factor in (0.4, 6.0):
        size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
        scaled = np.asarray(cv2.GaussianBlur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (0, 0), 3))
        eyes = np.array([120.0, 100.0, 180.0, 108.0]) * factor
        similarity = similarity_to(TEMPLATE, *eye_centres(points_of_eyes(tuple(eyes))))
        mask = np.ones(scaled.shape[:2], np.uint8)
        pasted = paste_face(scaled, crop_aligned(scaled, similarity, 256), mask, similarity)
        assert np.abs(pasted.astype(int) - scaled).mean() < 1.5


def test_the_mask_of_an_aligned_face_is_warped_to_its_face() -> None:
    points = points_of_eyes((100.0, 200.0, 228.0, 200.0))  # twice the template's distance
    mask = np.zeros((256, 256), np.uint8)
    mask[89:217, 64:192] = 1
    in_picture = mask_in_picture(mask, similarity_to(TEMPLATE, *eye_centres(points)), (600, 500))
    rows, columns = np.flatnonzero(in_picture.any(axis=1)), np.flatnonzero(in_picture.any(axis=0))
    assert (columns[0], columns[-1]) == pytest.approx((100 - 2 * 32, 100 + 2 * 95), abs=2)
    assert (rows[0], rows[-1]) == pytest.approx((200 - 2 * 31, 200 + 2 * 96), abs=2)


def test_a_mask_outside_the_face_is_refused(network: InpaintingGenerator, picture: np.ndarray) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[:3, :3] = 1
    points = points_of_eyes((150.0, 120.0, 170.0, 120.0))
    with pytest.raises(BadInput, match="within the face's square"):
        inpaint_picture(network, picture, points, mask, log_mel(), TEMPLATE)


def test_the_face_of_a_picture_is_found_at_any_size(picture: np.ndarray) -> None:
    params, backend = load_params(DetectParams, "detect", ROOT / "params.yaml"), build_backend("dlib")
    points = find_portrait(picture, backend, params)
    assert points is not None
    large = np.asarray(cv2.resize(picture, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC))
    found = find_portrait(large, backend, params)
    assert found is not None
    apart = np.linalg.norm(found / 5 - points, axis=1) / np.linalg.norm(np.subtract(*eye_centres(points)))
    assert np.median(apart) < 0.05


@pytest.mark.parametrize("name", ["face.png", "face.jpg"])
def test_an_inpainted_picture_is_marked_as_synthetic(name: str, tmp_path: Path, picture: np.ndarray) -> None:
    write_marked(picture, tmp_path / name)
    raw = (tmp_path / name).read_bytes()
    assert SOURCE_TYPE.encode() in raw
    assert NOTICE.encode() in raw
    with Image.open(tmp_path / name) as opened:
        assert opened.size == (picture.shape[1], picture.shape[0])


def test_a_picture_of_another_kind_is_not_written(tmp_path: Path, picture: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"\.png, \.jpg"):
        write_marked(picture, tmp_path / "face.webp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_picture_is_inpainted_from_file_to_file(checkout: Layout, clip: Path, picture: np.ndarray) -> None:
    source, out = checkout.root / "in.png", checkout.root / "out.png"
    Image.fromarray(picture).save(source)
    message = inpaint_file(source, clip, out, at=checkout)
    assert message.splitlines() == [f"{out}: inpainted; marked as synthetic", UNKNOWN]
    with Image.open(out) as opened:
        inpainted = np.asarray(opened)
    share = (inpainted != picture).any(axis=2).mean()
    assert 0.01 < share < 0.5


@pytest.mark.slow
def test_a_hidden_face_is_inpainted_at_the_eyes_that_are_given(
    checkout: Layout, clip: Path, picture: np.ndarray
) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[60:180, 100:220] = 255
    hidden = np.where(mask[..., None] == 255, 0, picture).astype(np.uint8)
    source, mask_file, out = (checkout.root / name for name in ("in.png", "mask.png", "out.jpg"))
    Image.fromarray(hidden).save(source)
    Image.fromarray(mask).save(mask_file)
    with pytest.raises(BadInput, match="--eyes"):
        inpaint_file(source, clip, out, InpaintOptions(mask=mask_file), checkout)
    assert not out.exists()
    inpaint_file(source, clip, out, InpaintOptions(mask=mask_file, eyes_px=(140.0, 105.0, 180.0, 105.0)), checkout)
    assert out.is_file()


@pytest.mark.slow
def test_a_video_is_inpainted_in_every_frame_that_shows_the_face_and_keeps_its_sound(
    checkout: Layout, clip: Path
) -> None:
    short, out = checkout.root / "short.mp4", checkout.root / "out.mp4"
    write_clip(ClipSpec(seed=5, person=1, clip=0, duration_s=0.6, width_px=320, height_px=240), short)
    message = inpaint_file(short, clip, out, at=checkout)
    assert message.splitlines() == [f"{out}: 15 of 15 frames inpainted; marked as synthetic", UNKNOWN]
    before, after = list(rgb_frames(short)), list(rgb_frames(out))
    assert [time_s for time_s, _ in after] == pytest.approx([time_s for time_s, _ in before], abs=1e-3)
    with av.open(str(out)) as container:
        assert container.metadata["comment"] == NOTICE
        seconds = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert seconds == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "5,5,5,5", "nan,1,2,3"])
def test_eyes_that_are_no_two_points_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--eyes"):
        parse_eyes(text)


EYES = (140.0, 105.0, 180.0, 105.0)


@pytest.fixture
def inverting(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of voice and network: masked pixels are inverted."""
    monkeypatch.setattr("model.inference.files.read_voice", lambda sound, params: log_mel())
    monkeypatch.setattr("model.inference.files.load_generator_file", lambda path: (torch.nn.Identity(), None))
    monkeypatch.setattr(
        "model.inference.files.inpaint_picture",
        lambda network, picture, points, mask, *others: np.where(mask[..., None] == 1, 255 - picture, picture),
    )


def half_masked(picture: np.ndarray) -> np.ndarray:
    """Return a mask that no turn and no mirror leaves as it is: shares 0, 128 and 255."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[70:150, 110:200] = 255
    mask[70:100, 110:130] = 128
    return mask


def inpainted_file(checkout: Layout, source: Path, mask: Path) -> np.ndarray:
    out = checkout.root / "out.png"
    inpaint_file(source, checkout.root / "voice.wav", out, InpaintOptions(mask=mask, eyes_px=EYES), checkout)
    with Image.open(out) as opened:
        assert 0x0112 not in opened.getexif()
        return np.asarray(opened)


def stored_as(picture: np.ndarray, orientation: int) -> Image.Image:
    """Return the picture as a camera stores it that writes ``orientation``: the inverse of what a viewer does."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)
    image = Image.fromarray(picture)
    return image if turn is None else image.transpose(turn)


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


@pytest.mark.usefixtures("inverting")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_and_its_mask_are_inpainted_upright_whatever_their_exif_says(
    orientation: int, checkout: Layout, picture: np.ndarray
) -> None:
    at, mask = checkout.root, half_masked(picture)
    stored_as(picture, orientation).save(at / "turned.png", exif=exif(orientation))
    stored_as(mask, orientation).save(at / "turned_mask.png", exif=exif(orientation))
    Image.fromarray(picture).save(at / "upright.png")
    Image.fromarray(mask).save(at / "upright_mask.png")
    with Image.open(at / "turned.png") as opened:
        assert np.array_equal(np.asarray(ImageOps.exif_transpose(opened)), picture)
    expected = inpainted_file(checkout, at / "upright.png", at / "upright_mask.png")
    assert np.array_equal(expected[mask == 255], 255 - picture[mask == 255])
    assert np.array_equal(inpainted_file(checkout, at / "turned.png", at / "upright_mask.png"), expected)
    assert np.array_equal(inpainted_file(checkout, at / "upright.png", at / "turned_mask.png"), expected)


@pytest.mark.usefixtures("inverting")
def test_a_grey_mask_mixes_the_picture_with_what_is_inpainted(checkout: Layout, picture: np.ndarray) -> None:
    at, soft = checkout.root, half_masked(picture)
    Image.fromarray(picture).save(at / "in.png")
    Image.fromarray(soft).save(at / "soft.png")
    share = (soft / 255)[..., None]
    expected = picture + (255.0 - 2.0 * picture) * share
    found = inpainted_file(checkout, at / "in.png", at / "soft.png")
    assert np.abs(found - expected).max() <= 0.5 + 1e-3


def test_nothing_and_all_of_an_inpainted_picture_are_exact() -> None:
    picture, inpainted = np.random.default_rng(0).integers(0, 256, (2, 256, 4, 3), np.uint8)
    shares = np.repeat(np.uint8([[0, 0, 255, 255]]), 256, axis=0)
    assert np.array_equal(mixed(picture, inpainted, shares)[:, :2], picture[:, :2])
    assert np.array_equal(mixed(picture, inpainted, shares)[:, 2:], inpainted[:, 2:])


@pytest.mark.usefixtures("inverting")
@pytest.mark.parametrize(
    ("shape", "message"),
    [((10, 20), "320 x 240 px, found 20 x 10$"), ((320, 240), "found 240 x 320, which is the picture on its side")],
)
def test_a_mask_of_another_size_is_refused(
    shape: tuple[int, int], message: str, checkout: Layout, picture: np.ndarray
) -> None:
    Image.fromarray(picture).save(checkout.root / "in.png")
    Image.fromarray(np.full(shape, 255, np.uint8)).save(checkout.root / "mask.png")
    with pytest.raises(BadInput, match=message):
        inpainted_file(checkout, checkout.root / "in.png", checkout.root / "mask.png")


@pytest.mark.usefixtures("inverting")
def test_what_is_no_picture_is_said_with_what_was_expected(checkout: Layout) -> None:
    (checkout.root / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic")
    Image.new("L", (10, 20), 255).save(checkout.root / "mask.png")
    with pytest.raises(
        BadInput, match=r"heic: expected a JPEG, PNG or WebP .*, found a HEIC\. A video is known by .*\.mp4"
    ):
        inpainted_file(checkout, checkout.root / "photo.heic", checkout.root / "mask.png")


def test_sound_without_speech_is_refused(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "silence.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * 16_000 * 7))
    with pytest.raises(BadInput, match="expected speech"):
        read_voice(tmp_path / "silence.wav", load_params(AudioParams, "audio", ROOT / "params.yaml"))


def test_without_a_trained_network_the_error_names_the_command_that_trains_one(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    with pytest.raises(BadInput, match=r"^no network is trained here yet .*: 'dvc repro train' trains one; or choose"):
        inpaint_file(tmp_path / "a.png", tmp_path / "a.wav", tmp_path / "b.png", at=at)


def test_a_training_with_nothing_to_learn_from_is_no_trained_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file has no tensors; as a file by name it says so, too."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "cache"))
    at = Layout(tmp_path)
    with open_training(at, "train", "generator"):
        raise CannotTrain("none of the 2 training persons has a segment of sound to learn from.")
    message = (
        r"^no network is trained here: none of the 2 training persons has a segment of "
        r"sound to learn from\. When that is mended, 'dvc repro train' trains one; or choose a file with --model\.$"
    )
    with pytest.raises(BadInput, match=message):
        inpaint_file(tmp_path / "a.png", tmp_path / "a.wav", tmp_path / "b.png", at=at)
    options = InpaintOptions(network=at.model("generator"))
    with pytest.raises(BadInput, match="no trained network is in this file; 'dvc repro train' trains one"):
        inpaint_file(tmp_path / "a.png", tmp_path / "a.wav", tmp_path / "b.png", options, at=at)


TRAINED = TrainedWith(
    sound=Sound(profile="voice2face", vad="webrtc", segment_s=3.0, pad="zero", n_frames=300),
    mask=MaskParams(kind="rectangle_centred", size_px=64, image=None),
    mask_bits=None,
    alignment=Alignment(size_px=256, left_eye_x_px=80, right_eye_x_px=176, eyes_y_px=110),
    faces="318 generated faces of 24 persons (demo)",
    is_generated=True,
)


def test_a_network_is_used_with_the_sound_mask_and_alignment_of_its_training() -> None:
    use = use_as_trained(TRAINED, Layout(ROOT))
    assert (use.audio.profile, use.audio.segment_s, use.audio.pad, use.audio.n_frames) == (
        "voice2face",
        3.0,
        "zero",
        300,
    )
    assert use.audio.min_voiced_share == load_params(AudioParams, "audio", ROOT / "params.yaml").min_voiced_share
    assert use.template == Template(size_px=256, left_eye_x_px=80, right_eye_x_px=176, eyes_y_px=110)
    assert use.face_mask.sum() == 64**2 and use.face_mask[96:160, 96:160].all()
    assert use.sentence == (
        "The network was trained on 318 generated faces of 24 persons (demo), with log-mels of profile 'voice2face', "
        "mask rectangle_centred of 64 px and eyes 96 px apart; it is used with these. It knows drawn faces only: a "
        "photographed one becomes a drawing where it is inpainted."
    )


def test_a_file_that_does_not_say_what_it_was_trained_with_is_used_by_the_params_and_that_is_said() -> None:
    use = use_as_trained(None, Layout(ROOT))
    assert (use.template, use.audio.profile, use.face_mask.sum()) == (TEMPLATE, "paper", 128**2)
    assert use.sentence == UNKNOWN


def test_a_mask_drawn_by_hand_travels_with_the_network() -> None:
    mask = (np.random.default_rng(0).random((256, 256)) < 0.3).astype(np.uint8)
    drawn = TRAINED.model_copy(
        update={"mask": MaskParams(kind="image", size_px=128, image="mask.png"), "mask_bits": mask_as_bits(mask)}
    )
    assert np.array_equal(use_as_trained(drawn, Layout(ROOT)).face_mask, mask)


@pytest.mark.slow
def test_a_picture_is_inpainted_where_the_networks_own_mask_is_and_the_message_says_so(
    checkout: Layout, network: InpaintingGenerator, picture: np.ndarray, clip: Path
) -> None:
    save_generator(network, checkout.model("generator"), TRAINED)
    Image.fromarray(picture).save(checkout.root / "in.png")
    options = InpaintOptions(eyes_px=(140.0, 105.0, 180.0, 105.0))
    message = inpaint_file(checkout.root / "in.png", clip, checkout.root / "out.png", options, checkout)
    assert "318 generated faces" in message
    with Image.open(checkout.root / "out.png") as opened:
        changed = np.argwhere((np.asarray(opened) != picture).any(axis=2))
    scale = 40 / 96  # pixels of the picture a pixel of the aligned face
    side_px = changed.max(axis=0) - changed.min(axis=0) + 1
    assert side_px.tolist() == pytest.approx([64 * scale] * 2, abs=2)
