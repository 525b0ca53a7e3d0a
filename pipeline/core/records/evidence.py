"""Evidence on who is who: the embedding of each subject's face, and comparisons of published identities by it."""

from dataclasses import dataclass

from pipeline.core.records.schema import Vector, column

SAME_PERSON = "same_person_two_names"
TWO_SPELLINGS = "one_name_two_spellings"
TWO_PERSONS = "two_persons_one_name"
OUTLIER = "outlier"
SAME_VIDEO = "same_video"

MERGED = "merged"
SEPARATED = "separated"
DROPPED = "dropped"
LISTED = "listed"
NOT_MERGED = "not_merged"
OVERRIDDEN = "overridden"
ONE_SPLIT = "one_split"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectEmbedding:
    """One row of ``manifests/sets/<dataset>/subject_embeddings.parquet``: one subject's face."""

    subject_id: str = column("the subject: <clip_id>-s<two digits>")
    clip_id: str = column("the clip: <dataset>/<clip>")
    network: str = column("the network: its name, and the first 12 digits of its weights' sha256")
    n_faces: int = column("faces that were embedded, the most frontal ones")
    spherical_variance: float = column("1 minus the length of the mean of their unit embeddings; 0: all equal")
    embedding: Vector = column("that mean at length 1; 128 values of MobileFaceNet and of dlib's network")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEvidence:
    """One row of ``manifests/person_evidence.parquet``: names in doubt by faces or spelling, or clips of one video.

    With the decision on them.
    """

    evidence_id: str = column("<kind>:<subject_id>, and for two names or two clips +<other_subject_id>")
    kind: str = column(
        "'same_person_two_names'; 'two_persons_one_name': some of a name's subjects are another person than most; "
        "'outlier': a single one that is alike none of the others; 'one_name_two_spellings': identities that are "
        "spelt in two ways and have one name; 'same_video': two clips that have content in common"
    )
    name: str = column("a normalised name of subjects")
    identity: str = column("<dataset>/<identity as published> of subject_id")
    subject_id: str = column("the first of the subjects in question")
    n_subjects: int = column("how many they are")
    other_name: str = column("the other name; of all other kinds: the same name, that of the others")
    other_identity: str = column("<dataset>/<identity as published> of other_subject_id")
    other_subject_id: str = column("the first of the subjects they are compared with")
    n_other_subjects: int = column("how many those are")
    score: float | None = column(
        "mean cosine over all pairs of one of these and one of those, after whitening if params.yaml sets it; null: "
        "two spellings, and no faces of both were compared; of two clips the share of either that is in the other, the "
        "larger one"
    )
    threshold: float | None = column(
        "the limit that the score passed, of params.yaml or of the network; null: none, of two spellings"
    )
    decision: str = column(
        "'merged', 'separated', 'dropped'; 'listed': params.yaml switches the action off; 'not_merged': alike, but not "
        "all that would become one person are; 'overridden': persons.csv decides otherwise; of two spellings 'merged', "
        "or what faces decided on one of them; of two clips 'dropped': one of them, the other is kept; 'one_split': "
        "both are kept, in one split"
    )
    decided_by: str = column(
        "'evidence' or 'override'; 'name' where spellings are merged; 'params' where these switch the action off"
    )
    voice_score: float | None = column(
        "mean cosine over all pairs of a voice of these and one of those; null: no voices of both, or not compared"
    )
    is_doubtful: bool = column(
        "whether the voices contradict the faces: two names that look like one person, of voices less alike than "
        "persons.other_voice_below; another kind, of voices more alike than persons.same_voice_above; decides nothing"
    )
