"""What a source yields: clips, and ids with the reason why they are none."""

from typing import TypeAlias

from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip

Drop: TypeAlias = tuple[str, Dropped]
"""An id and why it is no clip, or why a part of its list is not used."""

Found: TypeAlias = Clip | Drop
