"""Paint the standard faces of the test persons and judge them: image metrics, identity, retrieval, voice swaps."""

import json
from typing import TYPE_CHECKING, Any

from pipeline.cache import cache_folder
from pipeline.layout import Layout
from pipeline.params import load_params
from pipeline.records.dataset import Identity
from pipeline.records.evaluation import EvaluatedFace
from pipeline.records.person import TEST
from pipeline.storage.atomic import replacing_folder, write_text
from pipeline.storage.manifest import read_manifest, write_manifest

if TYPE_CHECKING:
    from model.inpainter import Inpainter
    from model.judges import Judges
    from model.pack import Pack
    from model.settings import EvaluateParams

HEADLINES = ("psnr", "ssim", "l1", "l1_hole", "psi_cosine")


def main(at: Layout = Layout()) -> None:
    """Run the stage; where there is nobody to paint, or no network, metrics.json says so."""
    from model.evaluate import NothingToEvaluate, evaluate_network
    from model.evaluation_figures import no_figures, render
    from model.settings import EvaluateParams, MaskParams

    params = load_params(EvaluateParams, "evaluate", at.params)
    mask = load_params(MaskParams, "mask", at.params)
    rows: list[EvaluatedFace] = []
    with replacing_folder(at.evaluation_folder) as folder:
        try:
            network, pack = trained_network(at), pack_of_test_persons(at)
            rows, metrics = evaluate_network(network, pack, find_judges_at(at, params), params, mask, folder)
        except NothingToEvaluate as error:
            metrics = no_figures(str(error))
    write_manifest(at.evaluation("faces"), EvaluatedFace, rows)
    write_text(at.metrics, render(metrics))
    tell("evaluate", metrics)


def trained_network(at: Layout) -> "Inpainter":
    """Return the trained network; raises NothingToEvaluate where the training left none."""
    from model.evaluate import NothingToEvaluate
    from model.inpainter_file import load_inpainter

    note = json.loads(at.model_note("inpainter").read_text(encoding="utf-8"))
    if note["inpainter"] is None:
        raise NothingToEvaluate(f"there is no inpainter network: {note['why']} Nothing is evaluated.")
    return load_inpainter(at.model("inpainter"))


def pack_of_test_persons(at: Layout) -> "Pack":
    """Return the test persons' standard faces and segments; raises NothingToEvaluate where there are none."""
    from model.evaluate import NothingToEvaluate
    from model.pack import pack

    persons = [one for one in read_manifest(at.dataset("identities"), Identity) if one.split == TEST]
    if not persons:
        raise NothingToEvaluate(
            "nobody is in the test split: nothing is evaluated. Raise persons.test_share, or add persons."
        )
    n_faces, n_segments = sum(one.n_standard_faces for one in persons), sum(one.n_segments for one in persons)
    if not n_faces or not n_segments:
        raise NothingToEvaluate(
            f"the {len(persons)} test persons have {n_faces} standard faces and {n_segments} segments of sound: "
            "nothing is evaluated. 'facevox status' shows where they ended."
        )
    return pack(at, cache_folder() / "items", split=TEST, standard_only=True)


def find_judges_at(at: Layout, params: "EvaluateParams") -> "Judges":
    """Return the judges that params.yaml names, and this run's label network."""
    from model.judges import find_judges

    note = json.loads(at.label_network_note.read_text(encoding="utf-8"))
    judges = find_judges(params.networks, at.label_network if note["label_network"] else None)
    for remedy in judges.remedies:
        print(f"evaluate: {remedy}")
    return judges


def tell(title: str, metrics: dict[str, Any]) -> None:
    """Print the figures that matter most, and what there are none of."""
    overall = metrics["overall"]
    told = [f"{name} {overall[name]['value']:.4g}" for name in HEADLINES if name in overall]
    print(f"{title}: {metrics['n_faces']} faces of {metrics['n_persons']} persons: {', '.join(told) or 'no figures'}")
    for name, why in metrics["unavailable"].items():
        print(f"{title}: no {name}: {why}")
