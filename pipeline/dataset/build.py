"""Build the dataset: cap faces and segments per person, pair them, and audit the split."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

from pydantic import Field

from pipeline.base.draws import draw_order
from pipeline.base.errors import SplitLeak
from pipeline.base.outcome import Dropped
from pipeline.base.params import Params
from pipeline.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.records.face import RANDOM
from pipeline.records.person import ClipPerson, in_both_splits


class DatasetParams(Params):
    """Section ``dataset`` of params.yaml."""

    max_faces_per_person: int = Field(ge=0)
    max_standard_faces_per_person: int = Field(ge=0)
    max_segments_per_person: int = Field(ge=0)
    min_face_seen_share: float = Field(ge=0, le=1)
    min_av_zscore: float | None
    full_av_covered_s: float = Field(gt=0)
    seed: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """All rows of the dataset, and the drops of persons and segments; what only a cap leaves out is no drop."""

    identities: list[Identity]
    faces: list[DatasetFace]
    segments: list[DatasetSegment]
    pairs: list[Pair]
    ends: list[tuple[str, Dropped | None]]
    segment_ends: list[tuple[str, Dropped | None]]


def build(
    clip_persons: Iterable[ClipPerson],
    faces: Iterable[DatasetFace],
    segments: Iterable[DatasetSegment],
    params: DatasetParams,
) -> Dataset:
    """Return the dataset of all persons that have a standard face and a segment of their own voice.

    Caps keep the lowest hashes of seed and id: one more clip changes nothing for anybody else.
    """
    faces_of = _by_person(faces)
    ended = [(segment, segment_drop(segment, params)) for segment in segments]
    segments_of = _by_person(segment for segment, drop in ended if drop is None)
    dropped_of = _by_person(segment for segment, drop in ended if drop is not None)
    clips_of = Counter((clip_person.dataset, clip_person.person_id) for clip_person in clip_persons)
    built = Dataset([], [], [], [], [], [(segment.segment_id, drop) for segment, drop in ended])
    for key in sorted(clips_of):
        kept_faces = cap_faces(faces_of.get(key, []), params)
        kept_segments = _cap(segments_of.get(key, []), params.max_segments_per_person, params.seed, "segment_id")
        end = _person_drop(kept_faces, kept_segments, len(dropped_of.get(key, [])))
        built.ends.append(("/".join(key), end))
        if end is None:
            _add(built, key, clips_of[key], kept_faces, kept_segments)
    return built


def segment_drop(segment: DatasetSegment, params: DatasetParams) -> Dropped | None:
    """Return the drop of a segment that is not, or not surely, the voice of its clip's main face; None otherwise.

    Both limits use the main track only. Other tracks, even after a cut in the video, may show other persons, and their
    faces are never cropped. The av_zscore of a face's own voice grows with the root of ``av_covered_s``, so the limit
    is lower below ``full_av_covered_s``; a segment without an av_zscore is kept.
    """
    if segment.face_seen_share < params.min_face_seen_share:
        detail = (
            f"the main face is observed in {segment.face_seen_share:.3f} of it, below {params.min_face_seen_share:g}"
        )
        return Dropped.filtered("face_not_seen", detail)
    if params.min_av_zscore is None or segment.av_zscore is None:
        return None
    limit = params.min_av_zscore * min(1.0, sqrt(segment.av_covered_s / params.full_av_covered_s))
    if segment.av_zscore < limit:
        detail = f"av_zscore {segment.av_zscore:.3f} of mouth and sound, below {limit:.3f}"
        return Dropped.filtered("other_voice", detail)
    return None


def cap_faces(faces: list[DatasetFace], params: DatasetParams) -> list[DatasetFace]:
    """Return a person's faces under the caps: random faces, and standard faces of either group.

    A random face that is standard counts towards both caps; standard candidates fill the rest of the second.
    """
    drawn = _cap([f for f in faces if f.sampled_by == RANDOM], params.max_faces_per_person, params.seed, "face_id")
    plain = [f for f in drawn if not f.is_standard]
    most = params.max_standard_faces_per_person
    standard = _cap([f for f in drawn if f.is_standard], most, params.seed, "face_id")
    candidates = [f for f in faces if f.sampled_by != RANDOM and f.is_standard]
    more = _cap(candidates, most - len(standard), params.seed, "face_id")
    return sorted([*plain, *standard, *more], key=lambda face: face.face_id)


def pair_up(faces: list[DatasetFace], segments: list[DatasetSegment]) -> list[Pair]:
    """Return every standard face with every segment of one person."""
    return [
        Pair(
            pair_id=f"{face.face_id}+{segment.segment_id}",
            face_id=face.face_id,
            segment_id=segment.segment_id,
            dataset=face.dataset,
            person_id=face.person_id,
            split=face.split,
            same_clip=face.clip_id == segment.clip_id,
        )
        for face in faces
        if face.is_standard
        for segment in segments
    ]


def audit_split(identities: Iterable[Identity]) -> None:
    """Raise SplitLeak when a person is in both train and test, in one dataset or across datasets."""
    _, leaks = in_both_splits(identities)
    if leaks:
        raise SplitLeak(f"{len(leaks)} persons are in both train and test: {', '.join(leaks[:5])}")


def _add(
    built: Dataset, key: tuple[str, str], n_clips: int, faces: list[DatasetFace], segments: list[DatasetSegment]
) -> None:
    dataset, person_id = key
    pairs = pair_up(faces, segments)
    built.faces.extend(faces)
    built.segments.extend(segments)
    built.pairs.extend(pairs)
    built.identities.append(
        Identity(
            dataset_person=f"{dataset}/{person_id}",
            dataset=dataset,
            person_id=person_id,
            split=faces[0].split,
            n_clips=n_clips,
            n_faces=sum(face.sampled_by == RANDOM for face in faces),
            n_standard_faces=sum(face.is_standard for face in faces),
            n_segments=len(segments),
            n_pairs=len(pairs),
        )
    )


def _person_drop(faces: list[DatasetFace], segments: list[DatasetSegment], n_dropped: int) -> Dropped | None:
    if not faces:
        return Dropped.filtered("no_face", "no clip of this person has a face")
    if not any(face.is_standard for face in faces):
        return Dropped.filtered("no_standard_face", f"none of {len(faces)} faces is a standard face")
    if not segments and n_dropped:
        return Dropped.filtered("no_own_voice", f"none of {n_dropped} segments is the voice of the main face")
    if not segments:
        return Dropped.filtered("no_sound", "no clip of this person has a segment of sound")
    return None


def _by_person(rows: Iterable[DatasetFace] | Iterable[DatasetSegment]) -> Mapping[tuple[str, str], list]:  # type: ignore[type-arg]
    grouped: dict[tuple[str, str], list] = defaultdict(list)  # type: ignore[type-arg]
    for row in rows:
        grouped[row.dataset, row.person_id].append(row)
    return grouped


def _cap(rows: list, most: int, seed: int, key: str) -> list:  # type: ignore[type-arg]
    kept = sorted(rows, key=lambda row: draw_order(seed, getattr(row, key)))[:most]
    return sorted(kept, key=lambda row: str(getattr(row, key)))
