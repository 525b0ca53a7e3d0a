"""The voices of stretches of sound are embedded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.recordings import Recording, write_recording
from pipeline.audio.profiles import SAMPLE_RATE_HZ
from pipeline.core.base.arrays import Waveform
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.identity.subjects.sound import HeardSound, read_sound
from pipeline.identity.subjects.voices import VoiceEmbedder
from pipeline.synthetic.clip import sound_of
from pipeline.synthetic.plan import plan_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.clip import MediaClip
from pipeline.weights.fetch import find_weights


def talk(person: int, clip: int) -> Waveform:
    """Return four seconds of a generated talker."""
    spec = ClipSpec(seed=1, person=person, clip=clip, duration_s=4.0)
    return sound_of(spec, plan_clip(spec, np.arange(spec.n_frames) / float(spec.fps)))[: 4 * SAMPLE_RATE_HZ]


@pytest.fixture(scope="module")
def embedder() -> VoiceEmbedder:
    return VoiceEmbedder(VoiceNetwork(find_weights("speaker_embedder")), "voices-0")


def test_a_voice_is_more_like_itself_in_another_clip_than_like_that_of_another_talker(embedder: VoiceEmbedder) -> None:
    ann, ann_again, ben = embedder.network.embed([talk(1, 0), talk(1, 1), talk(2, 0)])
    assert ann is not None and ann_again is not None and ben is not None
    assert float(ann @ ann) == pytest.approx(1.0, abs=1e-5)
    assert float(ann @ ann_again) > float(ann @ ben)


def test_sound_too_short_for_a_window_and_digital_silence_have_no_voice(embedder: VoiceEmbedder) -> None:
    sound = talk(1, 0)
    just = 512 + 79 * 160
    silence = np.zeros(4 * SAMPLE_RATE_HZ, np.float32)
    assert embedder.network.embed([sound[: just - 1], silence]) == [None, None]
    short, found, silent = embedder.network.embed([sound[: just - 1], sound[:just], silence])
    assert short is None and found is not None and silent is None


def test_windows_do_not_overlap_and_are_spread_from_the_first_sample_to_the_last(embedder: VoiceEmbedder) -> None:
    sound, noise = talk(1, 0), np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    for n_windows, first_sample, last_sample, is_heard in (
        (1, 0, 1200, False),  # of a second only the middle
        (1, 8000, 9600, True),
        (2, 0, 1600, True),
        (2, 15_000, 17_000, False),  # between two windows in two seconds
        (2, 30_400, 32_000, True),
    ):
        whole = sound[: n_windows * SAMPLE_RATE_HZ]
        changed = whole.copy()
        changed[first_sample:last_sample] = noise[: last_sample - first_sample]
        (before,), (after,) = embedder.network.embed([whole]), embedder.network.embed([changed])
        assert before is not None and after is not None
        assert (before.tobytes() != after.tobytes()) == is_heard, (n_windows, first_sample)


def clip_of(sound: Waveform, folder: Path) -> MediaClip:
    path = write_recording(folder / "clip.mkv", Recording(suffix="mkv", rate_hz=16_000), sound)
    return MediaClip(clip_id="set/one", path=path, sha256="", has_audio=True, start_s=None, end_s=None)


@pytest.mark.parametrize("late_s", [0.0, 1.0])
def test_each_stretch_is_embedded_from_its_own_sound(embedder: VoiceEmbedder, tmp_path: Path, late_s: float) -> None:
    late = np.zeros(round(late_s * SAMPLE_RATE_HZ), np.float32)
    sound = np.concatenate([late, talk(1, 0), np.zeros(SAMPLE_RATE_HZ, np.float32), talk(2, 0)])
    parts_s = [(0.0, 4.0), (4.2, 4.8), (5.0, 9.0)]
    heard = read_sound(clip_of(sound, tmp_path), parts_s, late_s)
    assert heard is not None
    first, second = embedder.embed(HeardSound(heard, None, None), [[one] for one in parts_s])
    assert (first.stretch_id, second.stretch_id) == ("set/one-v00000000", "set/one-v00005000")
    for row, person in ((first, 1), (second, 2)):
        (alone,) = embedder.network.embed([talk(person, 0)])
        assert alone is not None and float(row.embedding @ alone) > 0.9


def test_a_clip_without_sound_and_one_that_does_not_decode_have_none(tmp_path: Path) -> None:
    clip = MediaClip(clip_id="set/one", path=tmp_path, sha256="", has_audio=False, start_s=None, end_s=None)
    assert read_sound(clip, [(0.0, 4.0)], 0.0) is None
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    assert read_sound(replace(clip, path=broken, has_audio=True), [(0.0, 4.0)], 0.0) is None
