"""The sections of params.yaml that describe published lists, one class a kind."""

from typing import Literal

from pydantic import Field

from pipeline.core.base.params import Params


class PublishedList(Params):
    """A folder that holds the files of a published list, as its authors offer them."""

    kind: str
    input: str = Field(min_length=1)
    """The folder, absolute or from the repository root."""


class HdtfSource(PublishedList):
    """HDTF: addresses, time ranges, heights and crops of three groups of videos."""

    kind: Literal["hdtf"]


class FaceForensicsSource(PublishedList):
    """FaceForensics++: sequences of frames of videos, and the official splits."""

    kind: Literal["faceforensics"]
    without_frames: Literal["wait", "whole_video"] = "wait"
    """What becomes of a sequence whose frame list is not there: it waits for it, or its whole video is the clip."""


class PortraitsSource(PublishedList):
    """The portrait videos of SSP-NeRF: a table of names and addresses."""

    kind: Literal["portraits"]


class VoxCelebSource(PublishedList):
    """VoxCeleb 1 and 2: a text file for each utterance, and tables of the speakers."""

    kind: Literal["voxceleb"]


class VoxCelebIdSource(PublishedList):
    """VoxCeleb-ID: pictures of people, joined by name to the utterances of VoxCeleb."""

    kind: Literal["voxceleb_id"]


class HqVoxCelebSource(PublishedList):
    """HQ-VoxCeleb: the released folders of pictures and spectrograms."""

    kind: Literal["hq_voxceleb"]
    faces: Literal["masked", "origin"] = "masked"
    """The folder of pictures: with a white background, or as they were found."""


class ReleasedAudioface(Params):
    """A dataset as the paper's authors released it, built already; a section below ``released_audioface``."""

    input: str = Field(min_length=1)
    """The folder that holds Images, Audios and IDFeat, absolute or from the repository root."""
    licence: str
    """Terms under which it was released."""


PUBLISHED_LISTS: dict[str, type[PublishedList]] = {
    "hdtf": HdtfSource,
    "faceforensics": FaceForensicsSource,
    "portraits": PortraitsSource,
    "voxceleb": VoxCelebSource,
    "voxceleb_id": VoxCelebIdSource,
    "hq_voxceleb": HqVoxCelebSource,
}
"""The section classes by kind."""
