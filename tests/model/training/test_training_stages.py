"""The training stages write what DVC and the next stage expect, resume, and report what is missing."""

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from safetensors.torch import load_file, save_file

from model.data.samples import TrainingSamples
from model.networks.audio_face import AudioFaceDecoder
from model.networks.generator_file import load_generator, load_generator_file
from model.networks.voice import VoiceNetwork, load_voice_network
from model.training.distributed import TrainingProcess
from model.training.run_settings import RunSettings
from pipeline.core.base.errors import BadInput
from pipeline.core.base.imports import ROOT
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import read_section
from pipeline.core.records.dataset import Identity
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.identity.network.weights_file import write_recognition_network
from stages import pretrain_audio_face, pretrain_voice, train
from tests.built_dataset import Made
from tests.model.params_of import AUDIO_FACE, MASK, TRAIN, VOICE
from tests.model.training.networks_to_train import WIDTH, make_networks

pytestmark = pytest.mark.slow

STEPS = 3


class Killed(Exception):
    """What stops a training in these tests."""


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEVOX_DEVICE", "cpu")
    monkeypatch.setenv("FACEVOX_LOADER_WORKERS", "0")


class Ended(NamedTuple):
    """All three stages have run."""

    at: Layout
    cache: Path
    printed: list[str]


@pytest.fixture(scope="module")
def dataset(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Two training persons, labels, and the face recognition network they are by; to be copied."""
    at = Layout(tmp_path_factory.mktemp("dataset") / "root")
    shutil.copytree(made.at.root, at.root)
    write_recognition_network(make_networks().recognition, at.recognition_network)
    note_recognition_network(at, "tiny-0123")
    return at


@pytest.fixture(scope="module")
def ended(dataset: Layout, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder, printed = tmp_path_factory.mktemp("ended"), StringIO()
    at = Layout(Path(shutil.copytree(dataset.root, folder / "root")))
    set_params(at)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.setenv("FACEVOX_CACHE", str(folder / "cache"))
        patch.setenv("FACEVOX_DEVICE", "cpu")
        patch.setenv("FACEVOX_LOADER_WORKERS", "0")
        for stage in (pretrain_voice, pretrain_audio_face, train):
            stage.main(at)
    return Ended(at, folder / "cache", printed.getvalue().splitlines())


@pytest.fixture
def at(dataset: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A dataset on which nothing was trained, and an empty cache."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "cache"))
    return Layout(Path(shutil.copytree(dataset.root, tmp_path / "root")))


@pytest.fixture
def at_ended(ended: Ended, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """What all stages left, and their cache."""
    monkeypatch.setenv("FACEVOX_CACHE", str(ended.cache))
    return Layout(Path(shutil.copytree(ended.at.root, tmp_path / "root")))


def note_recognition_network(at: Layout, name: str | None, reason: str = "") -> None:
    write_text(at.recognition_network_note, json.dumps({"recognition_network": name, "reason": reason}))


def set_params(at: Layout, variant: str = "full", **changes: dict[str, object]) -> None:
    """Write params.yaml; keywords are sections with what differs in them."""
    sections = {
        "datasets": ["one", "two"],
        "sources": {"one": {"kind": "synthetic"}, "two": {"kind": "folder"}},
        "audio": {**read_section("audio", ROOT / "params.yaml"), "profile": "voice2face"},
        "crop": read_section("crop", ROOT / "params.yaml"),
        "model": {"width": WIDTH, "variant": variant, "avff_gain": 1.0},
        "mask": MASK,
        "pretrain_voice": VOICE | {"steps": STEPS},
        "pretrain_audio_face": AUDIO_FACE | {"steps": STEPS},
        "train": TRAIN | {"steps": STEPS},
    }
    text = yaml.safe_dump(
        {
            name: section | changes.get(name, {}) if isinstance(section, dict) else section
            for name, section in sections.items()
        }
    )
    write_text(at.params, text)


def delete_outs(at: Layout) -> None:
    """As DVC does before it runs a stage."""
    for path in (at.model("generator"), at.model_note("generator")):
        path.unlink(missing_ok=True)
    shutil.rmtree(at.training_folder("train"), ignore_errors=True)


def outs(at: Layout) -> dict[str, bytes]:
    """Return what the stage ``train`` left, by path."""
    folder = at.training_folder("train")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in [at.model("generator"), at.model_note("generator"), *files]}


def note_of(at: Layout, name: str) -> dict:
    return json.loads(at.model_note(name).read_text(encoding="utf-8"))


def test_three_stages_lead_from_a_dataset_to_an_inpainting_network(ended: Ended) -> None:
    at = ended.at
    network = load_generator(at.model("generator"))
    voice = load_voice_network(at.model("voice"))
    assert network.voice is not None
    assert all((network.voice.state_dict()[name] == one).all() for name, one in voice.state_dict().items())
    note = note_of(at, "generator")
    assert note["generator"].startswith("full-")
    assert note["generator"].endswith(note["sha256"][:12])
    assert note["n_parameters"] == sum(one.numel() for one in network.parameters())
    assert note["voice"] == note_of(at, "voice")["voice"]
    assert note["audio_face"] == note_of(at, "audio_face")["audio_face"]
    assert note["recognition_network"] == "tiny-0123"
    assert note["trained_on"].startswith("2 persons, 12 faces (12 with a label of 16 values), 12 segments")
    training = note["training"]
    assert (training["n_steps"], training["device"], training["n_processes"]) == (STEPS, "cpu", 1)
    assert set(training["losses"]) == {"total", "label", "match", "face", "audio_face", "gan", "discriminator"}
    assert 0 <= training["waited_share"] <= 1
    assert training["samples_per_s"] == pytest.approx(STEPS * 2 / training["seconds"])


def test_each_stage_ends_in_one_line_of_losses_and_speed(ended: Ended) -> None:
    for stage, name in (("pretrain_voice", "voice"), ("pretrain_audio_face", "audio_face"), ("train", "generator")):
        last = [line for line in ended.printed if line.startswith(f"{stage}:")][-1]
        assert f"{note_of(ended.at, name)['n_parameters']:,} parameters; {STEPS} steps in " in last
        assert "% of the time waiting for data): " in last


def test_held_out_voices_are_measured(ended: Ended) -> None:
    """Of a person's clips a quarter is held out, in whole clips by a draw; 'ana' has four and 'ben' two."""
    voices = note_of(ended.at, "voice")["voices"]
    n_holdout, accuracy = voices["n_holdout_segments"], voices["holdout_accuracy"]
    assert n_holdout > 0
    assert voices["n_train_segments"] + n_holdout == 12
    measured = f"measured for {2 - voices['n_persons_without_holdout']} of 2 persons"
    expected = f"in clips not trained on, {accuracy:.1%} of {n_holdout} segments given to the right person; {measured}"
    assert f"pretrain_voice: {expected}" in ended.printed


def test_a_stage_that_ended_before_leaves_the_same_without_training(
    at_ended: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    at, before = at_ended, outs(at_ended)
    assert {"000000002.png", "000000003.png", "metrics.json", "total.tsv", "discriminator.tsv"} <= before.keys()
    delete_outs(at)
    train.main(at)
    assert outs(at) == before
    assert "train: had ended at step 3, nothing is left to do" in capsys.readouterr().out


def test_a_stage_killed_half_way_goes_on_to_the_same_weights_and_curves(
    at_ended: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed after the checkpoint of step 2, while it reads the batch of step 3; in a cache of its own."""
    at, before = at_ended, outs(at_ended)
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("FACEVOX_CHECKPOINT_EVERY", "2")
    delete_outs(at)

    def load(self: TrainingSamples, numbers: Sequence[int]) -> object:
        if 5 in numbers:
            raise Killed
        return original(self, numbers)

    original = TrainingSamples.load
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(TrainingSamples, "load", load)
        train.main(at)
    assert not at.model("generator").exists()
    delete_outs(at)
    train.main(at)
    assert "train: goes on after step 2 of 3" in capsys.readouterr().out
    note = at.model_note("generator").name
    assert {name: data for name, data in outs(at).items() if name != note} == {
        name: data for name, data in before.items() if name != note
    }


def test_a_run_by_hand_leaves_nothing_of_the_one_before(at_ended: Layout) -> None:
    """Nobody deletes the outs then."""
    stray = at_ended.training_folder("train") / "pictures" / "000000099.png"
    stray.write_bytes(b"")
    train.main(at_ended)
    assert not stray.exists()


def test_given_weights_become_the_voice_network(at: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = VoiceNetwork(width=16)
    state = given.state_dict()
    save_file(state, tmp_path / "given.safetensors")
    set_params(at, pretrain_voice={"weights": str(tmp_path / "given.safetensors")})
    pretrain_voice.main(at)
    found = load_file(at.model("voice"))
    assert all((found[name] == tensor).all() for name, tensor in state.items())
    assert note_of(at, "voice")["voice"].startswith("given.safetensors-")
    assert list(at.training_folder("pretrain_voice").iterdir()) == []
    n_parameters = sum(parameter.numel() for parameter in given.parameters())
    assert capsys.readouterr().out == f"pretrain_voice: given.safetensors, {n_parameters:,} parameters\n"


def assert_none(at: Layout, name: str, reason: str) -> None:
    assert load_file(at.model(name)) == {}
    note = note_of(at, name)
    assert (note[name], note["sha256"], note["n_parameters"]) == (None, None, 0)
    assert reason in note["reason"]


def test_weights_that_cannot_be_had_leave_a_note_and_what_needs_none_goes_on(
    at: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """'vggface2_resnet50' stands for any name of weights without a sha256."""
    monkeypatch.delenv("FACEVOX_WEIGHTS", raising=False)
    set_params(at, pretrain_voice={"weights": "vggface2_resnet50"})
    pretrain_voice.main(at)
    assert_none(at, "voice", "is not fetched, because its sha256 is unknown")
    assert "All that needs no voice network goes on." in capsys.readouterr().out
    pretrain_audio_face.main(at)
    assert_none(at, "audio_face", "there is no voice network: weights 'vggface2_resnet50'")
    train.main(at)
    assert_none(at, "generator", "there is no voice network: weights 'vggface2_resnet50'")
    assert at.training_folder("train").is_dir()
    set_params(at, variant="base", pretrain_voice={"weights": "vggface2_resnet50"})
    train.main(at)
    assert load_generator(at.model("generator")).voice is None


def test_a_decoder_of_no_steps_is_what_it_starts_from_and_needs_neither_voices_nor_faces(
    at: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = AudioFaceDecoder(WIDTH).state_dict()
    save_file(given, tmp_path / "given.safetensors")
    set_params(at, pretrain_audio_face={"weights": str(tmp_path / "given.safetensors"), "steps": 0})
    pretrain_audio_face.main(at)
    found = load_file(at.model("audio_face"))
    assert all((found[name] == tensor).all() for name, tensor in given.items())
    note = note_of(at, "audio_face")
    assert note["audio_face"].startswith("not-trained-") and "training" not in note
    assert capsys.readouterr().out.startswith("pretrain_audio_face: not-trained, ")


def test_voice2faces_generator_that_is_not_there_is_said_in_one_sentence(
    at: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FACEVOX_WEIGHTS", raising=False)
    set_params(at, pretrain_audio_face={"weights": "voice2face_generator"})
    pretrain_audio_face.main(at)
    assert_none(at, "audio_face", "weights 'voice2face_generator' (generator of voice2face")
    (line,) = capsys.readouterr().out.splitlines()
    assert "download it by hand" in line and "generator.pth" in line


def test_the_generators_file_says_what_it_was_trained_with(at_ended: Layout) -> None:
    _, trained_with = load_generator_file(at_ended.model("generator"))
    assert trained_with is not None and trained_with.alignment is not None
    assert (trained_with.sound.profile, trained_with.mask.kind, trained_with.mask.size_px) == (
        "voice2face",
        "rectangle_released",
        128,
    )
    assert trained_with.alignment.between_px == 64
    assert not trained_with.is_generated  # one of the two datasets is a folder of videos
    assert " faces of 2 persons (one, two)" in trained_with.faces


def test_a_training_starts_from_a_whole_generator_and_needs_no_pretraining(at_ended: Layout, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    shutil.copy(at_ended.model("generator"), start)
    for name in ("voice", "audio_face"):
        at_ended.model(name).unlink()
        at_ended.model_note(name).unlink()
    set_params(at_ended, train={"weights": str(start), "lr": 1e-12, "steps": 1})
    delete_outs(at_ended)
    train.main(at_ended)
    before, after = load_file(start), load_file(at_ended.model("generator"))
    parameters = [name for name in before if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    assert all((before[name] - after[name]).abs().max() < 1e-9 for name in parameters)
    assert note_of(at_ended, "generator")["started_from"] == str(start)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"width": 16}}, r"train\.weights: expected a generator with model\.width 16, found one with 8"),
        (
            {"model": {"avff_gain": 2.0}},
            r"train\.weights: expected a generator with model\.avff_gain 2\.0, found .* 1\.0",
        ),
        ({"variant": "base"}, r"train\.weights: expected a generator with model\.variant base, found one with full"),
    ],
    ids=["width", "gain", "variant"],
)
def test_a_generator_of_another_shape_to_start_from_is_refused(
    changes: dict, message: str, at_ended: Layout, tmp_path: Path
) -> None:
    start = tmp_path / "start.safetensors"
    shutil.copy(at_ended.model("generator"), start)
    set_params(at_ended, **({"train": {"weights": str(start)}} | changes))
    with pytest.raises(BadInput, match=message):
        train.main(at_ended)


def test_without_a_recognition_network_the_full_variant_says_so(at_ended: Layout) -> None:
    note_recognition_network(at_ended, None, "expected faces of 2 persons or more, found 20 of 1.")
    train.main(at_ended)
    assert_none(
        at_ended,
        "generator",
        "'full' matches identities, and there is no face recognition network: "
        "expected faces of 2 persons or more, found 20 of 1.",
    )


def test_a_dataset_without_training_persons_says_so(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    tested = [one for one in read_manifest(at.dataset("identities"), Identity) if one.split == "test"]
    write_manifest(at.dataset("identities"), Identity, tested)
    set_params(at)
    pretrain_voice.main(at)
    assert_none(at, "voice", "none of the 0 training persons has a segment of sound to learn from.")
    assert capsys.readouterr().out.count("\n") == 1


def test_one_training_person_is_trained_on_as_far_as_one_suffices_and_what_lacks_is_said(
    make_dataset: Callable[..., Made],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "cache"))
    at = make_dataset(persons=(("one", "ana", "train"), ("one", "cem", "test"))).at
    set_params(at, variant="base")
    pretrain_voice.main(at)
    assert_none(at, "voice", "expected voices of 2 persons or more, found 4 segments of 1.")
    pretrain_audio_face.main(at)
    assert_none(at, "audio_face", "there is no voice network: expected voices of 2 persons or more")
    assert capsys.readouterr().out.count("\n") == 2
    train.main(at)
    assert load_generator(at.model("generator")).voice is None


def test_other_than_the_main_process_writes_no_outs(at_ended: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    class Second:
        def __init__(self, settings: RunSettings) -> None:
            self.process = TrainingProcess(device=settings.device, rank=1)

        def __enter__(self) -> TrainingProcess:
            return self.process

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr("model.training.trained_network.join_processes", Second)
    delete_outs(at_ended)
    train.main(at_ended)
    assert not at_ended.model("generator").exists()
    assert not at_ended.training_folder("train").exists()


def test_a_wrong_param_stops_the_stage(at: Layout) -> None:
    set_params(at, pretrain_voice={"max_frames": 9999})
    with pytest.raises(BadInput, match="expected min_frames <= max_frames"):
        pretrain_voice.main(at)
