"""The voices in a clip's sound: its stretches, of one shot each, embedded by a speaker network."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.audio.segment import Interval
from pipeline.core.records.subject import VoiceEmbedding
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.identity.subjects.sound import BEYOND_S, ClipSound, stretch_id

_N_TOGETHER = 8  # stretches in the network at once


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

    def embed(self, sound: ClipSound, parts_s: Sequence[Interval]) -> Iterator[VoiceEmbedding]:
        """Yield an embedding of each of ``parts_s`` that has sound enough."""
        for first in range(0, len(parts_s), _N_TOGETHER):
            group = parts_s[first : first + _N_TOGETHER]
            waveforms = [sound.waveform[sound.place(s) : sound.place(e + BEYOND_S)] for s, e in group]
            for (start_s, end_s), embedding in zip(group, self.network.embed(waveforms), strict=True):
                if embedding is not None:
                    yield VoiceEmbedding(
                        stretch_id=stretch_id(sound.clip_id, start_s),
                        clip_id=sound.clip_id,
                        start_s=start_s,
                        end_s=end_s,
                        network=self.name,
                        embedding=embedding,
                    )
