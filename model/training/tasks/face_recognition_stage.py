"""The face recognition network of the stage ``pretrain_identity``: published weights or trained here, with its note."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model.data.recognition_faces import list_folder, store_faces
from model.training.tasks.face_recognition import (
    SECTION,
    RecognitionMetrics,
    RecognitionTrainingParams,
    train_recognition_network,
)
from pipeline.base.arrays import ImageRGB
from pipeline.base.hashing import sha256_of
from pipeline.base.images import decode_png
from pipeline.base.layout import Layout
from pipeline.base.params import load_params, read_section
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from pipeline.identity.network.weights_file import load_recognition_network, write_recognition_network
from pipeline.records.face import Face
from pipeline.records.person import TRAIN, ClipPerson
from pipeline.storage.atomic import write_text
from pipeline.storage.manifest import read_manifest
from pipeline.storage.shards import iterate_batches
from pipeline.weights.fetch import find_weights
from pipeline.weights.state_dict import write_state_dict


def load_or_train_recognition_network(at: Layout) -> dict[str, Any]:
    """Write the network of the weights that params.yaml names, or one trained here; write and return its note.

    Raises WeightsUnavailable for weights that can't be had, and what ``train_recognition_network`` raises.
    """
    params = load_params(RecognitionTrainingParams, SECTION, at.params)
    if params.weights:
        network = load_recognition_network(find_weights(params.weights))
        return _save(network, Path(params.weights).name, {}, at)
    network, metrics = _trained(params, at)
    print(_accuracy_message(metrics))
    return _save(network, "trained-here", {"training": asdict(metrics)}, at)


def save_no_recognition_network(at: Layout) -> None:
    """Write a file without tensors in the network's place, and its note: DVC wants every out to exist."""
    write_state_dict({}, at.recognition_network)
    _write_note({"recognition_network": None, "sha256": None, "embedding_size": 0}, at)


def _trained(params: RecognitionTrainingParams, at: Layout) -> tuple[FaceRecognitionNetwork, RecognitionMetrics]:
    with TemporaryDirectory() as folder:
        if params.faces:
            return train_recognition_network(list_folder(Path(params.faces)), params, log=print)
        return train_recognition_network(store_faces(_training_faces(at), Path(folder) / "faces"), params, log=print)


def _training_faces(at: Layout) -> Iterator[tuple[ImageRGB, str, str]]:
    """Yield the crops of all training persons, standard or not, with person id and clip id; in id order."""
    person_of = {row.clip_id: row.person_id for row in read_manifest(at.clip_persons, ClipPerson) if row.split == TRAIN}
    for dataset in read_section("datasets", at.params):
        for batch in iterate_batches(at.faces_folder(dataset), Face, ["clip_id", "image"]):
            for row in batch.to_pylist():
                if row["clip_id"] in person_of:
                    yield decode_png(row["image"]["bytes"]), person_of[row["clip_id"]], row["clip_id"]


def _accuracy_message(metrics: RecognitionMetrics) -> str:
    if metrics.holdout_accuracy is None:
        return f"{SECTION}: no clips are held out: the accuracy of face recognition is not measured"
    measured = f"{metrics.n_persons - metrics.n_persons_without_holdout} of {metrics.n_persons} persons"
    correct = f"{metrics.holdout_accuracy:.1%} of {metrics.n_holdout_faces} faces"
    return f"{SECTION}: in clips not trained on, {correct} given to the right person; measured for {measured}"


def _save(network: FaceRecognitionNetwork, kind: str, facts: dict[str, Any], at: Layout) -> dict[str, Any]:
    write_recognition_network(network, at.recognition_network)
    sha256 = sha256_of(at.recognition_network)
    note = {
        "recognition_network": f"{kind}-{sha256[:12]}",
        "sha256": sha256,
        "embedding_size": network.feature_size,
        **facts,
    }
    _write_note(note, at)
    return note


def _write_note(note: dict[str, Any], at: Layout) -> None:
    write_text(at.recognition_network_note, json.dumps(note, indent=2, sort_keys=True) + "\n")
