"""Measure how right the stage persons is: drawn people under shuffled names, and real clips and photos.

Called at the end of ``python -m benchmarks.accuracy``; ``python -m benchmarks.accuracy.persons`` measures it alone. The
figures need the weights of MobileFaceNet, those of real people also a folder of clips and one of photos, in which
``benchmarks/accuracy/labels/real_persons.csv`` says who shows whom. What is not here is told, and not counted.
"""

import csv
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import stages.crop
import stages.detect
import stages.download
import stages.persons
import stages.recognise
from benchmarks.accuracy.figures import Figure, read_options, tell
from pipeline.base.arrays import ImageRGB, Landmarks
from pipeline.base.errors import FacevoxError, WeightsUnavailable
from pipeline.base.layout import Layout
from pipeline.base.params import PARAMS_FILE, load_params, read_params
from pipeline.face.backends.interface import FaceBackend, steady_landmarks
from pipeline.face.crops.align import Template, crop_aligned, similarity_to, transform
from pipeline.face.measures.boxes import Box
from pipeline.face.measures.points import eye_centres
from pipeline.identity.network.clip_embedding import embedding_of
from pipeline.identity.network.recogniser import build_recogniser
from pipeline.identity.persons.evidence import comparable
from pipeline.identity.persons.leakage import audit_leakage
from pipeline.identity.persons.persons import PersonsParams, claim_clips
from pipeline.records.clip import NO_CROP, Clip, clip_name
from pipeline.records.evidence import ClipEmbedding
from pipeline.records.media import Media
from pipeline.records.person import TEST, TRAIN, ClipPerson
from pipeline.sources.folder import list_clips
from pipeline.sources.settings import FolderSource
from pipeline.storage.manifest import read_manifest, write_manifest
from pipeline.weights.fetch import LOCAL_VARIABLE, find_weights

NETWORK = "mobilefacenet"
SHARED = Path(__file__).parents[3] / "shared"  # where the tests, too, look for clips, photos and weights
LABELS = Path(__file__).parent / "labels" / "real_persons.csv"

DRAWN = "drawn"
CLIPS_PER_PERSON = 6
FACES_PER_CLIP = 3
SHARED_NAME_SHARE = 0.2  # of the persons, in pairs, have one of their two names in common
YAW_DEG, PITCH_DEG, ROLL_DEG, LIP_OPENING = 12.0, 6.0, 4.0, 0.08  # standard deviations
BOX = Box(50, 62, 156, 156)  # of a face in an aligned picture of 256 pixels
# MobileFaceNet has never seen drawn faces: chosen on the persons of seeds 9001 and 7777.
DRAWN_PARAMS = {"whitening": 1.0, "same_person_above": 0.32, "other_person_below": 0.25, "same_side_above": 0.22}

REAL_CLIPS, PHOTOS = "clips", "photos"
PHOTO_MARGIN = 0.25  # mirrored around photos, some of which are cut close to the face
MAX_PHOTO_PX = 1280

TARGET_PRECISION, TARGET_RECALL = 99.0, 95.0


@dataclass(frozen=True)
class Drawn:
    """A clip of a drawn person."""

    seed: int
    person: int
    clip: int

    @property
    def clip_id(self) -> str:
        return f"{DRAWN}/p{self.person:03}-{self.clip}"


def main() -> None:
    options = read_options(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_persons(Path(folder), options.persons, options.seed)
    tell(figures)


def measure_persons(folder: Path, n_persons: int, seed: int) -> list[Figure]:
    """Return the figures of what is here, after a line on what is not; manifests go into ``folder``."""
    if (SHARED / "weights").is_dir():
        os.environ.setdefault(LOCAL_VARIABLE, str(SHARED / "weights"))
    try:
        weights = find_weights(NETWORK)
    except WeightsUnavailable as error:
        print(f"unavailable  persons: {error}")
        return []
    figures = drawn_figures(Layout(folder / "drawn"), weights, n_persons, seed)
    if (SHARED / "clips").is_dir() and (SHARED / "pairs").is_dir():
        return [*figures, *real_figures(Layout(folder / "real"), weights)]
    print(f"unavailable  persons, real: {SHARED}/clips and {SHARED}/pairs, with the files named in {LABELS.name}")
    return figures


def drawn_figures(at: Layout, weights: Path, n_persons: int, seed: int) -> list[Figure]:
    """Draw people, give each two names, some of them shared, and let the stage find who is who."""
    items = [Drawn(seed, person, clip) for person in range(n_persons) for clip in range(CLIPS_PER_PERSON)]
    truth = {item.clip_id: str(item.person) for item in items}
    names = shuffled_names(items, np.random.default_rng(seed))
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        embeddings = list(pool.map(partial(embed_drawn, weights=weights), items, chunksize=4))
    write_params(at, [DRAWN], DRAWN_PARAMS)
    write_manifest(at.clips(DRAWN), Clip, [a_clip(DRAWN, one.clip_id, names[one.clip_id]) for one in items])
    write_manifest(at.media(DRAWN), Media, [])
    write_manifest(at.clip_embeddings(DRAWN), ClipEmbedding, embeddings)
    stages.persons.main(at)
    clip_persons = read_manifest(at.clip_persons, ClipPerson)
    return [
        *merging_figures("drawn persons", clip_persons, truth, names),
        planted_figure(at, clip_persons, embeddings),
    ]


def shuffled_names(items: Sequence[Drawn], rng: np.random.Generator) -> dict[str, str]:
    """Return a name for each clip: half of a person's clips have one, half another, some of which two persons share."""
    n_persons = 1 + max(item.person for item in items)
    drawn = rng.permutation(2 * n_persons).tolist()
    in_pairs = rng.permutation(n_persons)[: 2 * int(n_persons * SHARED_NAME_SHARE)].tolist()
    same_as = dict(zip(in_pairs[::2], in_pairs[1::2], strict=True))
    names = {}
    for item in items:
        first = item.clip < CLIPS_PER_PERSON // 2
        number = 2 * same_as.get(item.person, item.person) if first else 2 * item.person + 1
        names[item.clip_id] = f"name {drawn[number]:03}"
    return names


def embed_drawn(item: Drawn, weights: Path) -> ClipEmbedding:
    """Draw the faces of one clip, in one room and light, of varied pose and lips, and embed them."""
    from pipeline.base.seeds import keyed_rng
    from pipeline.face.backends.dlib_backend import DlibBackend
    from pipeline.synthetic.look.aligned import aligned_face
    from pipeline.synthetic.script.traits import traits_of

    faces, points = [], []
    for number in range(FACES_PER_CLIP):
        move = keyed_rng("pose", item.seed, item.person, item.clip, number)
        face = aligned_face(
            traits_of(item.seed, item.person),
            rng=keyed_rng("room", item.seed, item.person, item.clip),
            yaw_deg=float(move.normal(0, YAW_DEG)),
            pitch_deg=float(move.normal(0, PITCH_DEG)),
            roll_deg=float(move.normal(0, ROLL_DEG)),
            lip_opening=max(0.0, float(move.normal(LIP_OPENING / 2, LIP_OPENING))),
        )
        faces.append(face)
        points.append(DlibBackend().landmarks(grey_of(face), BOX))
    return one_embedding(item.clip_id, weights, faces, points)


def one_embedding(clip_id: str, weights: Path, faces: Sequence[ImageRGB], points: Sequence[Landmarks]) -> ClipEmbedding:
    found = embedding_of(clip_id, NETWORK, build_recogniser(weights).embed(faces, points))
    assert isinstance(found, list)
    return found[0]


def grey_of(picture: ImageRGB) -> Any:
    import cv2

    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def real_figures(at: Layout, weights: Path) -> list[Figure]:
    """Take real clips through the stages, add photos, a name each, and let the stage find who is who."""
    with LABELS.open(encoding="utf-8", newline="") as file:
        person_of = {row["file"]: row["person"] for row in csv.DictReader(file)}
    write_params(at, [REAL_CLIPS, PHOTOS], {})
    source = FolderSource(
        kind="folder",
        input=str(SHARED / "clips"),
        identity_from="file_name",
        identity_pattern="(?P<identity>.+)",
        identity_table=None,
        licence="unknown",
        recursive=True,
    )
    clips, _ = list_clips(REAL_CLIPS, source)
    write_manifest(at.clips(REAL_CLIPS), Clip, clips)
    for stage in (stages.download, stages.detect, stages.crop, stages.recognise):
        stage.main(REAL_CLIPS, at)
    photos = list(embed_photos(SHARED / "pairs", weights))
    write_manifest(at.clips(PHOTOS), Clip, [a_clip(PHOTOS, one.clip_id, name) for name, one in photos])
    write_manifest(at.media(PHOTOS), Media, [])
    write_manifest(at.clip_embeddings(PHOTOS), ClipEmbedding, [one for _, one in photos])
    stages.persons.main(at)
    files = {clip.clip_id: Path(clip.address).name for clip in clips} | {one.clip_id: name for name, one in photos}
    truth = {clip_id: person_of[name] for clip_id, name in files.items() if name in person_of}
    seen = {
        one.clip_id for name in (REAL_CLIPS, PHOTOS) for one in read_manifest(at.clip_embeddings(name), ClipEmbedding)
    }
    clip_persons = read_manifest(at.clip_persons, ClipPerson)
    unseen = sorted(files[clip_id] for clip_id in truth.keys() - seen)
    print(
        f"real clips and photos: {len(truth.keys() & seen)} of {len(set(truth.values()))} persons; no face in {unseen}"
    )
    return merging_figures("real persons", clip_persons, truth, files)


def embed_photos(folder: Path, weights: Path) -> Iterator[tuple[str, ClipEmbedding]]:
    """Yield (file, embedding) of every photo in which a face is found: the largest one, aligned as crops are."""
    import cv2

    from pipeline.face.backends.registry import build_backend

    backend = build_backend("yunet_dlib")
    template = Template(**read_params(PARAMS_FILE)["crop"]["template"])
    for path in sorted(one for one in folder.iterdir() if one.suffix in (".jpg", ".png")):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        scale = min(1.0, MAX_PHOTO_PX / max(bgr.shape[:2]))
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        margin = int(PHOTO_MARGIN * max(bgr.shape[:2]))
        bgr = cv2.copyMakeBorder(bgr, *[margin] * 4, cv2.BORDER_REFLECT_101)
        if face := largest_face(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), backend, template):
            yield path.name, one_embedding(f"{PHOTOS}/{clip_name(path.stem)}", weights, [face[0]], [face[1]])


def largest_face(picture: ImageRGB, backend: FaceBackend, template: Template) -> tuple[ImageRGB, Landmarks] | None:
    """Return the largest face of ``picture``, aligned, with its points."""
    grey = grey_of(picture)
    for found in sorted(backend.detect(grey), key=lambda one: -one.box.area):
        points = steady_landmarks(backend, grey, found.box)
        if points is not None:
            similarity = similarity_to(template, *eye_centres(points))
            return crop_aligned(picture, similarity, template.size_px), transform(similarity, points)
    return None


def write_params(at: Layout, datasets: list[str], persons: Mapping[str, float]) -> None:
    """Write params.yaml as committed, but for the datasets, the network and what ``persons`` says."""
    params = read_params(PARAMS_FILE)
    params["datasets"] = datasets
    params["recognise"]["network"] = NETWORK
    params["persons"].update(persons)
    at.root.mkdir(parents=True)
    at.params.write_text(yaml.safe_dump(params), encoding="utf-8")


def a_clip(dataset: str, clip_id: str, identity: str) -> Clip:
    return Clip(
        clip_id=clip_id,
        dataset=dataset,
        identity=identity,
        address=clip_id,
        start_s=None,
        end_s=None,
        **NO_CROP,
        licence="",
        origin="benchmark",
        content_hash="",
    )


def merging_figures(
    what: str, clip_persons: Iterable[ClipPerson], truth: Mapping[str, str], names: Mapping[str, str]
) -> list[Figure]:
    """Return how right it is that two clips are one person's, and how many persons stand on both sides of the split.

    A clip that was left out belongs to nobody, so that its pairs are missed.
    """
    found = {clip_person.clip_id: clip_person for clip_person in clip_persons}
    alone = {clip_id: found[clip_id].person_id if clip_id in found else clip_id for clip_id in truth}
    precision, recall = pairs_right(alone, truth)
    by_name = pairs_right({clip_id: names[clip_id] for clip_id in truth}, truth)
    print(f"{what} by name alone: precision {by_name[0]:.1f} %, recall {by_name[1]:.1f} %")
    sides: dict[str, set[str]] = defaultdict(set)
    for clip_id, person in truth.items():
        if clip_id in found:
            sides[person].add(found[clip_id].split)
    both = sum(len(one) > 1 for one in sides.values())
    return [
        Figure(f"{what}: pairs of clips joined that are one person's", precision, TARGET_PRECISION, True, "%"),
        Figure(f"{what}: pairs of one person's clips that are joined", recall, TARGET_RECALL, True, "%"),
        Figure(f"{what} in train and test", both, 0, False),
    ]


def pairs_right(found: Mapping[str, str], truth: Mapping[str, str]) -> tuple[float, float]:
    """Return pairwise precision and recall, percent, of ``found`` groups against the true ones."""
    joined = {pair for pair in combinations(sorted(truth), 2) if found[pair[0]] == found[pair[1]]}
    same = {pair for pair in combinations(sorted(truth), 2) if truth[pair[0]] == truth[pair[1]]}
    right = len(joined & same)
    return 100 * right / max(1, len(joined)), 100 * right / max(1, len(same))


def planted_figure(at: Layout, clip_persons: Sequence[ClipPerson], embeddings: Sequence[ClipEmbedding]) -> Figure:
    """Plant a leak of each kind, and return how many turn the audit red that was green before."""
    params = load_params(PersonsParams, "persons", at.params)
    claims, _ = claim_clips(read_manifest(at.clips(DRAWN), Clip), {}, params)
    faces = comparable(claims, embeddings, params.whitening).of_clip
    train = next(clip_person for clip_person in clip_persons if clip_person.split == TRAIN)
    test = next(clip_person for clip_person in clip_persons if clip_person.split == TEST)
    others = {clip_person.clip_id: f"content {clip_person.clip_id}" for clip_person in clip_persons}
    given: dict[str, Any] = {"owners": clip_persons, "addresses": others, "contents": others, "faces": faces}
    other_name = replace(train, person_id="somebody else", split=TEST)
    same = {**others, test.clip_id: others[train.clip_id]}
    planted = {
        "person": {
            "owners": [
                replace(train, split=TEST),
                *(clip_person for clip_person in clip_persons if clip_person != train),
            ]
        },
        "content": {"contents": same},
        "video": {"addresses": same},
        "face": {"owners": [other_name, *(clip_person for clip_person in clip_persons if clip_person != train)]},
    }
    red = []

    def leaks(of: dict[str, Any]) -> list[str]:
        return audit_leakage(**of, same_person_above=params.same_person_above, held_apart=()).leaks

    for kind, change in planted.items():
        told = leaks({**given, **change})
        red.append(bool(told))
        print(f"planted leak of {kind}: {told[0] if told else 'not seen'}")
    clean = not leaks(given)
    return Figure("planted leaks that turn a clean audit red", 25 * sum(red) if clean else 0, 100, True, "%")


if __name__ == "__main__":
    try:
        main()
    except FacevoxError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
