"""The persons of real clips and photos: what the stage persons merges, leave-one-person-out, and what voices say.

A part of benchmarks/accuracy/persons.py. Whom each file shows is listed in ``benchmarks/accuracy/labels``.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.figures import Figure, list_folder, write_params
from benchmarks.accuracy.person_pairs import (
    TARGET_PRECISION,
    TARGET_RECALL,
    a_clip,
    grey_of,
    merging_figures,
    one_embedding,
    write_faces_alone,
)
from benchmarks.accuracy.standard_faces import Share
from pipeline.core.base.arrays import ImageRGB, Landmarks
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import PARAMS_FILE, read_params, read_section
from pipeline.core.records.clip import Clip, clip_name
from pipeline.core.records.evidence import PersonEvidence, SubjectEmbedding
from pipeline.core.records.person import SubjectPerson
from pipeline.core.records.subject import clip_of, main_subject_id
from pipeline.core.storage.manifest import read_manifest
from pipeline.core.storage.vectors import Vectors, unit
from pipeline.face.backends.interface import FaceBackend, averaged_landmarks
from pipeline.face.crops.align import Template, crop_aligned, similarity_to, transform
from pipeline.face.measures.measures import inside_share
from pipeline.face.measures.points import eye_centres
from pipeline.identity.network.recogniser import Recogniser, named_recogniser
from pipeline.identity.persons.cluster import average_linkage
from pipeline.identity.persons.voices import SubjectVoices
from stages.__main__ import run_stage

LABELS = Path(__file__).parent / "labels" / "real_persons.csv"
REAL_CLIPS, PHOTOS = "clips", "photos"
PHOTO_MARGIN = 0.25  # mirrored around photos, some of which are cut close to the face
MAX_PHOTO_PX = 1280
NOT_HUMAN = "not_human"  # a label
LIMITS = np.arange(0.2, 0.9, 0.005)
LIMIT_PLACE = 0.5  # of the limits that are equally good for the others: the middle


def real_figures(at: Layout, network: str, clips_folder: Path, photos_folder: Path) -> list[Figure]:
    """Return the figures of the real clips and photos in two folders, each under a name of its own, by ``network``."""
    recogniser = named_recogniser(network, 1)
    person_of = real_persons()
    write_params(at, REAL_CLIPS, PHOTOS, recognise={"network": network})
    list_folder(at, REAL_CLIPS, clips_folder)
    for stage in ("download", "detect", "subjects", "crop", "recognise"):
        run_stage(stage, REAL_CLIPS, at)
    clips = read_manifest(at.clips(REAL_CLIPS), Clip)
    photos = list(embed_photos(photos_folder, recogniser.recogniser, recogniser.name))
    photo_clips = [a_clip(PHOTOS, one.clip_id, name) for name, one in photos]
    write_faces_alone(at, PHOTOS, photo_clips, [one for _, one in photos])
    run_stage("persons", at)
    files = {clip.clip_id: Path(clip.address).name for clip in clips} | {one.clip_id: name for name, one in photos}
    truth = {clip_id: person_of[name] for clip_id, name in files.items() if name in person_of}
    embedded = {
        one.clip_id
        for name in (REAL_CLIPS, PHOTOS)
        for one in read_manifest(at.subject_embeddings(name), SubjectEmbedding)
    }
    subject_persons = read_manifest(at.subject_persons, SubjectPerson)
    without_face = sorted(files[clip_id] for clip_id in truth.keys() - embedded)
    print(
        f"real clips and photos by {network}: {len(truth.keys() & embedded)} of {len(set(truth.values()))} persons; "
        f"no face in {without_face}"
    )
    print_voices(at, truth)
    generated = generated_persons()
    real = {clip_id: person for clip_id, person in truth.items() if person not in generated}
    return [
        figure
        for what, of_what in (("real persons", real), ("real and generated persons", truth))
        for figure in (
            *merging_figures(f"{what} by {network}", subject_persons, of_what, files),
            *left_out_figures(f"{what} left out, by {network}", at, of_what),
        )
    ]


def print_voices(at: Layout, truth: Mapping[str, str]) -> None:
    """Print how alike the voices of clips of one person and of two are, and which findings voices contradict."""
    params = read_section("persons", at.params)
    voices = {
        clip_of(one): voice for one, voice in SubjectVoices([REAL_CLIPS], at)(sorted(map(main_subject_id, truth)))
    }
    same: list[float] = []
    others: list[float] = []
    for a, b in combinations(sorted(voices), 2):
        (same if truth[a] == truth[b] else others).append(float(voices[a] @ voices[b]))
    unlike = sum(score < params["other_voice_below"] for score in others)
    alike = sum(score >= params["same_voice_above"] for score in others)
    print(
        f"voices of {len(voices)} clips: {len(same)} pairs of one person are {min(same):.2f} alike or more; of "
        f"{len(others)} pairs of two, {unlike} are below other_voice_below and {alike} not below same_voice_above"
    )
    for row in read_manifest(at.person_evidence, PersonEvidence):
        pair = [truth.get(clip_of(one)) for one in (row.subject_id, row.other_subject_id)]
        if row.voice_score is not None and None not in pair:
            is_right = "right" if pair[0] == pair[1] else "wrong"
            doubt = "contradicted by" if row.is_doubtful else "not contradicted by"
            print(f"{row.evidence_id}: {row.score:.2f}, {is_right}, {doubt} voices {row.voice_score:.2f} alike")


def generated_persons() -> set[str]:
    """Return the persons of the labels who were made by a computer."""
    persons = pd.read_csv(LABELS.with_name("persons.csv"), dtype=str)
    return set(persons["person"][persons["real"] == "no"])


def real_persons() -> dict[str, str]:
    """Return the person of each labelled file that shows one."""
    faces = pd.read_csv(LABELS.with_name("faces.csv"), dtype=str).groupby("file")["person"].unique()
    found = {str(file): str(persons[0]) for file, persons in faces.items() if len(persons) == 1}
    earlier = pd.read_csv(LABELS, dtype=str)
    found |= dict(zip(earlier["file"], earlier["person"], strict=True))
    return {file: person for file, person in found.items() if person != NOT_HUMAN}


def left_out_figures(what: str, at: Layout, truth: Mapping[str, str]) -> list[Figure]:
    """Return precision and recall of the pairs with each person, at the limit that is best for the other persons.

    A pair of two persons counts for both.
    """
    rows = [
        one for name in (REAL_CLIPS, PHOTOS) for one in read_manifest(at.subject_embeddings(name), SubjectEmbedding)
    ]
    rows = [one for one in rows if one.clip_id in truth]
    vectors = unit(np.stack([one.embedding for one in rows]))
    persons = np.array([truth[one.clip_id] for one in rows])
    n_correct = n_merged = n_same = 0
    chosen = []
    for person in np.unique(persons):
        of_person = persons == person
        limit = best_limit(vectors[~of_person], persons[~of_person])
        correct, merged, same = count_pairs(average_linkage(vectors, limit), persons, of_person)
        n_correct, n_merged, n_same = n_correct + correct, n_merged + merged, n_same + same
        chosen.append(limit)
    print(
        f"{what}: of {len(rows)} files of {len(chosen)} persons, limits {min(chosen):.3f} to {max(chosen):.3f}; "
        f"merged pairs that are right {Share(n_correct, n_merged).text()}, "
        f"pairs of one person that are merged {Share(n_correct, n_same).text()}"
    )
    return [
        Figure(f"{what}: precision", 100 * n_correct / max(1, n_merged), TARGET_PRECISION, True, "%"),
        Figure(f"{what}: recall", 100 * n_correct / max(1, n_same), TARGET_RECALL, True, "%"),
    ]


def best_limit(vectors: Vectors, persons: NDArray[np.str_]) -> float:
    """Return the limit of merging with the best F1 of pairs; of several LIMIT_PLACE of the way up."""
    f1 = []
    for limit in LIMITS:
        correct, merged, same = count_pairs(average_linkage(vectors, limit), persons, np.ones(len(persons), bool))
        f1.append(2 * correct / max(1, merged + same))
    best = LIMITS[np.array(f1) >= max(f1) - 1e-12]
    return float(best[0] + LIMIT_PLACE * (best[-1] - best[0]))


def count_pairs(
    groups: NDArray[np.int64], persons: NDArray[np.str_], chosen: NDArray[np.bool_]
) -> tuple[int, int, int]:
    """Return how many pairs with a ``chosen`` clip are rightly merged, merged, and of one person."""
    a, b = np.triu_indices(len(groups), 1)
    a, b = a[chosen[a] | chosen[b]], b[chosen[a] | chosen[b]]
    merged, same = groups[a] == groups[b], persons[a] == persons[b]
    return int((merged & same).sum()), int(merged.sum()), int(same.sum())


def embed_photos(folder: Path, recogniser: Recogniser, network: str) -> Iterator[tuple[str, SubjectEmbedding]]:
    """Yield (file, embedding) of every photo in which a face is found: the largest one, aligned as crops are."""
    import cv2

    from pipeline.face.backends.registry import build_backend

    backend = build_backend("blazeface_dlib")
    params = read_params(PARAMS_FILE)
    template, min_inside_share = Template(**params["crop"]["template"]), params["select"]["min_inside_share"]
    for path in sorted(one for one in folder.iterdir() if one.suffix in (".jpg", ".png")):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        assert bgr is not None, path
        scale = min(1.0, MAX_PHOTO_PX / max(bgr.shape[:2]))
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        margin = int(PHOTO_MARGIN * max(bgr.shape[:2]))
        bgr = cv2.copyMakeBorder(bgr, margin, margin, margin, margin, cv2.BORDER_REFLECT_101)
        if face := largest_face(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), margin, min_inside_share, backend, template):
            features = recogniser.embed([face[0]], [face[1]])
            yield path.name, one_embedding(f"{PHOTOS}/{clip_name(path.stem)}", network, features)


def largest_face(
    picture: ImageRGB, margin_px: int, min_inside_share: float, backend: FaceBackend, template: Template
) -> tuple[ImageRGB, Landmarks] | None:
    """Return the largest face of ``picture``, aligned, with its points; None without a face.

    Faces in the mirrored margin, and those of whose box less than ``min_inside_share`` is in the photo, count as none.
    """
    grey = grey_of(picture)
    width_px, height_px = (side - 2 * margin_px for side in grey.shape[::-1])
    for found in sorted(backend.detect(grey), key=lambda one: -one.box.area):
        if inside_share(found.box.moved(-margin_px, -margin_px), width_px, height_px) < min_inside_share:
            continue
        points = averaged_landmarks(backend, grey, found.box)
        if points is not None:
            similarity = similarity_to(template, *eye_centres(points))
            return crop_aligned(picture, similarity, template.size_px), transform(similarity, points)
    return None
