"""Build the dataset: cap faces and segments per person, pair them, and audit the split."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

from pydantic import Field

from pipeline.core.base.draws import draw_order
from pipeline.core.base.errors import SplitLeak
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import Params
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.face import DRAWN
from pipeline.core.records.person import in_both_splits
from pipeline.core.records.schema import column


class DatasetParams(Params):
    """Section ``dataset`` of params.yaml."""

    max_faces_per_person: int = Field(ge=0)
    max_standard_faces_per_person: int = Field(ge=0)
    max_segments_per_person: int = Field(ge=0)
    standard_faces: Literal["drawn", "best"]
    min_face_seen_share: float = Field(ge=0, le=1)
    min_av_zscore: float | None
    min_turn_log_odds: float
    full_av_covered_s: float = Field(gt=0)
    max_overlap_share: float | None = Field(ge=0, le=1)
    max_music_share: float | None = Field(ge=0, le=1)
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedFace(DatasetFace):
    """A face with its standardness; higher is better."""

    standardness: float | None = column("that of the crop")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRows:
    """All faces and segments of a person in one dataset."""

    dataset: str
    person_id: str
    n_clips: int
    faces: Sequence[DatasetFace]
    segments: list[DatasetSegment]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDataset:
    """What the dataset holds of a person, and the drops; what only a cap leaves out is no drop."""

    identity: Identity | None
    """None, and no faces and segments, where the person is dropped."""
    faces: list[DatasetFace]
    segments: list[DatasetSegment]
    ends: list[tuple[str, Dropped | None]]
    """Of the person, and of all segments."""

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs, which may be more than fit in memory."""
        return pair_up(self.faces, self.segments)


def build_person(person: PersonRows, params: DatasetParams) -> PersonDataset:
    """Return the dataset of a person, who needs a standard face and a segment of their own voice.

    Caps keep the lowest hashes of seed and id: one more clip changes nothing for anybody else.
    """
    ended = [(one, segment_drop(one, params) or sound_drop(one, params)) for one in person.segments]
    own = [segment for segment, drop in ended if drop is None]
    faces = cap_faces(person.faces, params)
    segments = _cap(own, params.max_segments_per_person, params.seed, "segment_id")
    end = _person_drop(faces, segments, len(ended) - len(own))
    return PersonDataset(
        identity=None if end else _identity(person, faces, segments),
        faces=[] if end else faces,
        segments=[] if end else segments,
        ends=[
            (f"{person.dataset}/{person.person_id}", end),
            *((segment.segment_id, drop) for segment, drop in ended),
        ],
    )


def keep_person(person: PersonRows) -> PersonDataset:
    """Return the dataset of a person whose faces and segments were released built: all of them, without caps.

    Raises SplitLeak where its rows are in both splits.
    """
    if len({face.split for face in person.faces} | {segment.split for segment in person.segments}) > 1:
        raise SplitLeak(f"'{person.person_id}' of dataset '{person.dataset}' is in both train and test")
    end = _person_drop(person.faces, person.segments, 0)
    return PersonDataset(
        identity=None if end else _identity(person, person.faces, person.segments),
        faces=[] if end else list(person.faces),
        segments=[] if end else person.segments,
        ends=[(f"{person.dataset}/{person.person_id}", end), *((one.segment_id, None) for one in person.segments)],
    )


def segment_drop(segment: DatasetSegment, params: DatasetParams) -> Dropped | None:
    """Return the drop of a segment that is not, or not surely, the voice of its clip's main face; None otherwise.

    Both limits use the main subject's tracks only: other faces are never cropped. The av_zscore of a face's own voice
    grows with the root of ``av_covered_s``, so the limit is lower below ``full_av_covered_s``; a segment without an
    av_zscore is kept, and so is one of sound alone. Of a clip of several shots or subjects ``min_turn_log_odds`` counts
    instead.
    """
    seen_share = segment.face_seen_share
    if seen_share is not None and seen_share < params.min_face_seen_share:
        detail = f"the main face is observed in {seen_share:.3f} of it, below {params.min_face_seen_share:g}"
        return Dropped.filtered("face_not_seen", detail)
    if params.min_av_zscore is None:
        return None
    if segment.turn_log_odds is not None:
        if segment.turn_log_odds < params.min_turn_log_odds:
            detail = f"log odds {segment.turn_log_odds:.2f} of its turns, below {params.min_turn_log_odds:g}"
            return Dropped.filtered("other_voice", detail)
        return None
    if segment.av_zscore is None:
        return None
    limit = params.min_av_zscore * min(1.0, sqrt(segment.av_covered_s / params.full_av_covered_s))
    if segment.av_zscore < limit:
        detail = f"av_zscore {segment.av_zscore:.3f} of mouth and sound, below {limit:.3f}"
        return Dropped.filtered("other_voice", detail)
    return None


def sound_drop(segment: DatasetSegment, params: DatasetParams) -> Dropped | None:
    """Return the drop of a segment in which other voices or music sound for too long; None otherwise.

    Where neither was measured, the segment is kept.
    """
    for reason, share, most in (
        ("overlapping_voices", segment.overlap_share, params.max_overlap_share),
        ("music", segment.music_share, params.max_music_share),
    ):
        if share is not None and most is not None and share > most:
            return Dropped.filtered(reason, f"in {share:.3f} of it, above {most:g}")
    return None


def cap_faces(faces: Sequence[DatasetFace], params: DatasetParams) -> list[DatasetFace]:
    """Return a person's faces under the caps: random faces, with those of pictures, and standard faces of either group.

    A random face that is standard counts towards both caps; standard candidates fill the rest of the second. With
    ``best`` the standard faces are those of highest standardness, of whichever group.
    """
    if params.standard_faces == "best":
        standard = sorted((f for f in faces if f.is_standard), key=_best_first)[: params.max_standard_faces_per_person]
        most = params.max_faces_per_person - sum(f.sampled_by in DRAWN for f in standard)
        others = [f for f in faces if f.sampled_by in DRAWN and not f.is_standard]
        plain = _cap(others, max(0, most), params.seed, "face_id")
        return sorted([*plain, *standard], key=lambda face: face.face_id)
    drawn = _cap([f for f in faces if f.sampled_by in DRAWN], params.max_faces_per_person, params.seed, "face_id")
    plain = [f for f in drawn if not f.is_standard]
    most = params.max_standard_faces_per_person
    standard = _cap([f for f in drawn if f.is_standard], most, params.seed, "face_id")
    candidates = [f for f in faces if f.sampled_by not in DRAWN and f.is_standard]
    more = _cap(candidates, most - len(standard), params.seed, "face_id")
    return sorted([*plain, *standard, *more], key=lambda face: face.face_id)


def _best_first(face: DatasetFace) -> tuple[float, str]:
    standardness = face.standardness if isinstance(face, RankedFace) else None
    return inf if standardness is None else -standardness, face.face_id


def pair_up(faces: Iterable[DatasetFace], segments: Sequence[DatasetSegment]) -> Iterator[Pair]:
    """Yield every standard face with every segment of one person."""
    for face in faces:
        for segment in segments if face.is_standard else ():
            yield Pair(
                pair_id=f"{face.face_id}+{segment.segment_id}",
                face_id=face.face_id,
                segment_id=segment.segment_id,
                dataset=face.dataset,
                person_id=face.person_id,
                split=face.split,
                same_clip=face.clip_id == segment.clip_id,
            )


def audit_split(identities: Iterable[Identity]) -> None:
    """Raise SplitLeak when a person is in both train and test, in one dataset or across datasets."""
    _, leaks = in_both_splits(identities)
    if leaks:
        raise SplitLeak(f"{len(leaks)} persons are in both train and test: {', '.join(leaks[:5])}")


def _identity(person: PersonRows, faces: Sequence[DatasetFace], segments: list[DatasetSegment]) -> Identity:
    n_standard_faces = sum(face.is_standard for face in faces)
    return Identity(
        dataset_person=f"{person.dataset}/{person.person_id}",
        dataset=person.dataset,
        person_id=person.person_id,
        split=faces[0].split,
        n_clips=person.n_clips,
        n_faces=sum(face.sampled_by in DRAWN for face in faces),
        n_standard_faces=n_standard_faces,
        n_segments=len(segments),
        n_pairs=n_standard_faces * len(segments),
    )


def _person_drop(faces: Sequence[DatasetFace], segments: list[DatasetSegment], n_dropped: int) -> Dropped | None:
    if not faces:
        return Dropped.filtered("no_face", "no clip of this person has a face")
    if not any(face.is_standard for face in faces):
        return Dropped.filtered("no_standard_face", f"none of {len(faces)} faces is a standard face")
    if not segments and n_dropped:
        return Dropped.filtered("no_own_voice", f"none of {n_dropped} segments is the voice of the main face alone")
    if not segments:
        return Dropped.filtered("no_sound", "no clip of this person has a segment of sound")
    return None


def _cap(rows: list, most: int, seed: int, key: str) -> list:  # type: ignore[type-arg]
    kept = sorted(rows, key=lambda row: draw_order(seed, getattr(row, key)))[:most]
    return sorted(kept, key=lambda row: str(getattr(row, key)))
