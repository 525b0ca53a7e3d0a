"""The voices in a clip's sound: its stretches, of one shot each, embedded by a speaker network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.segment import Interval
from pipeline.core.records.subject import VoiceEmbedding
from pipeline.core.storage.vectors import mean_direction
from pipeline.identity.network.voice_network import WINDOW_SAMPLES, VoiceNetwork
from pipeline.identity.subjects.sound import HeardSound, stretch_id
from pipeline.identity.subjects.voice_windows import voice_windows

_N_TOGETHER = 16  # windows in the network at once


@dataclass(frozen=True)
class VoiceEmbedder:
    """Embeds the stretches of a clip's sound."""

    network: VoiceNetwork
    name: str

    def embed(self, heard: HeardSound, shots: Sequence[Sequence[Interval]]) -> Iterator[VoiceEmbedding]:
        """Yield an embedding of each stretch of ``shots`` that has sound enough: the mean of its windows, length 1.

        Windows of digital silence are left out.
        """
        stretches = voice_windows(shots, heard)
        waveform = heard.sound.waveform
        places = sorted({first for _, windows in stretches for first in windows})
        places = [first for first in places if np.any(waveform[first : first + WINDOW_SAMPLES])]
        features: dict[int, NDArray[np.float32]] = {}
        for number in range(0, len(places), _N_TOGETHER):
            group = places[number : number + _N_TOGETHER]
            found = self.network.features([waveform[first : first + WINDOW_SAMPLES] for first in group])
            features.update(zip(group, found, strict=True))
        for (start_s, end_s), windows in stretches:
            of_stretch = [features[first] for first in windows if first in features]
            mean = mean_direction(np.stack(of_stretch)) if of_stretch else None
            if mean is not None:
                yield VoiceEmbedding(
                    stretch_id=stretch_id(heard.sound.clip_id, start_s),
                    clip_id=heard.sound.clip_id,
                    start_s=start_s,
                    end_s=end_s,
                    network=self.name,
                    embedding=mean[0],
                )
