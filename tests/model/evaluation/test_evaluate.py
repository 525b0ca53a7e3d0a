"""The evaluation, of an untrained network on smooth random pictures: its files hold what it measures."""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from numpy.typing import NDArray

from model.data.split import DatasetSplit
from model.evaluation.evaluate import evaluate_network
from model.evaluation.evaluation_faces import EvaluationFace, iterate_evaluation_faces
from model.evaluation.face_metrics import ROUNDING, FaceMetrics, MetricAccumulator
from model.evaluation.inputs import EvaluationInputs, NothingToEvaluate
from model.evaluation.metric_suite import MetricSuite, load_metric_suite
from model.evaluation.metrics.image import l1, ssim
from model.evaluation.metrics.jpeg import as_jpeg
from model.evaluation.predictions import evaluate_predictions, export_masked, file_names
from model.evaluation.summary import summarise_metrics
from model.networks.generator import InpaintingGenerator
from model.networks.generator_file import save_generator
from model.settings import EvaluateParams, MaskParams, ModelParams
from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.draws import draw_order
from pipeline.core.base.errors import BadInput, BadParams
from pipeline.core.base.images import decode_png, encode_png
from pipeline.core.base.layout import Layout
from pipeline.core.records.dataset import Identity
from pipeline.core.records.evaluation import EvaluatedFace, InpaintedImage, MapPoint, RetrievedFace, SwappedFace
from pipeline.core.records.schema import from_table
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from pipeline.identity.network.weights_file import write_recognition_network
from stages import evaluate
from stages.commands.predictions import evaluate_pictures, export_masked_faces
from tests.built_dataset import Made

pytestmark = pytest.mark.slow

NO_NETWORKS = dict.fromkeys(("lpips", "inception", "arcface", "cosface", "sphereface", "vggface", "mobilefacenet"))
PARAMS = EvaluateParams(
    max_faces_per_person=2,
    n_bootstrap=50,
    confidence=0.9,
    n_swap_persons=2,
    n_grid_faces=3,
    landmarks_doubled=False,
    jpeg_quality=None,
    threads=1,
    networks=NO_NETWORKS,
    seed=1,
)
MASK = MaskParams(kind="rectangle_released", size_px=128, image=None)
STROKES = MaskParams(kind="strokes_small", size_px=128, image=None)

MakeSplit = Callable[..., DatasetSplit]


@pytest.fixture(scope="module")
def recognition_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("recognition") / "weights.safetensors"
    write_recognition_network(FaceRecognitionNetwork(0.125).eval(), path)
    return path


@pytest.fixture(scope="module")
def network() -> InpaintingGenerator:
    torch.manual_seed(2)
    return InpaintingGenerator(ModelParams(width=8, variant="full", avff_gain=1.0), label_size=256).eval()


@pytest.fixture(scope="module")
def metric_suite(recognition_network: Path) -> MetricSuite:
    return load_metric_suite(NO_NETWORKS, recognition_network)


@pytest.fixture(scope="module")
def two_persons(make_array_split: MakeSplit) -> DatasetSplit:
    """Of one face each."""
    return make_array_split(2, 1, 1, face_px=256)


@pytest.fixture(scope="module")
def three_persons(make_array_split: MakeSplit) -> DatasetSplit:
    """Of three faces each; two are evaluated."""
    return make_array_split(3, 3, 2, face_px=256)


def inputs_of(data: DatasetSplit, metric_suite: MetricSuite, mask_params: MaskParams = MASK) -> EvaluationInputs:
    return EvaluationInputs(data=data, metric_suite=metric_suite, params=PARAMS, mask_params=mask_params)


@dataclass(frozen=True)
class Evaluated:
    """One evaluation and its folder."""

    rows: list[EvaluatedFace]
    metrics: dict
    folder: Path


@pytest.fixture(scope="module")
def evaluated(
    network: InpaintingGenerator,
    three_persons: DatasetSplit,
    metric_suite: MetricSuite,
    tmp_path_factory: pytest.TempPathFactory,
) -> Evaluated:
    folder = tmp_path_factory.mktemp("evaluation")
    return Evaluated(*evaluate_network(network, inputs_of(three_persons, metric_suite, STROKES), folder), folder)


class MeanColour:
    """A recogniser, or Inception, whose feature is a face's mean colour."""

    def embed(self, faces: Sequence[ImageRGB], _: Sequence[Landmarks] | None = None) -> NDArray[np.float32]:
        return np.stack([face.mean(axis=(0, 1)) for face in faces]).astype(np.float32)


def metrics_of(faces: Sequence[EvaluationFace], pictures: Sequence[ImageRGB], metric_suite: MetricSuite) -> FaceMetrics:
    accumulator = MetricAccumulator(metric_suite)
    for face, picture in zip(faces, pictures, strict=True):
        accumulator.add([face], [picture])
    return accumulator.compute()


class CountingRecogniser(MeanColour):
    """Counts the faces that it has embedded."""

    n_embedded = 0

    def embed(self, faces: Sequence[ImageRGB], _: Sequence[Landmarks] | None = None) -> NDArray[np.float32]:
        self.n_embedded += len(faces)
        return super().embed(faces) if len(faces) else np.empty((0, 3), np.float32)


@pytest.mark.parametrize(
    ("jpeg_quality", "off_by", "n_embedded"),
    [(None, 0.0, 4 + 1), (None, 0.9, 4 + 1), (None, 2.0, 4 + 1 + 4), (95, 0.0, 4 + 4)],
)
def test_labels_are_the_true_faces_features_where_the_first_of_their_dataset_is_the_network_s(
    jpeg_quality: int | None,
    off_by: float,
    n_embedded: int,
    metric_suite: MetricSuite,
    two_persons: DatasetSplit,
) -> None:
    """``off_by`` is in multiples of what rounding may make of it; a face embedded to find out is embedded once more."""
    recogniser = CountingRecogniser()
    suite = metric_suite._replace(recognition=recogniser)  # type: ignore[arg-type]
    faces = list(iterate_evaluation_faces(two_persons, PARAMS, MASK)) * 2
    features = MeanColour().embed([face.image for face in faces])
    labels = features * (1 + np.float32(off_by * ROUNDING))
    labelled = [face._replace(label=label) for face, label in zip(faces, labels, strict=True)]
    accumulator = MetricAccumulator(suite, jpeg_quality)
    accumulator.add(labelled, [face.image for face in faces])
    assert recogniser.n_embedded == n_embedded
    true_ND = accumulator.compute().features["recognition"].true_ND
    if jpeg_quality is None:
        assert np.array_equal(true_ND, labels if off_by < 1 else features)


def read_inpainted_images(folder: Path) -> list[InpaintedImage]:
    return from_table(InpaintedImage, pq.read_table(folder / "inpainted.parquet"))


def test_every_row_is_what_the_written_picture_measures(
    evaluated: Evaluated, three_persons: DatasetSplit, metric_suite: MetricSuite
) -> None:
    rows, metrics = evaluated.rows, evaluated.metrics
    true = {three_persons.face_ids[row]: three_persons.face(row) for row in range(three_persons.n_faces)}
    images = {one.face_id: one for one in read_inpainted_images(evaluated.folder)}
    assert images.keys() == {row.face_id for row in rows}
    for row in rows:
        picture, mask = (decode_png(image.bytes) for image in (images[row.face_id].image, images[row.face_id].mask))
        apart = np.abs(picture.astype(float) - true[row.face_id])
        assert not apart[mask == 0].any()
        assert (row.l1, row.l1_masked) == pytest.approx((apart.mean(), apart[mask[..., 0] == 255].mean()))
        assert row.psnr == pytest.approx(10 * math.log10(255**2 / (apart**2).mean()))
        assert row.mask_share == (mask == 255).mean()
        assert metric_suite.recognition is not None
        here, there = metric_suite.recognition.embed([picture, true[row.face_id]])
        assert row.recognition_l1 == pytest.approx(np.abs(here - there).mean(), rel=1e-5)
        cosine = here @ there / np.linalg.norm(here) / np.linalg.norm(there)
        assert row.recognition_cosine == pytest.approx(1 - cosine, abs=1e-5)
    assert metrics["psnr"] == metrics["overall"]["psnr"]["value"] == pytest.approx(np.mean([row.psnr for row in rows]))
    assert metrics["overall"] == metrics["arrays"]
    assert (metrics["n_faces"], metrics["n_persons"], metrics["overall"]["l1"]["n"]) == (6, 3, 6)


def test_metrics_after_jpeg_are_those_of_the_stored_pictures(
    three_persons: DatasetSplit, metric_suite: MetricSuite
) -> None:
    faces = list(iterate_evaluation_faces(three_persons, PARAMS, MASK))[:2]
    pictures = [np.where(face.mask[..., None] == 1, np.uint8(90), face.image) for face in faces]
    accumulator = MetricAccumulator(metric_suite, jpeg_quality=75)
    accumulator.add(faces, pictures)
    for row, face, picture in zip(accumulator.compute().rows, faces, pictures, strict=True):
        here, there = as_jpeg(picture, 75), as_jpeg(face.image, 75)
        assert row.l1 == l1(here, there) != l1(picture, face.image)
        assert row.ssim == ssim(here, there)


def test_a_draw_chooses_at_most_max_faces_per_person(three_persons: DatasetSplit) -> None:
    faces = list(iterate_evaluation_faces(three_persons, PARAMS, MASK))
    for person in three_persons.persons:
        ids = [
            three_persons.face_ids[row] for row in three_persons.faces_of(three_persons.persons.index(person)).tolist()
        ]
        drawn = sorted(ids, key=lambda face_id: draw_order(PARAMS.seed, face_id))[:2]
        assert [face.face_id for face in faces if face.person_id == person] == sorted(drawn)


def test_a_face_has_its_own_mask_whatever_other_faces_there_are(
    three_persons: DatasetSplit, make_array_split: MakeSplit
) -> None:
    here = {face.face_id: face.mask for face in iterate_evaluation_faces(three_persons, PARAMS, STROKES)}
    there = {
        face.face_id: face.mask
        for face in iterate_evaluation_faces(make_array_split(1, 3, 2, face_px=256), PARAMS, STROKES)
    }
    assert len({mask.tobytes() for mask in here.values()}) == 6
    assert there.keys() <= here.keys()
    assert all((here[face_id] == mask).all() for face_id, mask in there.items())


def test_a_second_run_writes_the_same_bytes(
    evaluated: Evaluated,
    network: InpaintingGenerator,
    three_persons: DatasetSplit,
    metric_suite: MetricSuite,
    tmp_path: Path,
) -> None:
    again = evaluate_network(network, inputs_of(three_persons, metric_suite, STROKES), tmp_path)
    assert again == (evaluated.rows, evaluated.metrics)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "grid.png",
        "inpainted.parquet",
        "plots/retrieval.csv",
        "retrieval.parquet",
        "swap.png",
        "swaps.parquet",
        "tsne.parquet",
    ]
    assert all((tmp_path / file).read_bytes() == (evaluated.folder / file).read_bytes() for file in files)


def test_tables_and_pictures_contain_each_face(evaluated: Evaluated, three_persons: DatasetSplit) -> None:
    folder, retrieval = evaluated.folder, evaluated.metrics["retrieval"]
    assert cv2.imread(str(folder / "grid.png")).shape == (20 + 3 * 260, 4 * 260 - 4, 3)
    assert cv2.imread(str(folder / "swap.png")).shape == (20 + 3 * 260, 3 * 260 - 4, 3)
    assert len(read_manifest(folder / "swaps.parquet", SwappedFace)) == 4
    assert len(read_manifest(folder / "tsne.parquet", MapPoint)) == 12
    nearest = read_manifest(folder / "retrieval.parquet", RetrievedFace)
    assert sorted((face.person_id, face.rank) for face in nearest) == [
        (person, rank) for person in three_persons.persons for rank in (1, 2, 3)
    ]
    first_is_own = [face.person_id == face.retrieved_person_id for face in nearest if face.rank == 1]
    assert retrieval["acc@1"]["value"] == pytest.approx(100 * np.mean(first_is_own))
    assert retrieval["acc@5"]["value"] == 100.0
    assert (folder / "plots" / "retrieval.csv").read_text(encoding="utf-8").splitlines()[0] == "k,inpainted,true"


def test_a_network_without_a_voice_swaps_no_voices(
    two_persons: DatasetSplit, metric_suite: MetricSuite, tmp_path: Path
) -> None:
    base = InpaintingGenerator(ModelParams(width=8, variant="base", avff_gain=1.0), label_size=0).eval()
    _, metrics = evaluate_network(base, inputs_of(two_persons, metric_suite), tmp_path)
    assert (metrics["swap"], metrics["unavailable"]["swap"]) == ({}, "variant 'base' uses no voice")
    assert not (tmp_path / "swap.png").exists()
    assert cv2.imread(str(tmp_path / "grid.png")).shape == (20 + 2 * 260, 3 * 260 - 4, 3)


def test_one_person_with_one_face_has_means_and_no_intervals_retrieval_or_swaps(
    network: InpaintingGenerator, metric_suite: MetricSuite, make_array_split: MakeSplit, tmp_path: Path
) -> None:
    data = make_array_split(1, 1, 1, face_px=256)
    _, metrics = evaluate_network(network, inputs_of(data, metric_suite), tmp_path)
    assert metrics["overall"]["l1"]["low"] is None
    assert metrics["retrieval"] == metrics["swap"] == {}
    assert metrics["unavailable"]["retrieval"] == "no test person has two faces"
    assert metrics["unavailable"]["swap"] == "only one test person has a voice"


def test_no_face_with_a_voice_is_an_error(
    network: InpaintingGenerator, metric_suite: MetricSuite, make_array_split: MakeSplit, tmp_path: Path
) -> None:
    silent = make_array_split(2, 2, 0, face_px=256)
    with pytest.raises(NothingToEvaluate, match="no test person has both a standard face and a voice"):
        evaluate_network(network, inputs_of(silent, metric_suite), tmp_path)


def test_without_recognition_network_the_rest_is_measured(
    network: InpaintingGenerator, two_persons: DatasetSplit, tmp_path: Path
) -> None:
    rows, metrics = evaluate_network(network, inputs_of(two_persons, load_metric_suite({}, None)), tmp_path)
    assert metrics["unavailable"]["recognition"] == "this run has no face recognition network"
    assert metrics["unavailable"]["retrieval"] == "no face recogniser is available"
    assert metrics["swap"].keys() == {"l1_change"}
    assert {row.recognition_l1 for row in rows} == {row.csim for row in rows} == {None}
    assert metrics["overall"]["ssim"]["n"] == 2


def test_networks_compare_features_as_the_paper_does(three_persons: DatasetSplit, metric_suite: MetricSuite) -> None:
    suite = metric_suite._replace(
        recognisers={"arcface": MeanColour(), "cosface": MeanColour()}, inception=MeanColour()
    )
    faces = list(iterate_evaluation_faces(three_persons, PARAMS, MASK))
    pictures = [np.roll(face.image, number + 1, axis=2) // 2 for number, face in enumerate(faces)]
    face_metrics = metrics_of(faces, pictures, suite)
    for row, face, picture in zip(face_metrics.rows, faces, pictures, strict=True):
        here, there = (image.mean(axis=(0, 1)) for image in (picture, face.image))
        assert row.arcface_l2 == pytest.approx(np.linalg.norm(here - there), rel=1e-5)
        cosine = here @ there / np.linalg.norm(here) / np.linalg.norm(there)
        assert (row.cosface_cosine, row.csim) == pytest.approx((1 - cosine, cosine), abs=1e-6)
        assert row.vggface_l2 is None
    metrics = summarise_metrics(face_metrics, suite, PARAMS)
    assert metrics["notes"]["identity_network"] == metrics["notes"]["csim_network"] == "arcface"
    assert metrics["notes"]["fid"].startswith("of 6 pictures")
    assert metrics["fid"] == metrics["overall"]["fid"]["value"] > 0
    assert "vggface_l2" not in metrics["overall"]


def test_a_dataset_may_have_a_name_that_is_taken(make_array_split: MakeSplit, metric_suite: MetricSuite) -> None:
    data = make_array_split(2, 1, 1, face_px=256)
    for name in ("overall", "psnr"):
        data = replace(data, datasets=[name] * data.n_faces)
        faces = list(iterate_evaluation_faces(data, PARAMS, MASK))
        face_metrics = metrics_of(faces, [face.image // 2 for face in faces], metric_suite)
        metrics = summarise_metrics(face_metrics, metric_suite, PARAMS)
        assert metrics["psnr"] == metrics["overall"]["psnr"]["value"] == metrics[f"dataset {name}"]["psnr"]["value"]


def test_missing_networks_are_listed_with_instructions(
    recognition_network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path))
    suite = load_metric_suite({"inception": "vggface2_resnet50", "arcface": None}, recognition_network)
    assert suite.unavailable["fid"] == "the weights 'vggface2_resnet50' are not available"
    assert suite.unavailable["arcface"] == suite.unavailable["vggface"].replace("vggface", "arcface")
    assert [error[:28] for error in suite.weights_errors] == ["weights 'vggface2_resnet50' "]
    assert "recognition" not in suite.unavailable


def test_an_unknown_network_is_refused(recognition_network: Path) -> None:
    with pytest.raises(BadParams, match="unknown 'arcfaze'; expected some of lpips"):
        load_metric_suite({"arcfaze": None}, recognition_network)


# Another method's pictures.


def test_exported_faces_contain_no_pixel_of_the_masked_region(three_persons: DatasetSplit, tmp_path: Path) -> None:
    assert export_masked(three_persons, tmp_path / "out", PARAMS, MASK) == 6
    names = file_names(three_persons)
    for face in iterate_evaluation_faces(three_persons, PARAMS, MASK):
        name = names[face.face_id]
        exported, mask = (decode_png((tmp_path / "out" / kind / name).read_bytes()) for kind in ("masked", "masks"))
        assert (mask == 255 * face.mask[..., None]).all()
        assert (exported[face.mask == 1] == 128).all()
        assert (exported[face.mask == 0] == face.image[face.mask == 0]).all()
    lines = (tmp_path / "out" / "faces.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 7
    assert lines[1].startswith("arrays=2Fperson_0-t00-0000000")


def test_true_pictures_have_no_error_and_those_missing_are_counted(
    three_persons: DatasetSplit, metric_suite: MetricSuite, tmp_path: Path
) -> None:
    names = file_names(three_persons)
    faces = list(iterate_evaluation_faces(three_persons, PARAMS, MASK))
    for face in faces[:-1]:
        (tmp_path / names[face.face_id]).write_bytes(encode_png(face.image))
    (tmp_path / "nobody.png").write_bytes(b"")
    result = evaluate_predictions(tmp_path, inputs_of(three_persons, metric_suite), tmp_path / "metrics")
    assert (result.n_missing, result.n_unknown) == (1, 1)
    metrics = json.loads((tmp_path / "metrics" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == result.metrics
    assert (metrics["psnr"], metrics["l1"], metrics["ssim"], metrics["n_faces"]) == ("inf", 0.0, pytest.approx(1.0), 5)
    assert metrics["recognition_cosine"] == pytest.approx(0.0, abs=1e-9)
    rows = read_manifest(tmp_path / "metrics" / "faces.parquet", EvaluatedFace)
    assert [row.face_id for row in rows] == sorted(face.face_id for face in faces[:-1])


def test_ids_do_not_become_paths(make_array_split: MakeSplit, metric_suite: MetricSuite, tmp_path: Path) -> None:
    data = replace(make_array_split(2, 1, 1, face_px=256), face_ids=[str(tmp_path / "secret"), "../../secret"])
    (tmp_path / "secret.png").write_bytes(encode_png(data.face(0)))
    (tmp_path / "given").mkdir()
    with pytest.raises(BadInput, match="none of 0 pictures has a face's name"):
        evaluate_predictions(tmp_path / "given", inputs_of(data, metric_suite), tmp_path / "metrics")
    export_masked(data, tmp_path / "out", PARAMS, MASK)
    assert {path.name for path in tmp_path.iterdir()} == {"secret.png", "given", "out"}
    assert len(list((tmp_path / "out" / "masked").iterdir())) == 2


@pytest.mark.parametrize("content", [b"no picture", encode_png(np.zeros((255, 256, 3), np.uint8))])
def test_a_picture_of_another_size_or_none_is_refused_by_name(
    content: bytes, three_persons: DatasetSplit, metric_suite: MetricSuite, tmp_path: Path
) -> None:
    faces = iterate_evaluation_faces(three_persons, PARAMS, MASK)
    name = min(file_names(three_persons)[face.face_id] for face in faces)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        BadInput, match=r"expected a (JPEG, PNG or WebP )?picture of .*, found (something else|256x255)"
    ):
        evaluate_predictions(tmp_path, inputs_of(three_persons, metric_suite), tmp_path / "metrics")


# The stage.


def prepare(made: Made, root: Path, network: InpaintingGenerator | None, recognition_network: Path | None) -> Layout:
    """A checkout in ``root`` with the data of ``made``, and a trained network if there is one."""
    at = Layout(root)
    for name in ("data", "manifests"):
        (root / name).mkdir()
        for path in (made.at.root / name).iterdir():
            (root / name / path.name).symlink_to(path)
    at.model_note("generator").parent.mkdir(parents=True)
    note = {"generator": "tiny", "reason": ""} if network else {"generator": None, "reason": "nothing to learn from."}
    at.model_note("generator").write_text(json.dumps(note), encoding="utf-8")
    if network:
        save_generator(network, at.model("generator"))
    at.recognition_network_note.write_text(
        json.dumps({"recognition_network": recognition_network and "tiny"}), encoding="utf-8"
    )
    if recognition_network:
        at.recognition_network.parent.mkdir()
        at.recognition_network.symlink_to(recognition_network)
    params = {"evaluate": PARAMS.model_dump(), "mask": MASK.model_dump()}
    at.params.write_text(yaml.safe_dump(params), encoding="utf-8")
    return at


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_the_stage_evaluates_the_test_persons_standard_faces(
    made: Made,
    network: InpaintingGenerator,
    recognition_network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = prepare(made, tmp_path, network, recognition_network)
    evaluate.main(at)
    rows = read_manifest(at.evaluation("faces"), EvaluatedFace)
    standard = {face.face_id for face in made.rows.faces if face.split == "test" and face.is_standard}
    assert {(row.dataset, row.person_id) for row in rows} == {("one", "cem"), ("two", "dora")}
    assert len(rows) == 4
    assert {row.face_id for row in rows} <= standard
    assert {row.segment_id for row in rows} == {"one/cem.0-a00000000", "two/dora.0-a00000000"}
    metrics = json.loads(at.metrics.read_text(encoding="utf-8"))
    assert metrics["one"]["l1"]["n"] == metrics["two"]["l1"]["n"] == 2
    assert (at.evaluation_folder / "swap.png").is_file()
    printed = capsys.readouterr().out
    assert "evaluate: 4 faces of 2 persons: psnr" in printed
    assert "evaluate: no lpips: evaluate.networks.lpips is null" in printed


def outs_of(at: Layout) -> dict[str, bytes]:
    """The bytes of all that the stage writes."""
    files = [at.metrics, at.evaluation("faces"), *(path for path in at.evaluation_folder.rglob("*") if path.is_file())]
    return {path.relative_to(at.root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def evaluated_checkout(
    made: Made,
    network: InpaintingGenerator,
    recognition_network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Layout:
    """A checkout whose stage has run once, with a cache of its own."""
    (tmp_path / "root").mkdir()
    at = prepare(made, tmp_path / "root", network, recognition_network)
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "cache"))
    evaluate.main(at)
    return at


def computed_again(at: Layout, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run the stage; return whether it evaluates."""
    calls = []

    def counted(*arguments: object) -> object:
        calls.append(arguments)
        return evaluate_network(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("model.evaluation.evaluate.evaluate_network", counted)
    evaluate.main(at)
    return bool(calls)


def test_a_rerun_with_nothing_changed_gets_equal_bytes_from_the_store(
    evaluated_checkout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = evaluated_checkout
    before = outs_of(at)
    shutil.rmtree(at.evaluation_folder)
    at.metrics.unlink()
    assert not computed_again(at, monkeypatch)
    assert outs_of(at) == before
    assert {"data/evaluation/grid.png", "data/evaluation/inpainted.parquet", "metrics.json"} <= before.keys()
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "evaluate: nothing that decides the result has changed: it comes from the store"
    assert second.startswith("evaluate: 4 faces of 2 persons: psnr ")


@pytest.mark.parametrize("damage", ["cut", "one bit flipped", "removed", "item file cut"])
def test_a_damaged_stored_evaluation_is_computed_again_to_equal_bytes(
    damage: str, evaluated_checkout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = evaluated_checkout
    before = outs_of(at)
    (stored,) = (tmp_path / "cache" / "items" / "evaluate").glob("*/*")
    grid = stored / "files" / "grid.png"
    damaged = stored / "item.json" if damage == "item file cut" else grid
    content = damaged.read_bytes()
    damaged.unlink()  # it is read-only
    if damage == "one bit flipped":
        damaged.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage != "removed":
        damaged.write_bytes(content[:-1])
    assert computed_again(at, monkeypatch)
    assert outs_of(at) == before
    assert not computed_again(at, monkeypatch)


def test_what_decides_the_result_is_part_of_the_key(
    evaluated_checkout: Layout, recognition_network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = evaluated_checkout
    params = yaml.safe_load(at.params.read_text(encoding="utf-8"))
    at.params.write_text(yaml.safe_dump(params | {"mask": STROKES.model_dump()}), encoding="utf-8")
    assert computed_again(at, monkeypatch)
    torch.manual_seed(5)
    other = InpaintingGenerator(ModelParams(width=8, variant="full", avff_gain=1.0), label_size=256).eval()
    save_generator(other, at.model("generator"))
    assert computed_again(at, monkeypatch)
    monkeypatch.setattr("model.evaluation.stored_evaluation.code_version", lambda *_, **__: "other code")
    assert computed_again(at, monkeypatch)
    note = json.dumps({"recognition_network": None})
    at.recognition_network_note.write_text(note, encoding="utf-8")
    assert computed_again(at, monkeypatch)
    assert not computed_again(at, monkeypatch)


def test_a_mask_that_is_no_file_is_one_clear_error(evaluated_checkout: Layout) -> None:
    at = evaluated_checkout
    params = yaml.safe_load(at.params.read_text(encoding="utf-8"))
    mask = {"kind": "image", "size_px": 128, "image": str(at.root / "none.png")}
    at.params.write_text(yaml.safe_dump(params | {"mask": mask}), encoding="utf-8")
    with pytest.raises(BadInput, match=r"none\.png: no such file: the evaluation needs it"):
        evaluate.main(at)


def metrics_of_the_stage(at: Layout) -> dict:
    """Run the stage, which writes all its files without a face, and return metrics.json."""
    evaluate.main(at)
    assert read_manifest(at.evaluation("faces"), EvaluatedFace) == []
    assert list(at.evaluation_folder.iterdir()) == []
    return json.loads(at.metrics.read_text(encoding="utf-8"))


def with_identities(at: Layout, change: Callable[[Identity], Identity | None]) -> None:
    identities = read_manifest(at.dataset("identities"), Identity)
    (at.root / "manifests" / "dataset").unlink()
    write_manifest(at.dataset("identities"), Identity, filter(None, map(change, identities)))


def test_nobody_in_the_test_split_is_a_reason_in_metrics_json(
    made: Made,
    network: InpaintingGenerator,
    recognition_network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = prepare(made, tmp_path, network, recognition_network)
    with_identities(at, lambda one: one if one.split == "train" else None)
    metrics = metrics_of_the_stage(at)
    why = "nobody is in the test split: nothing is evaluated. Raise persons.test_share, or add persons."
    assert metrics == {
        "n_faces": 0,
        "n_persons": 0,
        "overall": {},
        "retrieval": {},
        "swap": {},
        "notes": {},
        "unavailable": {"evaluation": why},
    }
    assert f"evaluate: no evaluation: {why}" in capsys.readouterr().out


@pytest.mark.parametrize("lacks", ["n_standard_faces", "n_segments"])
def test_test_persons_without_faces_or_sound_are_a_reason_in_metrics_json(
    lacks: str, made: Made, network: InpaintingGenerator, recognition_network: Path, tmp_path: Path
) -> None:
    at = prepare(made, tmp_path, network, recognition_network)
    with_identities(at, lambda one: replace(one, **{lacks: 0}))
    assert metrics_of_the_stage(at)["unavailable"]["evaluation"].startswith("the 2 test persons have ")


def test_a_training_without_a_network_is_a_reason_in_metrics_json(
    made: Made, recognition_network: Path, tmp_path: Path
) -> None:
    metrics = metrics_of_the_stage(prepare(made, tmp_path, None, recognition_network))
    why = "there is no generator: nothing to learn from. Nothing is evaluated."
    assert metrics["unavailable"] == {"evaluation": why}


def test_the_commands_export_and_evaluate_in_other_places(
    made: Made,
    network: InpaintingGenerator,
    recognition_network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at = prepare(made, tmp_path, network, recognition_network)
    export_masked_faces(tmp_path / "out", at)
    evaluate_pictures(tmp_path / "out" / "masked", tmp_path / "metrics", at)
    metrics = json.loads((tmp_path / "metrics" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["n_faces"] == 4
    assert not at.metrics.exists()
    assert "0 faces have no picture" not in capsys.readouterr().out
