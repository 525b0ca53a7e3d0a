"""Provide the face recognition network: the weights that params.yaml names, or one trained on the training persons."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.base.arrays import ImageRGB
from pipeline.base.errors import WeightsUnavailable
from pipeline.base.hashing import sha256_of
from pipeline.base.images import decode_png
from pipeline.base.layout import Layout
from pipeline.base.params import load_params, read_section
from pipeline.records.face import Face
from pipeline.records.person import TRAIN, ClipPerson
from pipeline.storage.atomic import replacing, write_text
from pipeline.storage.manifest import read_manifest
from pipeline.storage.shards import iterate_batches


def main(at: Layout = Layout()) -> None:
    """Run the stage; the network goes to one file in one format, whatever it came from."""
    from model.training.tasks.face_recognition import RecognitionTrainingParams

    params = load_params(RecognitionTrainingParams, "pretrain_identity", at.params)
    try:
        note = _given(params.weights, at) if params.weights else _trained(params, at)
        print(f"pretrain_identity: {note['recognition_network']}, {note['embedding_size']}-D")
    except WeightsUnavailable as error:
        note = _none(at)
        print(f"pretrain_identity: {error} Until then faces have no identity label, and all else goes on;")
        print("with the file in its place, run 'dvc repro -f -s pretrain_identity' and then 'dvc repro'.")
    write_text(at.recognition_network_note, json.dumps(note, indent=2, sort_keys=True) + "\n")


def _given(name_or_path: str, at: Layout) -> dict[str, Any]:
    """Take weights by name or path; raises WeightsUnavailable when they can't be had."""
    from pipeline.identity.network.weights_file import load_recognition_network, write_recognition_network
    from pipeline.weights.fetch import find_weights

    network = load_recognition_network(find_weights(name_or_path))
    write_recognition_network(network, at.recognition_network)
    return _note(Path(name_or_path).name, network.feature_size, at)


def _trained(params: Any, at: Layout) -> dict[str, Any]:
    from model.data.recognition_faces import list_folder, store_faces
    from model.training.tasks.face_recognition import train_recognition_network
    from pipeline.identity.network.weights_file import write_recognition_network

    with TemporaryDirectory() as folder:
        own = Path(folder) / "faces"
        faces = list_folder(Path(params.faces)) if params.faces else store_faces(_training_faces(at), own)
        network, metrics = train_recognition_network(faces, params, report=print)
    write_recognition_network(network, at.recognition_network)
    print(_judgement(metrics))
    return {**_note("trained-here", network.feature_size, at), "training": asdict(metrics)}


def _judgement(metrics: Any) -> str:
    judged = f"{metrics.n_persons - metrics.n_persons_without_holdout} of {metrics.n_persons} persons"
    if metrics.holdout_accuracy is None:
        return "pretrain_identity: no clips are held out: how well persons are known again is not measured"
    right = f"{metrics.holdout_accuracy:.1%} of {metrics.n_holdout_faces} faces"
    return f"pretrain_identity: in clips not trained on, {right} given to the right person; judged are {judged}"


def _none(at: Layout) -> dict[str, Any]:
    """Leave a file without tensors where the weights would be: DVC wants every out to be there."""
    from safetensors.torch import save

    with replacing(at.recognition_network) as temporary:
        temporary.write_bytes(save({}))
    return {"recognition_network": None, "sha256": None, "embedding_size": 0}


def _note(name: str, embedding_size: int, at: Layout) -> dict[str, Any]:
    sha256 = sha256_of(at.recognition_network)
    return {"recognition_network": f"{name}-{sha256[:12]}", "sha256": sha256, "embedding_size": embedding_size}


def _training_faces(at: Layout) -> Iterator[tuple[ImageRGB, str, str]]:
    """Yield the crops of all training persons, standard or not, whose each is, and its clip; in id order."""
    person_of = {one.clip_id: one.person_id for one in read_manifest(at.clip_persons, ClipPerson) if one.split == TRAIN}
    for dataset in read_section("datasets", at.params):
        for batch in iterate_batches(at.faces_folder(dataset), Face, ["clip_id", "image"]):
            for row in batch.to_pylist():
                if row["clip_id"] in person_of:
                    yield decode_png(row["image"]["bytes"]), person_of[row["clip_id"]], row["clip_id"]
