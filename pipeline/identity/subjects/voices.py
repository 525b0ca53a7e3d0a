"""The voices in a clip's sound: its stretches, of one shot each, embedded by a speaker network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.audio.segment import Interval
from pipeline.core.records.subject import VoiceEmbedding
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.identity.subjects.sound import BEYOND_S, ClipSound, stretch_id

_N_TOGETHER = 8  # stretches in the network at once


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
