"""The voices in a clip's sound: its stretches, of one shot each, embedded by a speaker network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.audio.extract import joined, of_sound
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.reading import SoundRange
from pipeline.audio.segment import Interval
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.units import milliseconds
from pipeline.core.records.subject import VoiceEmbedding
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.video.clip import MediaClip

# A stretch's sound may reach so far beyond it, for a last window.
_BEYOND_S = 0.1
_MAX_SOUND_S = 7200.0


def stretches(shots_s: Iterable[Interval], length_s: float) -> list[Interval]:
    """Return the shots cut into equal parts, as near to ``length_s`` as can be; a shorter shot is one part."""
    parts = []
    for start_s, end_s in shots_s:
        n = max(1, round((end_s - start_s) / length_s))
        edges = np.linspace(start_s, end_s, n + 1).tolist()
        parts += [*pairwise(edges)]
    return parts


@dataclass(frozen=True)
class VoiceEmbedder:
    """Embeds the stretches of a clip's sound."""

    network: VoiceNetwork
    name: str

    def embed(self, clip: MediaClip, parts_s: Sequence[Interval], late_s: float) -> list[VoiceEmbedding]:
        """Return an embedding of each of ``parts_s`` that has sound enough; none of a clip whose sound does not decode.

        ``late_s``: by how much the sound of the clip comes later than its picture.
        """
        if not clip.has_audio:
            return []
        begin_s = max(0.0, parts_s[0][0] + late_s)
        wanted = SoundRange(
            max_duration_s=_MAX_SOUND_S,
            start_s=begin_s,
            end_s=parts_s[-1][1] + late_s + _BEYOND_S,
            has_jumps=clip.has_jumps,
        )
        try:
            sound, _ = of_sound(clip.path, wanted, joined)
        except BadMedia:
            return []
        return [*self._embedded(clip.clip_id, sound, parts_s, begin_s - late_s)]

    def _embedded(
        self, clip_id: str, sound: np.ndarray, parts_s: Sequence[Interval], begin_s: float
    ) -> Iterator[VoiceEmbedding]:
        for start_s, end_s in parts_s:
            first, last = (max(0, round((at - begin_s) * SAMPLE_RATE_HZ)) for at in (start_s, end_s + _BEYOND_S))
            embedding = self.network.embed(sound[first:last])
            if embedding is not None:
                yield VoiceEmbedding(
                    stretch_id=f"{clip_id}-v{milliseconds(start_s):08d}",
                    clip_id=clip_id,
                    start_s=start_s,
                    end_s=end_s,
                    network=self.name,
                    embedding=embedding,
                )
