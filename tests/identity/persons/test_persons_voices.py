"""Voices are second evidence: they are listed beside what faces decide, flag it, and change nothing."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.records.evidence import PersonEvidence
from pipeline.core.records.subject import Turn, VoiceEmbedding, clip_of
from pipeline.core.storage.manifest import write_manifest
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.persons.identities import main_subjects
from pipeline.identity.persons.result import FurtherEvidence, PersonsResult, decide_persons, summary_of
from pipeline.identity.persons.voices import SubjectVoices
from tests.identity.clips import clip
from tests.identity.persons.decided import NONE, PARAMS, faces_of

TWO_NAMES = {("Ana", "1"): 1, ("Zoe", "2"): 1}
TWO_PERSONS = {("Ana", "1"): 1, ("Ana", "2"): 1, ("Ana", "3"): 2, ("Ana", "4"): 2}


def at_angle(cosine: float) -> Vectors:
    """Return a voice that is so much like [1, 0]."""
    return np.array([cosine, (1 - cosine**2) ** 0.5])


def voiced(shown: Mapping[tuple[str, str], int], voices: Mapping[str, Vectors], **changes: object) -> PersonsResult:
    """Decide on clips given as (identity, name), some of which have a voice."""
    clips = [clip("set", identity, name) for identity, name in shown]
    faces = faces_of({f"set/{name}": person for (_, name), person in shown.items()})
    params = PARAMS.model_copy(update=changes)
    of_subjects = {f"set/{name}-s00": voice for name, voice in voices.items()}
    return decide_persons(
        main_subjects(clips),
        faces,
        NONE,
        params,
        further=FurtherEvidence(
            voices_of=lambda asked: ((one, of_subjects[one]) for one in asked if one in of_subjects)
        ),
    )


def row_of(result: PersonsResult) -> PersonEvidence:
    (row,) = result.evidence
    return row


@pytest.mark.parametrize(("cosine", "is_doubtful"), [(0.59, True), (0.6, False), (1.0, False)])
def test_names_merged_by_faces_are_doubtful_where_their_voices_are_less_alike_than_the_limit(
    cosine: float, is_doubtful: bool
) -> None:
    result = voiced(TWO_NAMES, {"1": np.array([1.0, 0.0]), "2": at_angle(cosine)})
    row = row_of(result)
    assert (row.kind, row.decision, row.is_doubtful) == ("same_person_two_names", "merged", is_doubtful)
    assert row.voice_score == pytest.approx(cosine)
    assert {one.person_id for one in result.subject_persons} == {"ana"}  # merged all the same
    assert ("; voices contradict 1 of them" in summary_of(result)) == is_doubtful


@pytest.mark.parametrize(("cosine", "is_doubtful"), [(0.74, False), (0.75, True)])
def test_persons_separated_by_faces_are_doubtful_where_their_voices_are_as_alike_as_the_limit(
    cosine: float, is_doubtful: bool
) -> None:
    result = voiced(TWO_PERSONS, {"1": np.array([1.0, 0.0]), "3": at_angle(cosine)})
    row = row_of(result)
    assert (row.kind, row.decision, row.is_doubtful) == ("two_persons_one_name", "separated", is_doubtful)
    assert len({one.person_id for one in result.subject_persons}) == 2


def test_the_score_is_the_mean_over_all_pairs_of_clips_that_have_a_voice() -> None:
    voices = {"1": np.array([1.0, 0.0]), "2": np.array([0.0, 1.0]), "4": np.array([1.0, 0.0])}
    row = row_of(voiced(TWO_PERSONS, voices))
    assert row.voice_score == pytest.approx((1 + 0) / 2)


def test_without_voices_of_both_nothing_is_compared() -> None:
    row = row_of(voiced(TWO_NAMES, {"1": np.array([1.0, 0.0])}))
    assert (row.voice_score, row.is_doubtful) == (None, False)


def test_without_a_limit_voices_are_listed_and_nothing_is_doubtful() -> None:
    row = row_of(voiced(TWO_NAMES, {"1": np.array([1.0, 0.0]), "2": at_angle(0.0)}, other_voice_below=None))
    assert (row.voice_score, row.is_doubtful) == (pytest.approx(0.0), False)


def stretch(clip_id: str, start_s: float, embedding: list[float], network: str = "voices-0") -> VoiceEmbedding:
    return VoiceEmbedding(
        stretch_id=f"{clip_id}-v{round(1000 * start_s):08d}",
        clip_id=clip_id,
        start_s=start_s,
        end_s=start_s + 2,
        network=network,
        embedding=np.array(embedding, np.float32),
    )


def turn(subject_id: str, start_s: float, end_s: float) -> Turn:
    return Turn(
        turn_id=f"{subject_id}-{round(1000 * start_s):08d}",
        clip_id=clip_of(subject_id),
        subject_id=subject_id,
        start_s=start_s,
        end_s=end_s,
        log_odds=None,
        own_log_odds=None,
        overlap_share=None,
        music_share=None,
    )


def test_a_subjects_voice_is_the_mean_of_the_stretches_in_its_turns(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    stretches = [
        stretch("set/a", 0.0, [1, 0]),
        stretch("set/a", 2.0, [0, 1]),
        stretch("set/a", 4.0, [-1, 0]),  # nobody's turn
        stretch("set/b", 0.0, [0, -1]),
    ]
    turns = [turn("set/a-s00", 0.0, 2.0), turn("set/a-s01", 0.0, 4.0), turn("set/c-s00", 0.0, 2.0)]
    write_manifest(at.voice_embeddings("set"), VoiceEmbedding, stretches)
    write_manifest(at.turns("set"), Turn, turns)
    asked = ["other/a-s00", "set/a-s00", "set/a-s01", "set/b-s00", "set/c-s00"]
    found = {one: voice.tolist() for one, voice in SubjectVoices(["set"], at)(asked)}
    assert found == {"set/a-s00": [1, 0], "set/a-s01": pytest.approx([0.5**0.5] * 2)}


def test_voices_of_two_networks_are_refused(tmp_path: Path) -> None:
    at = Layout(tmp_path)
    stretches = [stretch("set/a", 0.0, [1, 0]), stretch("set/b", 0.0, [1, 0], "voices-1")]
    write_manifest(at.voice_embeddings("set"), VoiceEmbedding, stretches)
    with pytest.raises(BadInput, match="'voices-0', 'voices-1'"):
        SubjectVoices(["set"], at)
