"""A folder of a person's own clips: one more clip is one more clip's work."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from tests.end_to_end.conftest import Checkout

pytestmark = pytest.mark.slow

PER_CLIP_STAGES = ("download", "detect", "subjects", "crop", "audio", "recognise", "identify")


def write_short_clip(folder: Path, number: int) -> None:
    spec = ClipSpec(seed=5, person=number % 4, clip=number, duration_s=0.8, width_px=320, height_px=240)
    target = folder / f"speaker{number % 4}" / f"take {number:02d}.mp4"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_clip(spec, target)


def counts(output: str) -> dict[str, str]:
    """Return what each per-clip stage printed that it computed."""
    lines = [line for line in output.splitlines() if "@clips: " in line and " items, " in line]
    return {line.partition("@")[0]: line.partition(": ")[2].partition(" from the store")[0] for line in lines}


def test_adding_a_clip_to_twenty_computes_that_clip_alone_and_removing_one_computes_none(
    make_checkout: Callable[..., Checkout], tmp_path: Path
) -> None:
    own = tmp_path / "my talks #2: 'a' ${b} {c}, é"
    for number in range(20):
        write_short_clip(own, number)
    checkout = make_checkout(
        "folder",
        f"sources.clips.input={own}",
        "sources.clips.identity_from=sub_folder",
        "crop.n_random=2",
        "crop.n_candidates=0",
        # Weights of its own would be trained anew with the new clip's faces, and then label every face anew.
        f"pretrain_identity.weights={made_up_weights(tmp_path)}",
    )
    first = counts(checkout.run("dvc", "repro", "dataset"))
    write_short_clip(own, 20)
    second = counts(checkout.run("dvc", "repro", "dataset"))
    next(own.rglob("*.mp4")).unlink()
    third = counts(checkout.run("dvc", "repro", "dataset"))
    print("\n".join(f"{stage}: {first[stage]} | one clip more: {second[stage]}" for stage in PER_CLIP_STAGES))
    assert first == dict.fromkeys(PER_CLIP_STAGES, "20 items, 20 computed, 0")
    assert second == dict.fromkeys(PER_CLIP_STAGES, "21 items, 1 computed, 20")
    assert third == dict.fromkeys(PER_CLIP_STAGES, "20 items, 0 computed, 20")


def made_up_weights(folder: Path) -> Path:
    import torch

    from pipeline.identity.network.resnet import FaceRecognitionNetwork
    from pipeline.identity.network.weights_file import write_recognition_network

    torch.manual_seed(0)
    path = folder / "weights.safetensors"
    write_recognition_network(FaceRecognitionNetwork(0.125), path)
    return path
