"""Measure the accuracy of the stage persons: talkers under shuffled names, and real clips and photos.

Part of ``python -m benchmarks.accuracy``; ``python -m benchmarks.accuracy.persons`` measures it alone. The figures need
weights: those of generated persons MobileFaceNet's (dlib's network takes most talkers for one person), those of real
persons one of the two networks', and folders of clips and photos, whose persons are listed in
``benchmarks/accuracy/labels``. Figures whose inputs are missing are reported as unavailable.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.figures import Figure, print_and_exit, process_pool, read_options, write_params
from benchmarks.accuracy.person_pairs import a_clip, grey_of, merging_figures, one_embedding, write_faces_alone
from benchmarks.accuracy.real_persons import LABELS, real_figures
from benchmarks.real_files import CLIPS_VARIABLE, PHOTOS_VARIABLE, folder_named_by
from pipeline.core.base.errors import FacevoxError, WeightsUnavailable
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.person import TEST, TRAIN, SubjectPerson
from pipeline.core.storage.manifest import read_manifest
from pipeline.face.measures.boxes import Box
from pipeline.identity.network.recogniser import build_recogniser
from pipeline.identity.persons.embeddings import face_embeddings
from pipeline.identity.persons.identities import main_subjects
from pipeline.identity.persons.leakage import audit_leakage
from pipeline.identity.persons.params import PersonsParams
from pipeline.identity.persons.published import published_identities
from pipeline.weights.fetch import find_weights
from stages.__main__ import run_stage

NETWORK = "mobilefacenet"  # of generated persons
REAL_NETWORKS = ("dlib_face_recognition", NETWORK)

GENERATED = "drawn"  # part of the ids
CLIPS_PER_PERSON = 6
FACES_PER_CLIP = 3
SHARED_NAME_SHARE = 0.2  # of the persons, in pairs, have one of their two names in common
YAW_DEG, PITCH_DEG, ROLL_DEG, LIP_OPENING = 12.0, 6.0, 4.0, 0.08  # standard deviations
BOX = Box(50, 62, 156, 156)  # of a face in an aligned picture of 256 pixels
# MobileFaceNet was not trained on generated faces: chosen on the persons of seeds 9001, 7777, 11 and 22.
GENERATED_PARAMS = {"whitening": 3.0, "same_person_above": 0.28, "other_person_below": 0.16, "same_split_above": 0.16}


@dataclass(frozen=True)
class GeneratedClip:
    """A clip of a talker, of which only faces are generated."""

    seed: int
    person: int
    clip: int

    @property
    def clip_id(self) -> str:
        return f"{GENERATED}/p{self.person:03}-{self.clip}"


def main() -> None:
    """Measure and print the figures; exit with status 1 when a target is missed."""
    options = read_options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_persons(Path(folder), options.persons, options.seed)
    print_and_exit(figures)


def measure_persons(folder: Path, n_persons: int, seed: int) -> list[Figure]:
    """Return the figures whose inputs are available; manifests go into ``folder``."""
    try:
        figures = generated_figures(Layout(folder / "drawn"), find_weights(NETWORK), n_persons, seed)
    except WeightsUnavailable as error:
        print(f"unavailable  persons: {error}")
        figures = []
    clips, photos = folder_named_by(CLIPS_VARIABLE), folder_named_by(PHOTOS_VARIABLE)
    if not clips or not photos:
        names = f"{CLIPS_VARIABLE} and {PHOTOS_VARIABLE}"
        print(f"unavailable  persons, real: {names} name no folders with the files of {LABELS.name}")
        return figures
    for network in REAL_NETWORKS:
        try:
            figures += real_figures(Layout(folder / network), network, clips, photos)
        except WeightsUnavailable as error:
            print(f"unavailable  persons, real, by {network}: {error}")
    return figures


def generated_figures(at: Layout, weights: Path, n_persons: int, seed: int) -> list[Figure]:
    """Return the figures of talkers with two names each, some of them shared by two talkers."""
    items = [GeneratedClip(seed, person, clip) for person in range(n_persons) for clip in range(CLIPS_PER_PERSON)]
    truth = {item.clip_id: str(item.person) for item in items}
    names = shuffled_names(items, np.random.default_rng(seed))
    with process_pool() as pool:
        embeddings = list(pool.map(partial(embed_generated, weights=weights), items, chunksize=4))
    write_params(at, GENERATED, recognise={"network": NETWORK}, persons=GENERATED_PARAMS)
    clips = [a_clip(GENERATED, one.clip_id, names[one.clip_id]) for one in items]
    write_faces_alone(at, GENERATED, clips, embeddings)
    run_stage("persons", at)
    subject_persons = read_manifest(at.subject_persons, SubjectPerson)
    return [
        *merging_figures("generated persons", subject_persons, truth, names),
        planted_figure(at, subject_persons, embeddings),
    ]


def shuffled_names(items: Sequence[GeneratedClip], rng: np.random.Generator) -> dict[str, str]:
    """Return a name for each clip: two names per person, half of the clips each; two persons may share a name."""
    n_persons = 1 + max(item.person for item in items)
    numbers = rng.permutation(2 * n_persons).tolist()
    in_pairs = rng.permutation(n_persons)[: 2 * int(n_persons * SHARED_NAME_SHARE)].tolist()
    same_as = dict(zip(in_pairs[::2], in_pairs[1::2], strict=True))
    names = {}
    for item in items:
        first = item.clip < CLIPS_PER_PERSON // 2
        number = 2 * same_as.get(item.person, item.person) if first else 2 * item.person + 1
        names[item.clip_id] = f"name {numbers[number]:03}"
    return names


def embed_generated(item: GeneratedClip, weights: Path) -> SubjectEmbedding:
    """Generate the faces of one clip, in one room and light, of random pose and lips, and embed them."""
    from pipeline.core.base.seeds import keyed_rng
    from pipeline.face.backends.dlib_backend import DlibBackend
    from pipeline.synthetic.look.aligned import HeadPose, aligned_face
    from pipeline.synthetic.script.traits import traits_of

    faces, points = [], []
    for number in range(FACES_PER_CLIP):
        move = keyed_rng("pose", item.seed, item.person, item.clip, number)
        face = aligned_face(
            traits_of(item.seed, item.person),
            rng=keyed_rng("room", item.seed, item.person, item.clip),
            pose=HeadPose(
                yaw_deg=float(move.normal(0, YAW_DEG)),
                pitch_deg=float(move.normal(0, PITCH_DEG)),
                roll_deg=float(move.normal(0, ROLL_DEG)),
                lip_opening=max(0.0, float(move.normal(LIP_OPENING / 2, LIP_OPENING))),
            ),
        )
        faces.append(face)
        points.append(DlibBackend().landmarks(grey_of(face), BOX))
    return one_embedding(item.clip_id, NETWORK, build_recogniser(weights).embed(faces, points))


def planted_figure(
    at: Layout, subject_persons: Sequence[SubjectPerson], embeddings: Sequence[SubjectEmbedding]
) -> Figure:
    """Return how many kinds of planted leak the audit finds, 0 when it fails without any."""
    params = load_params(PersonsParams, "persons", at.params)
    published, _ = published_identities(main_subjects(read_manifest(at.clips(GENERATED), Clip)), {}, params)
    compared = face_embeddings(published, embeddings, params.whitening)
    train = next(subject_person for subject_person in subject_persons if subject_person.split == TRAIN)
    test = next(subject_person for subject_person in subject_persons if subject_person.split == TEST)
    others = {subject_person.clip_id: f"content {subject_person.clip_id}" for subject_person in subject_persons}
    inputs: dict[str, Any] = {
        "subject_persons": subject_persons,
        "addresses": others,
        "contents": others,
        "embeddings": compared,
    }
    other_name = replace(train, person_id="somebody else", split=TEST)
    same = {**others, test.clip_id: others[train.clip_id]}
    planted: dict[str, dict[str, Any]] = {
        "person": {
            "subject_persons": [
                replace(train, split=TEST),
                *(subject_person for subject_person in subject_persons if subject_person != train),
            ]
        },
        "content": {"contents": same},
        "video": {"addresses": same},
        "face": {
            "subject_persons": [
                other_name,
                *(subject_person for subject_person in subject_persons if subject_person != train),
            ]
        },
    }
    detected = []

    def leaks(inputs: dict[str, Any]) -> list[str]:
        for name in ("addresses", "contents"):
            values = [inputs[name][subject_person.clip_id] for subject_person in inputs["subject_persons"]]
            inputs = {**inputs, name: values}
        return audit_leakage(**inputs, same_person_above=params.same_person_above, kept_apart=()).leaks

    for kind, change in planted.items():
        found = leaks({**inputs, **change})
        detected.append(bool(found))
        print(f"planted leak of {kind}: {found[0] if found else 'not found'}")
    clean = not leaks(inputs)
    return Figure("planted leaks that the audit finds", 25 * sum(detected) if clean else 0, 100, True, "%")


if __name__ == "__main__":
    try:
        main()
    except FacevoxError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
