"""Subjects: the persons within one clip, each with the tracks that show them, and the turns in which they speak."""

from dataclasses import dataclass

from pipeline.core.records.schema import Vector, column


def subject_id(clip_id: str, number: int) -> str:
    """Return the id of a clip's subject ``number``; 0 is its main one, which a clip has even where no face is seen."""
    return f"{clip_id}-s{number:02d}"


def clip_of(subject: str) -> str:
    """Return the id of the clip of a subject, by id."""
    return subject.rpartition("-s")[0]


def main_subject_id(clip_id: str) -> str:
    """Return the id of a clip's main subject: whose name its source published."""
    return subject_id(clip_id, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEmbedding:
    """One row of ``manifests/sets/<dataset>/track_embeddings.parquet``: a face of a clip with several tracks."""

    track_id: str = column("the track: <clip_id>-t<two digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    network: str = column("the network: its name, and the first 12 digits of its weights' sha256")
    n_faces: int = column("faces that were embedded, the most frontal ones")
    spherical_variance: float = column("1 minus the length of the mean of their unit embeddings; 0: all equal")
    embedding: Vector = column("that mean at length 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectTrack:
    """One row of ``manifests/sets/<dataset>/subject_tracks.parquet``: the subject that a track shows."""

    track_id: str = column("the track: <clip_id>-t<two digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    subject_id: str = column("the subject: <clip_id>-s<two digits>")
    is_taken: bool = column("whether faces and sound of that subject are taken")
    own_similarity: float | None = column(
        "mean cosine of its embedding with those of the subject's other tracks; null: without embeddings of both"
    )
    other_similarity: float | None = column("the same with the tracks of the most similar other subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One row of ``manifests/sets/<dataset>/subjects.parquet``: one person within a clip."""

    subject_id: str = column(
        "<clip_id>-s<two digits>: 00 is the main one, if any; the others by first appearance, then from left to right"
    )
    clip_id: str = column("the clip: <dataset>/<clip>")
    n_tracks: int = column("number of its tracks; 0 in a clip of sound alone, where it is heard only")
    start_s: float = column("time of its first frame, seconds since the first picture of the media; of sound alone 0")
    end_s: float = column("time of its last frame, seconds; of sound alone 0")
    seen_s: float = column("for how many seconds its tracks last, together")
    presence_px2: float = column("sum over the frames of its tracks of the face box's area, pixels squared")
    av_covered_s: float = column("sum over its tracks of av_covered_s, seconds")
    av_zscore: float | None = column("mean over its tracks of av_zscore, weighted by av_covered_s; null: of none known")
    is_main: bool = column(
        "whether this is the clip's main subject: the speaker, or else the one that is seen most; of those in the "
        "published crop, if the clip has one"
    )
    is_taken: bool = column(
        "whether its faces and sound are taken: those of the main one, or of all (subjects.people) where the clip has "
        "no published crop"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceEmbedding:
    """One row of ``manifests/sets/<dataset>/voice_embeddings.parquet``: the voice in a stretch of a clip's sound."""

    stretch_id: str = column("<clip_id>-v<start in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    start_s: float = column("start, seconds since the first picture of the media")
    end_s: float = column("end, seconds; a stretch lies within one shot")
    network: str = column("the speaker network: its name, and the first 12 digits of its weights' sha256")
    embedding: Vector = column("the mean of the unit embeddings of 0.8 s each, at length 1; 256 values")


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchSound:
    """One row of ``manifests/sets/<dataset>/stretch_sounds.parquet``: what sounds in a stretch of a clip's sound."""

    stretch_id: str = column("<clip_id>-v<start in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    start_s: float = column("start, seconds since the first picture of the media")
    end_s: float = column("end, seconds; a stretch lies within one shot")
    voice_change: float | None = column(
        "how unlike the voices just before and behind its start are, by the network of subjects.overlap, 0-1; null: "
        "without it"
    )
    overlap_share: float | None = column(
        "share of its time in which two voices sound at once, by the network of subjects.overlap, 0-1; null: without it"
    )
    speech_share: float | None = column(
        "share of its time in which somebody speaks, by the network of subjects.music, 0-1; null: without it"
    )
    singing_share: float | None = column("the same: somebody sings")
    music_share: float | None = column("the same: there is music, also while somebody speaks or sings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One row of ``manifests/sets/<dataset>/turns.parquet``: a stretch in which a subject speaks."""

    turn_id: str = column("<subject_id>-<start in ms, 8 digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    subject_id: str = column("the subject: <clip_id>-s<two digits>")
    start_s: float = column("start, seconds since the first picture of the media")
    end_s: float = column("end, seconds")
    log_odds: float | None = column(
        "natural logarithm of how much likelier this subject speaks than anybody else, by mouths and voices, also "
        "of the stretches before and behind; of several stretches the smallest; null: a clip of one shot and one "
        "subject, or of sound alone, where nothing is compared"
    )
    own_log_odds: float | None = column(
        "the same by this subject's mouth alone, the sum over the stretches that the turn is of"
    )
    overlap_share: float | None = column(
        "share of its time in which two voices sound at once, 0-1; null: not measured (subjects.overlap)"
    )
    music_share: float | None = column("share of its time in which there is music, 0-1; null: not measured")
