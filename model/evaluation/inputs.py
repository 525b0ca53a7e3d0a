"""What an evaluation needs of a checkout: the trained network, the test persons' data, and the networks that judge."""

import json

from model.data.split import StoredPack, pack
from model.evaluation.evaluate import NothingToEvaluate
from model.evaluation.metric_suite import Judges, find_judges
from model.networks.generator import Inpainter
from model.networks.generator_file import load_inpainter
from model.settings import EvaluateParams
from pipeline.base.cache import cache_folder
from pipeline.base.layout import Layout
from pipeline.records.dataset import Identity
from pipeline.records.person import TEST
from pipeline.storage.manifest import read_manifest


def trained_network(at: Layout) -> Inpainter:
    """Return the trained network; raises NothingToEvaluate where the training left none."""
    note = json.loads(at.model_note("inpainter").read_text(encoding="utf-8"))
    if note["inpainter"] is None:
        raise NothingToEvaluate(f"there is no inpainter network: {note['why']} Nothing is evaluated.")
    return load_inpainter(at.model("inpainter"))


def pack_of_test_persons(at: Layout) -> StoredPack:
    """Return the test persons' standard faces and segments; raises NothingToEvaluate where there are none."""
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


def find_judges_at(at: Layout, params: EvaluateParams) -> Judges:
    """Return the judges that params.yaml names, and this run's label network; print what would provide others."""
    note = json.loads(at.label_network_note.read_text(encoding="utf-8"))
    judges = find_judges(params.networks, at.label_network if note["label_network"] else None)
    for remedy in judges.remedies:
        print(f"evaluate: {remedy}")
    return judges
