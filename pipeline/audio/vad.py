"""Find the voiced samples: WebRTC's voice detector, steadied by a ring of frames that must agree."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import WaveformInt16
from pipeline.audio.profiles import SAMPLE_RATE_HZ, MelProfile, VadProfile


def voiced_samples(samples: WaveformInt16, profile: MelProfile) -> WaveformInt16:
    """Return the voiced stretches of ``samples``, joined."""
    return samples[voiced_mask(samples, profile)]


def voiced_mask(samples: WaveformInt16, profile: MelProfile) -> NDArray[np.bool_]:
    """Return (N,) flags, True where there is speech.

    Samples that fill no frame are unvoiced, and so is a frame that ends exactly with the sound: the
    reference code (py-webrtcvad's example, used by voice2face and SF2F) compares strictly.
    """
    frames_voiced = smooth(frame_decisions(samples, profile.vad), profile.vad)
    mask = np.zeros(len(samples), dtype=np.bool_)
    voiced = np.repeat(frames_voiced, profile.vad.frame_samples)
    mask[: len(voiced)] = voiced
    return mask


def frame_decisions(samples: WaveformInt16, vad: VadProfile) -> list[bool]:
    """Return the detector's word on each frame, heard once and in order by a fresh detector.

    voice2face's own code asks again about every frame still in the ring, which also changes the detector's
    memory: about 4 % of the frames of real clips then end otherwise. py-webrtcvad and SF2F ask once.
    """
    import webrtcvad

    detector = webrtcvad.Vad(vad.mode)
    n_frames = max(0, len(samples) - 1) // vad.frame_samples
    pcm, frame_bytes = samples.tobytes(), vad.frame_samples * samples.itemsize
    return [
        detector.is_speech(pcm[start : start + frame_bytes], SAMPLE_RATE_HZ)
        for start in range(0, n_frames * frame_bytes, frame_bytes)
    ]


def smooth(decisions: Sequence[bool], vad: VadProfile) -> NDArray[np.bool_]:
    """Return one flag a frame from the detector's ``decisions``.

    Closed: speech opens when more than ``agreement`` of a full ring is voiced, and the whole ring counts as
    speech. Open: every frame counts, and speech closes after the frame at which more than ``agreement`` of
    a full ring is unvoiced. The ring starts empty after each change.
    """
    voiced = np.zeros(len(decisions), dtype=np.bool_)
    ring: deque[bool] = deque(maxlen=vad.ring_frames)
    is_open = False
    for frame, is_speech in enumerate(decisions):
        voiced[frame] = is_open
        ring.append(is_speech != is_open)
        if sum(ring) > vad.agreement * vad.ring_frames:
            if not is_open:
                voiced[frame + 1 - len(ring) : frame + 1] = True
            is_open = not is_open
            ring.clear()
    return voiced
