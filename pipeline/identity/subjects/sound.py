"""What sounds in a clip: its sound, decoded once for all that is measured of it; overlap, speech and music in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.extract import joined, of_sound
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.audio.reading import SoundRange
from pipeline.audio.segment import Interval
from pipeline.core.base.arrays import Waveform
from pipeline.core.base.errors import BadMedia
from pipeline.core.base.units import milliseconds
from pipeline.core.records.subject import StretchSound
from pipeline.identity.sound import event_network, overlap_network
from pipeline.identity.sound.event_network import MUSIC, SINGING, SPEECH, EventNetwork
from pipeline.identity.sound.overlap_network import HeardVoices, OverlapNetwork
from pipeline.video.clip import MediaClip

BEYOND_S = 0.1
"""A stretch's sound may reach so far beyond it, for a last window."""
_MAX_SOUND_S = 7200.0
# A moment counts where a network takes it for likelier than not.
LIKELY = 0.5
_NEAR_S = 0.3  # of a stretch's start, another voice may begin


@dataclass(frozen=True, slots=True, eq=False)
class ClipSound:
    """The sound of a clip's stretches: ``waveform`` (N,), 16 kHz, begins at ``begin_s`` on the clock of its picture."""

    clip_id: str
    waveform: Waveform
    begin_s: float

    def place(self, time_s: float, step: int = 1) -> int:
        """Return which sample, or which step of so many, is at ``time_s``; 0 before the sound."""
        return max(0, round((time_s - self.begin_s) * SAMPLE_RATE_HZ / step))


def stretch_id(clip_id: str, start_s: float) -> str:
    """Return the id of the stretch of a clip's sound that starts at ``start_s``."""
    return f"{clip_id}-v{milliseconds(start_s):08d}"


def read_sound(clip: MediaClip, parts_s: Sequence[Interval], late_s: float) -> ClipSound | None:
    """Return the sound of ``parts_s``, in order of time; None of a clip without sound, or whose sound does not decode.

    ``late_s``: by how much the sound of the clip comes later than its picture.
    """
    if not clip.has_audio or not parts_s:
        return None
    begin_s = max(0.0, parts_s[0][0] + late_s)
    wanted = SoundRange(
        max_duration_s=_MAX_SOUND_S,
        start_s=begin_s,
        end_s=parts_s[-1][1] + late_s + BEYOND_S,
        has_jumps=clip.has_jumps,
    )
    try:
        return ClipSound(clip.clip_id, of_sound(clip.path, wanted, joined)[0], begin_s - late_s)
    except BadMedia:
        return None


@dataclass(frozen=True)
class SoundNetworks:
    """The networks that tell what sounds; None: that is not measured."""

    overlap: OverlapNetwork | None = None
    events: EventNetwork | None = None

    def hear(self, sound: ClipSound) -> "HeardSound":
        """Return what sounds in a clip."""
        voices = None if self.overlap is None else self.overlap.hear(sound.waveform)
        events = None if self.events is None else self.events.probabilities(sound.waveform)
        return HeardSound(sound, voices, events)


@dataclass(frozen=True, slots=True, eq=False)
class HeardSound:
    """What was found in a clip's sound: voices, and (M, 3) probabilities of events; None: not measured."""

    sound: ClipSound
    voices: HeardVoices | None
    events: NDArray[np.float32] | None

    def of_stretches(self, parts_s: Sequence[Interval]) -> Iterator[StretchSound]:
        """Yield what sounds in each of ``parts_s`` in which there is sound; nothing where nothing was measured."""
        if self.voices is None and self.events is None:
            return
        overlaps = None if self.voices is None else self.voices.overlap >= LIKELY
        events = None if self.events is None else self.events >= LIKELY
        for start_s, end_s in parts_s:
            if self.sound.place(start_s) >= len(self.sound.waveform):
                continue
            overlap = _share(overlaps, self.sound, (start_s, end_s), overlap_network.STEP_SAMPLES)
            of_events = _share(events, self.sound, (start_s, end_s), event_network.STEP_SAMPLES)
            yield StretchSound(
                stretch_id=stretch_id(self.sound.clip_id, start_s),
                clip_id=self.sound.clip_id,
                start_s=start_s,
                end_s=end_s,
                voice_change=None if self.voices is None else self.change_near(start_s, self.voices),
                overlap_share=None if overlap is None else float(overlap),
                speech_share=None if of_events is None else float(of_events[SPEECH]),
                singing_share=None if of_events is None else float(of_events[SINGING]),
                music_share=None if of_events is None else float(of_events[MUSIC]),
            )

    def change_near(self, time_s: float, voices: HeardVoices) -> float:
        """Return by how much ``voices`` change the most near ``time_s``."""
        first, end = (self.sound.place(time_s + d, overlap_network.STEP_SAMPLES) for d in (-_NEAR_S, _NEAR_S))
        return float(voices.change[first:end].max(initial=0.0))


def _share(
    found: NDArray[np.bool_] | None, sound: ClipSound, part_s: Interval, step_samples: int
) -> NDArray[np.float64] | None:
    """Return the mean over a part of what was found every ``step_samples``; None where nothing was."""
    if found is None:
        return None
    part = found[sound.place(part_s[0], step_samples) : sound.place(part_s[1], step_samples)]
    return np.asarray(part.mean(axis=0)) if len(part) else None
