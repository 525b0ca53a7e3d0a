"""Reasons and counts in words."""

NO_FACE_SEEN = "no_face_seen"
NOBODY_SEEN_SPEAKS = "nobody_seen_speaks"
NOT_TAKEN = "not_taken"
TOO_SHORT = "too_short"
NOT_CUT = "not_cut"
NO_PERSON = "no_person"
OVER_CAP = "over_cap"
"""Of sound that is not used although no ledger has a row on it; the other reasons are those of the ledgers."""

REASONS = {
    NO_FACE_SEEN: "no face seen",
    NOBODY_SEEN_SPEAKS: "nobody seen speaks",
    NOT_TAKEN: "a subject not taken speaks",
    NOT_CUT: "the stage audio has not run",
    "not_in_crop": "no face is in the published crop",
    "no_audio": "the clip has no sound",
    "out_of_step": "the sound is out of step",
    TOO_SHORT: "too short for a segment",
    "no_speech": "too little voice",
    "face_not_seen": "its face is seen too little",
    "other_voice": "log odds or z-score under the limit",
    "overlapping_voices": "voices sound at once",
    "music": "too much music",
    NO_PERSON: "the clip has no person",
    "no_face": "its person has no face",
    "no_standard_face": "its person has no standard face",
    "no_own_voice": "its person has no voice of its own",
    OVER_CAP: "its person has enough segments",
}
"""Why sound is not used, in the order in which it passes the stages."""


def in_words(reason: str) -> str:
    """Return a reason, of sound or of a face, in words."""
    return REASONS.get(reason, reason.replace("_", " "))


def counted(n: int, noun: str) -> str:
    """Return '1 turn', '2 turns', 'no turns'."""
    return f"{f'{n:,}' if n else 'no'} {noun}{'' if n == 1 else 's'}"
