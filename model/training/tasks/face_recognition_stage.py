"""The face recognition network of the stage ``pretrain_identity``: published weights or trained here, with its note."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from model.data.recognition_faces import RecognitionFaces, list_folder, store_faces
from model.settings import PretrainIdentityParams
from model.training.context import TrainingContext
from model.training.fit import CannotTrain
from model.training.tasks.face_recognition import SECTION, RecognitionMetrics, train_recognition_network
from model.training.trained_network import format_result, open_context
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import WeightsUnavailable
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.images import decode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section, released_names
from pipeline.core.records.dataset import DatasetFace
from pipeline.core.records.face import Face
from pipeline.core.records.person import TRAIN, SubjectPerson
from pipeline.core.storage.atomic import write_text
from pipeline.core.storage.manifest import iterate_manifest
from pipeline.core.storage.shards import iterate_batches
from pipeline.identity.network.resnet import FaceRecognitionNetwork
from pipeline.identity.network.weights_file import load_recognition_network, write_recognition_network
from pipeline.weights.fetch import find_weights
from pipeline.weights.state_dict import write_state_dict


def load_or_train_recognition_network(at: Layout) -> None:
    """Write the network of the weights that params.yaml names, or one trained here, and its note; print a summary.

    Where the weights can't be had, or there are too few persons to train on, the network becomes a file without
    tensors: DVC wants every out to exist. Raises BadInput and what else ``train_recognition_network`` raises.
    """
    with open_context(at, SECTION) as context:
        params = load_params(PretrainIdentityParams, SECTION, at.params)
        try:
            network, kind, facts, summary = _loaded(params.weights) if params.weights else _trained(params, at, context)
        except (WeightsUnavailable, CannotTrain) as error:
            if context.process.is_main:
                write_state_dict({}, at.recognition_network)
                _write_note(
                    {"recognition_network": None, "sha256": None, "embedding_size": 0, "reason": str(error)}, at
                )
                print(f"{SECTION}: {error} Faces have no identity label, and all else goes on.")
                if isinstance(error, WeightsUnavailable):
                    print(f"With the file in its place, run 'dvc repro -f -s {SECTION}' and then 'dvc repro'.")
            return
        if context.process.is_main:
            note = _save(network, kind, facts, at)
            print(f"{SECTION}: {note['recognition_network']}, {note['embedding_size']}-D{summary}")


class _Network(NamedTuple):
    network: FaceRecognitionNetwork
    kind: str
    facts: dict[str, Any]
    summary: str


def _loaded(name_or_path: str) -> _Network:
    return _Network(load_recognition_network(find_weights(name_or_path)), Path(name_or_path).name, {}, "")


def _trained(params: PretrainIdentityParams, at: Layout, context: TrainingContext) -> _Network:
    with TemporaryDirectory() as folder:
        if params.faces:
            faces: RecognitionFaces = list_folder(Path(params.faces))
        else:
            faces = store_faces(_training_faces(at), Path(folder) / "faces")
        network, metrics, result = train_recognition_network(faces, params, context)
    context.log_on_main(_accuracy_message(metrics))
    return _Network(network, "trained-here", {"training": asdict(metrics)}, f"; {format_result(result)}")


def _training_faces(at: Layout) -> Iterator[tuple[ImageRGB, str, str]]:
    """Yield the crops of all training persons, standard or not, with person id and clip id; in id order."""
    subjects = (row for row in iterate_manifest(at.subject_persons, SubjectPerson) if row.split == TRAIN)
    # One text for all faces of a subject, and of a person: those of each row would be as many as faces.
    texts = {row.subject_id: (sys.intern(row.person_id), row.clip_id) for row in subjects}
    for dataset in read_section("datasets", at.params):
        for batch in iterate_batches(at.faces_folder(dataset), Face, ["subject_id", "image"]):
            for row in batch.to_pylist():
                if row["subject_id"] in texts:
                    yield decode_png(row["image"]["bytes"]), *texts[row["subject_id"]]
    for dataset in released_names(at.params):
        faces = iterate_manifest(at.released_faces(dataset), DatasetFace)
        texts = {row.face_id: (sys.intern(row.person_id), row.clip_id) for row in faces if row.split == TRAIN}
        for batch in iterate_batches(at.faces_folder(dataset), Face, ["face_id", "image"]):
            for row in batch.to_pylist():
                if row["face_id"] in texts:
                    yield decode_png(row["image"]["bytes"]), *texts[row["face_id"]]


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
