"""The three recipes from sound to log-mel, every constant named: paper, voice2face, sf2f."""

from dataclasses import dataclass, replace
from typing import Literal

from pipeline.audio.settings import ProfileName
from pipeline.units import MILLISECONDS_PER_S, exact_div, samples_in

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = samples_in(0.025, SAMPLE_RATE_HZ)  # 25 ms -> 400
HOP_SAMPLES = exact_div(SAMPLE_RATE_HZ, 100)  # 100 frames/s -> 160, 10 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class VadProfile:
    """How the WebRTC voice detector is asked, and how its yes and no open and close a stretch of speech."""

    mode: int
    """Aggressiveness of webrtcvad, 0 to 3."""
    frame_ms: int
    padding_ms: int
    """Length of the ring of frames that must agree, cut down to whole frames."""
    agreement: float
    """More than this share of the ring must be voiced to open, unvoiced to close."""

    @property
    def frame_samples(self) -> int:
        """Samples of one frame: 20 ms -> 320."""
        return exact_div(SAMPLE_RATE_HZ * self.frame_ms, MILLISECONDS_PER_S)

    @property
    def ring_frames(self) -> int:
        """Frames in the ring: 50 ms of 20 ms frames -> 2."""
        return self.padding_ms // self.frame_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedScale:
    """Standardisation by the mean and deviation of a whole data set: ``(x - mean) / std``."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MelProfile:
    """Everything that turns (N,) int16 at 16 kHz into a standardised (n_mels, n_valid) log-mel."""

    vad: VadProfile
    window: Literal["hann", "hamming", "rectangular"]
    """Symmetric windows of WINDOW_SAMPLES, as numpy.hanning and numpy.hamming give them."""
    n_fft: int
    n_mels: int
    fmin_hz: float
    fmax_hz: float
    edges: Literal["nearest_bin", "bin_below"]
    """Mel edges moved to FFT bins: ``round(f n_fft / rate)`` or ``floor(f (n_fft + 1) / rate)``."""
    triangle: Literal["unit_area", "unit_height"]
    """Height 2 / (width in Hz), or 1."""
    power_divisor: int
    """The squared magnitude of the FFT is divided by this."""
    preemphasis: float
    preemphasis_over: Literal["frame", "signal"]
    """``frame``: before a frame stands the last sample of the frame before, which overlaps it (240 samples
    after the true one); 0 before the first. ``signal``: the true sample before, everywhere."""
    frames_start: Literal["within_sound", "until_covered"]
    """``within_sound``: N // 160 + 1 frames. ``until_covered``: 1 + ceil((N - 400) / 160)."""
    tail: Literal["repeat", "zeros"]
    """What fills a frame that reaches past the end. One that starts at the end (N a multiple of 160, so
    always after the voice detector) has nothing to repeat and is all zeros, as numpy.resize makes it."""
    floor: float
    """Smallest mel power before the natural logarithm, on the int16 scale."""
    scale: FixedScale | None
    """None: each mel bin has mean 0 and deviation 1 over the valid frames."""

    @property
    def zero_level(self) -> float:
        """What a log-mel of 0 becomes after standardisation: the value of ``zero`` padding."""
        return 0.0 if self.scale is None else -self.scale.mean / self.scale.std


# cmu-mlsp/reconstructing_faces_from_voices: utils.py, vad.py, mfcc.py. Its filters have the shape of
# librosa.filters.mel(htk=True, norm="slaney"), but on edges rounded to FFT bins, which librosa can't do:
# pipeline/audio/filters.py takes librosa's edges, rounds them and builds the triangles.
VOICE2FACE = MelProfile(
    vad=VadProfile(mode=2, frame_ms=20, padding_ms=50, agreement=0.9),
    window="hamming",
    n_fft=1024,
    n_mels=64,
    fmin_hz=20.0,
    fmax_hz=7200.0,
    edges="nearest_bin",
    triangle="unit_area",
    power_divisor=1,
    preemphasis=0.97,
    preemphasis_over="frame",
    frames_start="within_sound",
    tail="repeat",
    floor=1e-5,
    scale=None,
)

# The paper follows voice2face and names one difference, a Hann window. Its first weight is 0, so the frame
# that starts at the end of the sound lies at the floor: one column in some 550, about 7 deviations below.
PAPER = replace(VOICE2FACE, window="hann")

# BAI-Yeqi/SF2F_PyTorch, utils/wav2mel.py: python_speech_features.logfbank with 40 filters, else its defaults.
SF2F = MelProfile(
    vad=VadProfile(mode=1, frame_ms=30, padding_ms=300, agreement=0.9),
    window="rectangular",
    n_fft=512,
    n_mels=40,
    fmin_hz=0.0,
    fmax_hz=SAMPLE_RATE_HZ / 2,
    edges="bin_below",
    triangle="unit_height",
    power_divisor=512,
    preemphasis=0.97,
    preemphasis_over="signal",
    frames_start="until_covered",
    tail="zeros",
    floor=2.0**-52,
    scale=FixedScale(mean=10.9915, std=3.1661),
)

PROFILES: dict[ProfileName, MelProfile] = {"paper": PAPER, "voice2face": VOICE2FACE, "sf2f": SF2F}
