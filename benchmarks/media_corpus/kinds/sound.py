"""Sound of every rate, layout and codec; and channels of which some are silent or inverted."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.media_corpus.ffmpeg import H264, OPUS, VP8, Encode
from benchmarks.media_corpus.talkers import Talker
from benchmarks.media_corpus.truth import Case, may_end, of
from benchmarks.media_corpus.workshop import Workshop

LAYOUTS = {
    "mono": "FC",
    "2.1": "FL FR LFE",
    "3.0": "FL FR FC",
    "quad": "FL FR BL BR",
    "5.0": "FL FR FC BL BR",
    "5.1": "FL FR FC LFE BL BR",
    "6.1": "FL FR FC LFE BC SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
}
CODECS = (
    ("mp3", "mp4", "libmp3lame", 44100),
    ("ac3", "mp4", "ac3", 48000),
    ("eac3", "mkv", "eac3", 48000),
    ("opus", "mkv", "libopus", 48000),
    ("opus", "mp4", "libopus", 48000),
    ("vorbis", "mkv", "libvorbis", 44100),
    ("flac", "mkv", "flac", 16000),
    ("alac", "mov", "alac", 44100),
    ("mp2", "ts", "mp2", 48000),
    ("mulaw", "mov", "pcm_mulaw", 8000),
    ("u8", "avi", "pcm_u8", 16000),
    ("f32", "mkv", "pcm_f32le", 48000),
    ("s16be", "mov", "pcm_s16be", 44100),
    ("adpcm", "avi", "adpcm_ms", 44100),
    ("ima adpcm", "mov", "adpcm_ima_qt", 44100),
    ("dts", "mkv", "dca", 48000),
    ("mp3", "avi", "libmp3lame", 48000),
    ("wma", "asf", "wmav2", 44100),
    ("amr", "3gp", "libopencore_amrnb", 8000),
)
PANS = {
    "left only": "stereo|c0=c0",
    "right only": "stereo|c1=c0",
    "right inverted": "stereo|c0=c0|c1=-1*c0",
    "right inverted, softer": "stereo|c0=c0|c1=-0.9*c0",
    "left inverted, softer": "stereo|c0=-0.8*c0|c1=c0",
    "right a tenth": "stereo|c0=c0|c1=0.1*c0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sounding:
    """A talker's clip with its sound coded and mixed so; ``rate_hz`` bounds what of it can be compared."""

    name: str
    suffix: str
    person: int
    sound: tuple[str, ...]
    rate_hz: int = 48000
    filters: str = ""
    may_drop: bool = False
    video: tuple[str, ...] = H264

    def make(self, shop: Workshop, path: Path) -> None:
        how = Encode(video=self.video, sound=self.sound, sound_filters=self.filters)
        shop.encode(path, Talker(self.person % 6), how)

    def case(self) -> Case:
        noise = 3e6 if "pcm_u8" in self.sound else 1e3
        truth = of(Talker(self.person % 6), top_hz=min(7000.0, 0.42 * self.rate_hz), noise=noise)
        truth = may_end(truth, sound=("no_speech",)) if self.may_drop else truth
        return Case(f"sound {self.name}", "sound", self.make, self.suffix, (truth,))


def _coded(codec: str, rate_hz: int) -> tuple[str, ...]:
    return ("-c:a", codec, "-ar", str(rate_hz), *(("-strict", "-2") if codec == "dca" else ()))


def formats() -> Iterator[Case]:
    for number, rate_hz in enumerate((8000, 11025, 16000, 22050, 32000, 44100, 88200, 96000, 192000)):
        pcm = _coded("pcm_s16le", rate_hz)
        yield Sounding(name=f"{rate_hz} Hz pcm", suffix="mov", person=number, sound=pcm, rate_hz=rate_hz).case()
    for number, rate_hz in enumerate((8000, 11025, 22050, 96000)):
        aac = (*_coded("aac", rate_hz), "-b:a", "96k")
        yield Sounding(name=f"{rate_hz} Hz aac", suffix="mp4", person=number, sound=aac, rate_hz=rate_hz).case()
    for number, rate_hz in enumerate((8000, 44100, 192000)):
        flac = (*_coded("flac", rate_hz), "-ac", "8")
        name = f"{rate_hz} Hz flac 7.1"
        yield Sounding(name=name, suffix="mkv", person=number, sound=flac, rate_hz=rate_hz).case()
    for number, (layout, channels) in enumerate(LAYOUTS.items()):
        pan = f"pan={layout}|" + "|".join(f"{one}=c0" for one in channels.split())
        pcm = _coded("pcm_s24le", 48000)
        yield Sounding(name=f"{layout} pcm", suffix="mkv", person=number, sound=pcm, filters=pan).case()
    centre = "pan=5.1|FC=c0"
    for name, suffix, codec in (("ac3 ts", "ts", "ac3"), ("aac mp4", "mp4", "aac")):
        sound = _coded(codec, 48000)
        yield Sounding(
            name=f"5.1 {name}, all in the centre", suffix=suffix, person=1, sound=sound, filters=centre
        ).case()
    front = "pan=7.1|FL=c0|FR=c0|FC=c0"
    pcm = _coded("pcm_s24le", 192000)
    yield Sounding(name="7.1 192 kHz pcm", suffix="mov", person=3, sound=pcm, filters=front).case()
    for number, (name, suffix, codec, rate_hz) in enumerate(CODECS):
        sound, name = _coded(codec, rate_hz), f"{name} {suffix}"
        yield Sounding(name=name, suffix=suffix, person=number, sound=sound, rate_hz=rate_hz).case()


def channels() -> Iterator[Case]:
    aac, pcm, flac = ("-c:a", "aac", "-b:a", "192k", "-ar", "48000"), _coded("pcm_s16le", 44100), ("-c:a", "flac")
    for number, (name, pan) in enumerate(PANS.items()):
        filters = f"pan={pan}"
        yield Sounding(name=name, suffix="mp4", person=number, sound=aac, filters=filters).case()
        yield Sounding(name=f"{name}, pcm", suffix="mkv", person=number + 3, sound=pcm, filters=filters).case()
    half = "pan=stereo|c0=c0|c1=c0,aeval='val(0)|val(1)*if(lt(t,1.8),1,-1)':c=same"
    for number, (name, filters) in enumerate(
        {
            "5.1 with front inverted": "pan=5.1|FL=c0|FR=-1*c0",
            "5.1 only behind": "pan=5.1|BL=c0|BR=c0",
            "inverted at half time": half,
        }.items()
    ):
        yield Sounding(name=name, suffix="mkv", person=number, sound=flac, filters=filters).case()
    yield Sounding(name="very soft", suffix="mp4", person=4, sound=aac, filters="volume=-30dB", may_drop=True).case()
    opus, inverted = (*OPUS, "-b:a", "192k"), f"pan={PANS['right inverted']}"
    yield Sounding(name="right inverted, opus", suffix="webm", person=5, sound=opus, filters=inverted, video=VP8).case()
