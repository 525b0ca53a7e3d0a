"""The profiles from sound to log-mel, paper, voice2face, sf2f, sync and wav2lip, and the voice detectors' settings."""

from dataclasses import dataclass, replace
from math import log
from typing import Literal

from pipeline.audio.settings import PICTURES_PER_S, ProfileName
from pipeline.core.base.units import MILLISECONDS_PER_S, exact_div, samples_in

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = samples_in(0.025, SAMPLE_RATE_HZ)  # 25 ms -> 400
HOP_SAMPLES = exact_div(SAMPLE_RATE_HZ, 100)  # 100 frames/s -> 160, 10 ms
SYNC_WINDOW_SAMPLES = samples_in(0.05, SAMPLE_RATE_HZ)  # 50 ms -> 800
WAV2LIP_HOP_SAMPLES = exact_div(SAMPLE_RATE_HZ, 80)  # 80 frames/s -> 200, 12.5 ms
SYNC_HOP_SAMPLES = exact_div(SAMPLE_RATE_HZ, PICTURES_PER_S)  # 25 frames/s -> 640, 40 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class VadProfile:
    """How the WebRTC voice detector is applied, and how its decisions open and close a stretch of speech."""

    mode: int
    """Aggressiveness of webrtcvad, 0 to 3."""
    frame_ms: int
    padding_ms: int
    """Length of the ring of frames that must agree, cut down to whole frames."""
    ring_share: float
    """More than this share of the ring must be voiced to open, unvoiced to close."""
    reevaluates_ring: bool
    """False: the detector classifies each frame once, in order. True: every frame in the ring, oldest first, whenever
    one is added; that updates the detector's estimate of the background and may change its decision."""

    @property
    def frame_samples(self) -> int:
        """Samples of one frame: 20 ms -> 320."""
        return _samples(self.frame_ms)

    @property
    def ring_frames(self) -> int:
        """Frames in the ring: 50 ms of 20 ms frames -> 2."""
        return self.padding_ms // self.frame_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class SileroProfile:
    """How the probabilities of the Silero network open and close a stretch of speech."""

    threshold: float
    """A probability of at least this opens, and cancels a closing that has begun."""
    negative_threshold: float
    """In speech, a probability below this begins a closing; between the two thresholds nothing changes."""
    min_speech_ms: int
    """Stretches that are not longer than this are no speech."""
    min_silence_ms: int
    """A closing is final when this much has passed since it began, and speech then ends where it began."""
    pad_ms: int
    """Each stretch is extended by this at both ends; two that would overlap meet in the middle."""

    @property
    def min_speech_samples(self) -> int:
        """250 ms -> 4000 samples."""
        return _samples(self.min_speech_ms)

    @property
    def min_silence_samples(self) -> int:
        """100 ms -> 1600 samples."""
        return _samples(self.min_silence_ms)

    @property
    def pad_samples(self) -> int:
        """30 ms -> 480 samples."""
        return _samples(self.pad_ms)


def _samples(duration_ms: int) -> int:
    return exact_div(SAMPLE_RATE_HZ * duration_ms, MILLISECONDS_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedScale:
    """Standardisation by the mean and standard deviation of a whole data set: ``(x - mean) / std``."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MelProfile:
    """Everything that turns (N,) int16 at 16 kHz into a standardised (n_mels, n_valid) log-mel."""

    vad: VadProfile
    keeps_unvoiced: bool
    """False: the feature is made of the voiced samples, joined. True: of all samples of the segment, so that its
    columns stay in step with the picture; the voice detector then only decides whether there is speech."""
    window: Literal["hann", "hamming", "rectangular", "periodic_hann"]
    """Symmetric windows of ``window_samples``, as numpy.hanning and numpy.hamming give them; ``periodic_hann``: the
    first ``window_samples`` of a Hann window longer by one."""
    window_samples: int
    hop_samples: int
    n_fft: int
    n_mels: int
    fmin_hz: float
    fmax_hz: float
    mel_scale: Literal["htk", "slaney"]
    """2595 log10(1 + f / 700), or linear up to 1 kHz and logarithmic above, as librosa's."""
    edges: Literal["nearest_bin", "bin_below", "exact"]
    """Mel edges moved to FFT bins, ``round(f n_fft / rate)`` or ``floor(f (n_fft + 1) / rate)``, or exact."""
    triangle: Literal["unit_area", "unit_height"]
    """Height 2 / (width in Hz), or 1."""
    spectrum: Literal["power", "magnitude"]
    """What the mel filters sum: the squared magnitude of the FFT, or the magnitude."""
    power_divisor: int
    """The squared magnitude of the FFT is divided by this."""
    preemphasis: float
    preemphasis_over: Literal["frame", "signal"]
    """``frame``: the sample before a frame is the last one of the frame before, which overlaps it (240 samples
    after the true one); 0 before the first. ``signal``: the true sample before, everywhere."""
    frames_start: Literal["to_the_end", "before_the_end", "until_covered", "around_pictures", "centred"]
    """How many frames of W samples N samples have, a hop of H apart; frame k starts at sample k H in the first three.
    ``to_the_end``: N // H + 1. ``before_the_end``: ceil(N / H). ``until_covered``: 1 + ceil((N - W) / H).
    ``around_pictures``: ceil(N / H), and frame k is centred on the time k H to (k + 1) H in which picture k is shown,
    so that the first one begins (W - H) / 2 before the sound. ``centred``: N // H + 1, and frame k is centred on sample
    k H: beyond both ends the emphasised sound is mirrored."""
    tail: Literal["repeat", "zeros"]
    """What fills a frame that reaches past the end. One that starts at the end (``to_the_end``, N a multiple of 160,
    so always after the voice detector) has nothing to repeat and is all zeros, as numpy.resize makes it."""
    floor: float
    """Smallest mel power (or magnitude) before the natural logarithm, on the int16 scale."""
    ceiling: float | None
    """The largest, likewise; None: there is none."""
    scale: FixedScale | None
    """None: each mel bin has mean 0 and deviation 1 over the valid frames."""

    @property
    def zero_level(self) -> float:
        """What a log-mel of 0, or of a floor above it, becomes after standardisation: the value of ``zero`` padding."""
        return 0.0 if self.scale is None else (max(0.0, log(self.floor)) - self.scale.mean) / self.scale.std


# cmu-mlsp/reconstructing_faces_from_voices: utils.py, vad.py, mfcc.py. Its filters have the shape of
# librosa.filters.mel(htk=True, norm="slaney"), but on edges rounded to FFT bins, which librosa can't do:
# pipeline/audio/filters.py takes librosa's edges, rounds them and builds the triangles.
VOICE2FACE = MelProfile(
    vad=VadProfile(mode=2, frame_ms=20, padding_ms=50, ring_share=0.9, reevaluates_ring=True),
    keeps_unvoiced=False,
    window="hamming",
    window_samples=WINDOW_SAMPLES,
    hop_samples=HOP_SAMPLES,
    n_fft=1024,
    n_mels=64,
    fmin_hz=20.0,
    fmax_hz=7200.0,
    mel_scale="htk",
    edges="nearest_bin",
    triangle="unit_area",
    spectrum="power",
    power_divisor=1,
    preemphasis=0.97,
    preemphasis_over="frame",
    frames_start="to_the_end",
    tail="repeat",
    floor=1e-5,
    ceiling=None,
    scale=None,
)

# The paper follows voice2face and names one difference, a Hann window. Its first weight is 0, so voice2face's frame
# that starts at the end of the sound would lie at the floor: one column in some 550, about 7 standard deviations below,
# which also narrows all others. The paper mentions neither that frame nor a second evaluation of the ring.
PAPER = replace(
    VOICE2FACE,
    vad=VadProfile(mode=2, frame_ms=20, padding_ms=50, ring_share=0.9, reevaluates_ring=False),
    window="hann",
    frames_start="before_the_end",
)

# BAI-Yeqi/SF2F_PyTorch, utils/wav2mel.py: python_speech_features.logfbank with 40 filters, else its defaults.
SF2F = MelProfile(
    vad=VadProfile(mode=1, frame_ms=30, padding_ms=300, ring_share=0.9, reevaluates_ring=False),
    keeps_unvoiced=False,
    window="rectangular",
    window_samples=WINDOW_SAMPLES,
    hop_samples=HOP_SAMPLES,
    n_fft=512,
    n_mels=40,
    fmin_hz=0.0,
    fmax_hz=SAMPLE_RATE_HZ / 2,
    mel_scale="htk",
    edges="bin_below",
    triangle="unit_height",
    spectrum="power",
    power_divisor=512,
    preemphasis=0.97,
    preemphasis_over="signal",
    frames_start="until_covered",
    tail="zeros",
    floor=2.0**-52,
    ceiling=None,
    scale=FixedScale(mean=10.9915, std=3.1661),
)

# For models of sound and picture together: one column for each picture of 25 a second. The window, 80 mels from 55 to
# 7600 Hz and pre-emphasis are those of the peers that drive lips by log-mels (Wav2Lip, LatentSync: configs/audio.yaml).
# Their hop of 200 samples is not kept: it makes 3.2 columns a picture. Windows of 50 ms overlap by a fifth at a hop of
# 40 ms, so that no sound falls between two pictures.
SYNC = MelProfile(
    vad=PAPER.vad,
    keeps_unvoiced=True,
    window="hann",
    window_samples=SYNC_WINDOW_SAMPLES,
    hop_samples=SYNC_HOP_SAMPLES,
    n_fft=1024,
    n_mels=80,
    fmin_hz=55.0,
    fmax_hz=7600.0,
    mel_scale="htk",
    edges="exact",
    triangle="unit_area",
    spectrum="power",
    power_divisor=1,
    preemphasis=0.97,
    preemphasis_over="signal",
    frames_start="around_pictures",
    tail="zeros",
    floor=1e-5,
    ceiling=None,
    scale=None,
)

# Rudrabha/Wav2Lip, audio.py and hparams.py, which StyleHEAT's audio generator and its judge of lips take: magnitudes by
# librosa 0.7, whose stft mirrors the sound at both ends, in dB less 20, of which -100 to 0 become -4 to 4. What is
# outside is cut off: on the int16 scale, below 1e-4 and above 10 times full scale.
_FULL_SCALE = 2.0**15
WAV2LIP = MelProfile(
    vad=PAPER.vad,
    keeps_unvoiced=True,
    window="periodic_hann",
    window_samples=SYNC_WINDOW_SAMPLES,
    hop_samples=WAV2LIP_HOP_SAMPLES,
    n_fft=800,
    n_mels=80,
    fmin_hz=55.0,
    fmax_hz=7600.0,
    mel_scale="slaney",
    edges="exact",
    triangle="unit_area",
    spectrum="magnitude",
    power_divisor=1,
    preemphasis=0.97,
    preemphasis_over="signal",
    frames_start="centred",
    tail="zeros",
    floor=1e-4 * _FULL_SCALE,
    ceiling=10 * _FULL_SCALE,
    scale=FixedScale(mean=log(_FULL_SCALE) - 1.5 * log(10), std=log(10) / 1.6),
)

PROFILES: dict[ProfileName, MelProfile] = {
    "paper": PAPER,
    "voice2face": VOICE2FACE,
    "sf2f": SF2F,
    "sync": SYNC,
    "wav2lip": WAV2LIP,
}

# snakers4/silero-vad, utils_vad.py: the defaults of get_speech_timestamps, without a longest stretch, but for the
# threshold, there 0.5, and the one below it by 0.15: at 0.5 the begins and ends of soft voices are missed.
SILERO = SileroProfile(threshold=0.4, negative_threshold=0.25, min_speech_ms=250, min_silence_ms=100, pad_ms=30)
