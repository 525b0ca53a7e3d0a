"""Cut clips of real people together to videos of many shots, whose truth is known: who is seen, and whose voice sounds.

A folder has videos and an INDEX.tsv, with the columns path, duration_s and notes; notes hold ``type=talk...; id=...;
faces/frame=1-1`` for clips in which one person talks. Half of the shots have another voice than that of the person
seen: that of somebody else in the montage, or of somebody who is never seen in it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.video.ffmpeg_program import run_ffmpeg

OWN, OTHER, UNSEEN = "own", "other", "unseen"
"""Whose voice a shot has: that of the person seen, of somebody seen in other shots, or of somebody never seen."""

SIZE_PX = (640, 360)
FPS = 25
SOUND_RATE_HZ = 44_100
SHOT_S = (2.5, 6.0)
MIN_CLIP_S = 2.5
PERSONS_EACH = 4
_TALKS = re.compile(r"type=(talk|talk-long|talk-short|talk-synthetic);")
_PERSON = re.compile(r"\bid=(\w+);")
_ONE_FACE = "faces/frame=1-1"


@dataclass(frozen=True, slots=True)
class TalkingClip:
    """A clip in which one person, and nobody else, is seen and talks."""

    path: Path
    person: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Shot:
    """A shot of a montage: its time there, who is seen, and whose voice sounds (OWN, OTHER or UNSEEN).

    ``picture_from_s``, ``voice_from_s``: the times of the clips at which picture and sound begin.
    """

    start_s: float
    end_s: float
    seen: TalkingClip
    picture_from_s: float
    voice: str
    heard: TalkingClip
    voice_from_s: float


def talking_clips(folders: Sequence[Path]) -> list[TalkingClip]:
    """Return the clips of the folders that show one talker, in order of their names."""
    found: dict[str, TalkingClip] = {}
    for folder in folders:
        index = pd.read_csv(folder / "INDEX.tsv", sep="\t", dtype=str)
        for name, duration, notes in index[["path", "duration_s", "notes"]].itertuples(index=False, name=None):
            person = _PERSON.search(notes)
            if person and _TALKS.search(notes) and _ONE_FACE in notes and float(duration) >= MIN_CLIP_S:
                found[name] = TalkingClip(folder / name, person[1], float(duration))
    return [found[name] for name in sorted(found)]


def groups_of_persons(clips: Sequence[TalkingClip], seed: int) -> list[list[str]]:
    """Return the persons in groups of PERSONS_EACH, drawn by ``seed``; nobody is in two groups."""
    persons = sorted({clip.person for clip in clips})
    drawn = [str(one) for one in np.random.default_rng(seed).permutation(persons)]
    groups = [drawn[n : n + PERSONS_EACH] for n in range(0, len(drawn), PERSONS_EACH)]
    return groups[:-1] if len(groups[-1]) < 2 else groups


def plan(
    clips: Sequence[TalkingClip], persons: Sequence[str], unseen: Sequence[str], duration_s: float, seed: int
) -> list[Shot]:
    """Return the shots of one montage of ``persons``; voices of UNSEEN are those of the persons ``unseen``."""
    draw = np.random.default_rng(seed)
    of: Mapping[str, list[TalkingClip]] = {
        person: [clip for clip in clips if clip.person == person] for person in (*persons, *unseen)
    }
    shots: list[Shot] = []
    now_s, last = 0.0, ""
    while now_s < duration_s:
        person = str(draw.choice([one for one in persons if one != last]))
        seen = of[person][draw.integers(len(of[person]))]
        voice = str(draw.choice([OWN, OTHER, UNSEEN], p=[0.5, 0.25, 0.25]))
        speakers = {OWN: [person], OTHER: [one for one in persons if one != person], UNSEEN: [*unseen]}[voice]
        heard = seen
        if voice != OWN:
            of_speaker = of[str(draw.choice(speakers))]
            heard = of_speaker[draw.integers(len(of_speaker))]
        length_s = min(draw.uniform(*SHOT_S), seen.duration_s - 0.1, heard.duration_s - 0.1)
        length_s = int(length_s * FPS) / FPS
        picture_from_s = round(draw.uniform(0, seen.duration_s - 0.1 - length_s), 3)
        voice_from_s = picture_from_s if voice == OWN else round(draw.uniform(0, heard.duration_s - 0.1 - length_s), 3)
        shots.append(Shot(now_s, now_s + length_s, seen, picture_from_s, voice, heard, voice_from_s))
        now_s, last = now_s + length_s, person
    return shots


def write(shots: Sequence[Shot], path: Path) -> None:
    """Write a montage as mp4."""
    import ffmpeg

    streams: list[Any] = []
    for number, shot in enumerate(shots):
        length_s = shot.end_s - shot.start_s
        same = f"PTS+0*{number}"  # ffmpeg-python takes equal filters for one, whose output can be used once
        picture = ffmpeg.input(str(shot.seen.path), ss=shot.picture_from_s, t=length_s + 0.5).video
        picture = picture.filter("setpts", same).filter("scale", *SIZE_PX, force_original_aspect_ratio="decrease")
        picture = picture.filter("pad", *SIZE_PX, "(ow-iw)/2", "(oh-ih)/2").filter("setsar", 1).filter("fps", FPS)
        picture = picture.filter("trim", end_frame=round(length_s * FPS)).filter("setpts", "PTS-STARTPTS")
        sound = ffmpeg.input(str(shot.heard.path), ss=shot.voice_from_s, t=length_s + 0.5).audio
        sound = sound.filter("asetpts", same).filter("aresample", SOUND_RATE_HZ)
        sound = (
            sound.filter("aformat", channel_layouts="mono")
            .filter("apad")
            .filter("atrim", end=length_s)
            .filter("asetpts", "PTS-STARTPTS")
        )
        streams += [picture, sound]
    joined = ffmpeg.concat(*streams, v=1, a=1, n=len(shots)).node
    run_ffmpeg(ffmpeg.output(joined[0], joined[1], str(path), preset="veryfast", crf="20", r=FPS))
