"""Two listed clips that have content in common."""

from dataclasses import dataclass

BY_FINGERPRINTS = "sound and picture"
BY_SOURCE = "source video and range"
BY_FILE = "file and range"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonContent:
    """Two clips, as listed and in id order, and the share of each, 0 to 1, that is in the other too."""

    clip_id: str
    other_clip_id: str
    share: float
    other_share: float
    common_s: float
    """Seconds of the first that are in the other."""
    found_by: str
    """BY_FINGERPRINTS, BY_SOURCE or BY_FILE."""
