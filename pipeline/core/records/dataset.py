"""The dataset's own rows: its persons, faces, segments and pairs."""

from dataclasses import dataclass

from pipeline.core.records.schema import column


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One row of ``manifests/dataset/identities.parquet``: a person in one dataset."""

    dataset_person: str = column("<dataset>/<person_id>")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'")
    n_clips: int = column("clips listed")
    n_faces: int = column("random faces, and those of still pictures, kept: the paper's Faces")
    n_standard_faces: int = column("standard faces kept")
    n_segments: int = column("audio segments kept")
    n_pairs: int = column("pairs")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFace:
    """One row of ``manifests/dataset/faces.parquet``."""

    face_id: str = column("the face; its picture is in the shard")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'")
    clip_id: str = column("the clip")
    sampled_by: str = column("'random', 'candidate' or 'picture'")
    is_standard: bool = column("whether it is a standard face")
    is_labelled: bool = column("whether it has an identity label; false in a run without a face recognition network")
    shard: str = column("the shard with the picture, relative to the repository root")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSegment:
    """One row of ``manifests/dataset/audio.parquet``."""

    segment_id: str = column("the segment; its log-mel is in the shard")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'")
    clip_id: str = column("the clip")
    voiced_s: float = column("seconds of voice in it")
    n_valid_frames: int = column("log-mel frames that are sound")
    face_seen_share: float | None = column(
        "share of the segment's time in which the clip's main face is observed, 0-1; null: a clip of sound alone"
    )
    av_covered_s: float = column("for how many seconds both that face and the clip's sound are there")
    av_zscore: float | None = column(
        "z-score of the correlation of that face's mouth with the clip's sound (see tracks.parquet); null: not computed"
    )
    turn_log_odds: float | None = column("that of the segment")
    overlap_share: float | None = column("that of the segment")
    music_share: float | None = column("that of the segment")
    shard: str = column("the shard with the log-mel, relative to the repository root")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One row of ``manifests/dataset/pairs.parquet``: a standard face and a segment of the same person."""

    pair_id: str = column("<face_id>+<segment_id>")
    face_id: str = column("a standard face")
    segment_id: str = column("an audio segment of the same person in the same dataset")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    split: str = column("'train' or 'test'")
    same_clip: bool = column("whether face and sound come from the same clip")
