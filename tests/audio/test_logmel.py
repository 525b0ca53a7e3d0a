"""The log-mel of each profile equals a computation written anew from the formulas, value by value."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio.extract import extract_waveform
from pipeline.audio.logmel import log_mel, n_frames_of
from pipeline.audio.pcm import to_int16
from pipeline.audio.profiles import PROFILES
from pipeline.audio.settings import ProfileName
from pipeline.audio.vad import voiced_samples
from pipeline.core.base.arrays import Waveform, WaveformInt16
from tests.real_files import CLIPS, needs_clips

DURATIONS_S = (0.3, 3.0, 6.0, 10.01, 12.0)
Matrix = NDArray[np.float64]


def mel(frequency_hz: float) -> float:
    return 2595 * math.log10(1 + frequency_hz / 700)


def hz(mels: float) -> float:
    return 700 * (10 ** (mels / 2595) - 1)


def edges_hz(low_hz: float, high_hz: float, n_mels: int) -> list[float]:
    step = (mel(high_hz) - mel(low_hz)) / (n_mels + 1)
    return [hz(mel(low_hz) + k * step) for k in range(n_mels + 2)]


def hann(i: int, length: int = 400) -> float:
    return 0.5 - 0.5 * math.cos(2 * math.pi * i / (length - 1))


def hamming(i: int) -> float:
    return 0.54 - 0.46 * math.cos(2 * math.pi * i / 399)


def standardised(feature: Matrix) -> Matrix:
    """(frames, bins) with mean 0 and deviation 1 of each bin."""
    result = np.empty_like(feature)
    for k in range(feature.shape[1]):
        mean = sum(feature[:, k]) / len(feature)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in feature[:, k]) / len(feature))
        result[:, k] = (feature[:, k] - mean) / (deviation + np.finfo(np.float32).eps)
    return result


def voice2face_filters() -> Matrix:
    """Triangles between FFT bins, each 2 / (width in Hz) high."""
    weights = np.zeros((64, 513))
    bins = [round(edge / 15.625) for edge in edges_hz(20, 7200, 64)]
    for k in range(64):
        left, centre, right = bins[k : k + 3]
        height = 2 / ((right - left) * 15.625)
        for b in range(left, centre + 1):
            weights[k, b] = height * (b - left) / (centre - left)
        for b in range(centre, right + 1):
            weights[k, b] = height * (right - b) / (right - centre)
    return weights


def reference_voice2face(samples: WaveformInt16, window: Callable[[int], float], n_frames: int) -> Matrix:
    """(frames, 64): Sphinx-like frames, pre-emphasis frame by frame, mean and deviation of each bin."""
    shape = np.array([window(i) for i in range(400)])
    filters = voice2face_filters()
    before, rows = 0.0, []
    for frame in range(n_frames):
        rest = [float(v) for v in samples[160 * frame : 160 * frame + 400]]
        filled = [rest[i % len(rest)] for i in range(400)] if rest else [0.0] * 400
        emphasised = [value - 0.97 * prior for value, prior in zip(filled, [before, *filled], strict=False)]
        before = filled[-1]
        power = np.abs(np.fft.fft(np.array(emphasised) * shape, 1024)[:513]) ** 2
        rows.append([math.log(max(1e-5, float(filters[k] @ power))) for k in range(64)])
    return standardised(np.array(rows))


def sf2f_filters() -> Matrix:
    weights = np.zeros((40, 257))
    bins = [math.floor(513 * edge / 16000 + 1e-9) for edge in edges_hz(0, 8000, 40)]
    for k in range(40):
        left, centre, right = bins[k : k + 3]
        for b in range(left, centre):
            weights[k, b] = (b - left) / (centre - left)
        for b in range(centre, right):
            weights[k, b] = (right - b) / (right - centre)
    return weights


def reference_sf2f(samples: WaveformInt16) -> Matrix:
    """(frames, 40): python_speech_features.logfbank with its defaults, then the fixed scale."""
    filters = sf2f_filters()
    signal = [float(samples[0])]
    for n in range(1, len(samples)):
        signal.append(float(samples[n]) - 0.97 * float(samples[n - 1]))
    n_frames = 1 if len(signal) <= 400 else 1 + math.ceil((len(signal) - 400) / 160)
    signal += [0.0] * (160 * (n_frames - 1) + 400 - len(signal))
    rows = []
    for frame in range(n_frames):
        spectrum = np.fft.fft(signal[160 * frame : 160 * frame + 400], 512)[:257]
        energies = filters @ (np.abs(spectrum) ** 2 / 512)
        rows.append([math.log(energy if energy > 0 else np.finfo(float).eps) for energy in energies])
    return (np.array(rows) - 10.9915) / 3.1661


def reference_sync(samples: WaveformInt16) -> Matrix:
    """(pictures, 80): the sound around the middle of each 40 ms, 25 ms to either side."""
    emphasised = {-1: 0.0}
    for n, value in enumerate(samples):
        emphasised[n] = float(value) - 0.97 * (float(samples[n - 1]) if n else 0.0)
    edges = edges_hz(55, 7600, 80)
    filters = np.zeros((80, 513))
    for k in range(80):
        left, centre, right = edges[k : k + 3]
        for b in range(513):
            rise, fall = (15.625 * b - left) / (centre - left), (right - 15.625 * b) / (right - centre)
            filters[k, b] = max(0.0, min(rise, fall)) * 2 / (right - left)
    rows = []
    for picture in range(math.ceil(len(samples) / 640)):
        middle = 640 * picture + 320
        piece = [emphasised.get(middle - 400 + i, 0.0) * hann(i, 800) for i in range(800)]
        power = np.abs(np.fft.fft(piece, 1024)[:513]) ** 2
        rows.append(np.log(np.maximum(1e-5, filters @ power)))
    return standardised(np.array(rows))


def slaney_filters() -> Matrix:
    """Triangles of unit area between 55 and 7600 Hz, linear up to 1 kHz (3 mel each 200 Hz) and logarithmic above."""
    top = 15 + 27 * math.log(7.6) / math.log(6.4)
    mels = [0.165 * 5 + (top - 0.165 * 5) * k / 81 for k in range(82)]
    edges = [200 * m / 3 if m < 15 else 1000 * 6.4 ** ((m - 15) / 27) for m in mels]
    filters = np.zeros((80, 401))
    for k in range(80):
        left, centre, right = edges[k : k + 3]
        for b in range(401):
            rise, fall = (20 * b - left) / (centre - left), (right - 20 * b) / (right - centre)
            filters[k, b] = max(0.0, min(rise, fall)) * 2 / (right - left)
    return filters


def reference_wav2lip(samples: WaveformInt16) -> Matrix:
    """(frames, 80): magnitudes around every 200th sample in dB less 20, -100 to 0 dB as -4 to 4."""
    wave = samples / 32_768
    emphasised = [float(wave[0])] + [float(wave[n] - 0.97 * wave[n - 1]) for n in range(1, len(wave))]
    filters, last = slaney_filters(), len(wave) - 1
    rows = []
    for frame in range(len(wave) // 200 + 1):
        places = [(200 * frame - 400 + i) % (2 * last) if last else 0 for i in range(800)]
        piece = [emphasised[min(place, 2 * last - place)] * hann(i, 801) for i, place in enumerate(places)]
        decibels = 20 * np.log10(np.maximum(1e-5, filters @ np.abs(np.fft.fft(piece)[:401]))) - 20
        rows.append(np.clip(8 * (decibels + 100) / 100 - 4, -4, 4))
    return np.array(rows)


REFERENCES: dict[str, Callable[[WaveformInt16], Matrix]] = {
    "paper": lambda samples: reference_voice2face(samples, hann, math.ceil(len(samples) / 160)),
    "voice2face": lambda samples: reference_voice2face(samples, hamming, len(samples) // 160 + 1),
    "sf2f": reference_sf2f,
    "sync": reference_sync,
    "wav2lip": reference_wav2lip,
}
MOST_DIFFERENT = 1e-6  # float32 rounds a standardised value of 7 by as much as 2.4e-7


@pytest.mark.parametrize("duration_s", DURATIONS_S)
@pytest.mark.parametrize("name", PROFILES)
def test_log_mel_of_whole_sound_equals_the_reference(
    name: ProfileName, duration_s: float, speech: Callable[..., Waveform]
) -> None:
    samples = to_int16(speech(duration_s))
    expected = REFERENCES[name](samples).T
    assert log_mel(samples, PROFILES[name]).shape == expected.shape
    assert np.abs(log_mel(samples, PROFILES[name]) - expected).max() <= MOST_DIFFERENT


@needs_clips
@pytest.mark.parametrize("duration_s", DURATIONS_S)
@pytest.mark.parametrize("name", PROFILES)
def test_log_mel_of_real_speech_equals_the_reference(name: ProfileName, duration_s: float) -> None:
    waveform = extract_waveform(CLIPS / "DFRF__french.mp4", max_duration_s=2.0 + duration_s)
    samples = to_int16(waveform[-round(duration_s * 16_000) :])
    voiced = voiced_samples(samples, PROFILES[name].vad)  # none in 0.3 s, the length of the ring
    for sound in filter(len, (samples, voiced)):
        expected = REFERENCES[name](sound).T
        assert np.abs(log_mel(sound, PROFILES[name]) - expected).max() <= MOST_DIFFERENT


@pytest.mark.parametrize("name", PROFILES)
def test_log_mel_of_voiced_sound_equals_the_reference(name: ProfileName, speech: Callable[..., Waveform]) -> None:
    voiced = voiced_samples(to_int16(speech(6.0, seed=3)), PROFILES[name].vad)
    assert 2 * 16_000 < len(voiced) < 6 * 16_000
    assert np.abs(log_mel(voiced, PROFILES[name]) - REFERENCES[name](voiced).T).max() <= MOST_DIFFERENT


@pytest.mark.parametrize("n_samples", [1, 159, 160, 161, 399, 400, 401, 559, 560, 561, 639, 640, 641, 720, 721])
@pytest.mark.parametrize("name", PROFILES)
def test_log_mel_of_a_few_samples_equals_the_reference(name: ProfileName, n_samples: int) -> None:
    samples = np.random.default_rng(n_samples).integers(-9000, 9000, n_samples, dtype=np.int16)
    assert np.abs(log_mel(samples, PROFILES[name]) - REFERENCES[name](samples).T).max() <= MOST_DIFFERENT


@pytest.mark.parametrize(
    ("name", "n_frames"), [("paper", 600), ("voice2face", 601), ("sf2f", 599), ("sync", 150), ("wav2lip", 481)]
)
def test_six_seconds_have_the_documented_number_of_frames(name: ProfileName, n_frames: int) -> None:
    assert n_frames_of(96_000, PROFILES[name]) == n_frames


@pytest.mark.parametrize("name", PROFILES)
def test_digital_silence_gives_a_finite_constant_feature(name: ProfileName) -> None:
    feature = log_mel(np.zeros(16_000, dtype=np.int16), PROFILES[name])
    assert np.ptp(feature) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", PROFILES)
def test_no_samples_give_no_frames(name: ProfileName) -> None:
    assert log_mel(np.zeros(0, dtype=np.int16), PROFILES[name]).shape == (PROFILES[name].n_mels, 0)


def test_the_paper_has_no_column_without_sound_of_its_own(speech: Callable[..., Waveform]) -> None:
    """voice2face has: in its last column there is only the frame before by pre-emphasis."""
    lowest = {}
    for name in ("paper", "voice2face"):
        voiced = voiced_samples(to_int16(speech(6.0)), PROFILES[name].vad)
        lowest[name] = float(log_mel(voiced, PROFILES[name])[:, -1].min())
    assert lowest["voice2face"] < -5 < -4 < lowest["paper"]


@pytest.mark.parametrize("picture", [0, 1, 74, 149])
def test_a_click_in_the_middle_of_a_picture_is_loudest_in_its_column(picture: int) -> None:
    samples = np.random.default_rng(2).integers(-20, 20, 96_000, dtype=np.int16)
    samples[640 * picture + 300 : 640 * picture + 340] = 9000
    assert int(log_mel(samples, PROFILES["sync"]).sum(axis=0).argmax()) == picture


def test_each_mel_bin_of_the_paper_has_mean_0_and_deviation_1(speech: Callable[..., Waveform]) -> None:
    feature = log_mel(to_int16(speech(6.0)), PROFILES["paper"]).astype(np.float64)
    assert feature.mean(axis=1) == pytest.approx(np.zeros(64), abs=1e-5)
    assert feature.std(axis=1) == pytest.approx(np.ones(64), abs=1e-5)


def test_a_louder_voice_has_the_same_standardised_feature_but_for_rounding(
    speech: Callable[..., Waveform],
) -> None:
    quiet = to_int16(speech(3.0)) // 2 * 2
    loud = (quiet * 2).astype(np.int16)
    difference = log_mel(loud, PROFILES["voice2face"]) - log_mel(quiet, PROFILES["voice2face"])
    assert np.abs(difference).max() <= 1e-5


def test_the_same_sound_gives_the_same_bytes(speech: Callable[..., Waveform]) -> None:
    samples = to_int16(speech(3.0))
    first, second = (log_mel(samples.copy(), PROFILES["paper"]) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_wav2lip_is_what_librosa_makes_of_the_sound(speech: Callable[..., Waveform]) -> None:
    """Silence and loud noise besides speech: both limits are reached."""
    import librosa

    loud = np.random.default_rng(5).normal(0, 0.4, 8_000).astype(np.float32)
    samples = to_int16(np.concatenate([np.zeros(8_000, np.float32), speech(2.0), loud]))
    wave = samples / 32_768
    emphasised = np.append(wave[:1], wave[1:] - 0.97 * wave[:-1])
    spectrum = librosa.stft(emphasised, n_fft=800, hop_length=200, win_length=800, pad_mode="reflect")
    filters = librosa.filters.mel(sr=16_000, n_fft=800, n_mels=80, fmin=55, fmax=7600, dtype=np.float64)
    decibels = 20 * np.log10(np.maximum(1e-5, filters @ np.abs(spectrum))) - 20
    theirs = np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)
    ours = log_mel(samples, PROFILES["wav2lip"])
    assert ours.shape == theirs.shape == (80, 241)
    assert np.abs(ours - theirs).max() <= MOST_DIFFERENT
    assert theirs.min() == -4 < 1 < theirs.max()


def test_the_loudest_that_wav2lip_tells_apart_is_four() -> None:
    square = np.tile(np.repeat(np.array([32_767, -32_768], np.int16), 40), 200)
    assert log_mel(square, PROFILES["wav2lip"]).max() <= 4
