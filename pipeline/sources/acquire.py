"""The download step: generate or fetch one clip's media, or use the user's file in place; then probe it."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.base.errors import BadMedia
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, content_of
from pipeline.core.records.media import Media
from pipeline.core.records.truth import TruthFrame, TruthSpeech
from pipeline.core.storage.manifest import write_manifest
from pipeline.download.fetch import DownloadParams, Fetched, fetch, refuse
from pipeline.download.manners import Hosts
from pipeline.download.settings import FetchSettings
from pipeline.synthetic.script.spec import SCHEME
from pipeline.video.probe import probe

if TYPE_CHECKING:
    from pipeline.synthetic.script.truth import ClipTruth

TRUTH_FILES = ("frames.parquet", "speech.parquet")
_GENERATED_FILE = "media.mp4"
_GENERATOR = "facevox synthetic talkers"
_LIST_AGAIN = "is not the file that was listed: list it again with 'dvc repro -f sources@{}'"


class Acquirer:
    """The download step."""

    def __init__(
        self, params: DownloadParams, settings: FetchSettings, unfinished: Path, hosts: Hosts | None = None
    ) -> None:
        self._params = params
        self._settings = settings
        self._hosts = hosts
        self._unfinished = unfinished  # folder of unfinished downloads, which the next run resumes

    def __call__(self, clip: Clip, folder: Path) -> list[Media] | Dropped:
        """Return the clip's media; its path is a name within ``folder``, or the address of a file used in place."""
        fetched = self._get(clip, folder)
        if isinstance(fetched, Dropped):
            return fetched
        sha256 = sha256_of(fetched.path)
        if fetched.path.parent != folder and not _is_as_listed(clip, sha256):
            return Dropped.failed("file_changed", f"{clip.address} {_LIST_AGAIN.format(clip.dataset)}", retryable=True)
        try:
            probed = probe(fetched.path)
        except BadMedia as error:
            detail = error.detail.replace(str(folder), "store")
            is_sent = clip.address.startswith(("http://", "https://"))  # a server may send other bytes next time
            return Dropped.failed(error.reason, detail, retryable=is_sent and error.reason == "undecodable")
        return refuse(probed, self._params) or [
            Media(
                clip_id=clip.clip_id,
                path=fetched.path.name if fetched.path.parent == folder else clip.address,
                sha256=sha256,
                size_bytes=fetched.path.stat().st_size,
                duration_s=probed.duration_s,
                width_px=probed.width_px,
                height_px=probed.height_px,
                rotation_deg=probed.form.rotation_deg,
                is_mirrored=probed.form.is_mirrored,
                pixel_aspect=probed.form.pixel_aspect,
                colour_matrix=probed.form.colour_matrix,
                colour_transfer=probed.form.colour_transfer,
                colour_range=probed.form.colour_range,
                is_interlaced=probed.form.is_interlaced,
                fps=probed.fps,
                n_frames_stated=probed.n_frames_stated,
                video_codec=probed.video_codec,
                has_audio=probed.has_audio,
                audio_codec=probed.audio_codec,
                audio_rate_hz=probed.audio_rate_hz,
                has_jumps=probed.has_jumps,
                tool=fetched.tool,
            )
        ]

    def _get(self, clip: Clip, folder: Path) -> Fetched | Dropped:
        if clip.address.startswith(SCHEME):
            return generate(clip.address, folder)
        unfinished = self._unfinished / hashlib.sha256(clip.address.encode()).hexdigest()
        fetched = fetch(clip.address, unfinished, self._params, self._settings, self._hosts)
        if isinstance(fetched, Fetched) and fetched.path.parent == unfinished:
            finished = folder / fetched.path.name
            shutil.move(fetched.path, finished)
            shutil.rmtree(unfinished)
            return replace(fetched, path=finished)
        return fetched


def is_used_in_place(media: Media, clip: Clip) -> bool:
    """Return whether a clip's media is the user's own file, not one of the item store."""
    return media.path == clip.address


def _is_as_listed(clip: Clip, sha256: str) -> bool:
    """Return whether the file at a clip's address still has the content it was listed with."""
    ranges = [content_of(content, clip.start_s, clip.end_s) for content in (sha256, clip.address)]
    return clip.content_hash in (sha256, *ranges)  # of its address where it could not be read when it was listed


def generate(address: str, folder: Path) -> Fetched:
    """Write the generated clip of ``address``, with its ground truth beside it."""
    from pipeline.synthetic.clip import write_clip
    from pipeline.synthetic.script.spec import ClipSpec

    path = folder / _GENERATED_FILE
    write_truth(write_clip(ClipSpec.from_address(address), path), folder)
    return Fetched(path=path, tool=_GENERATOR)


def write_truth(truth: "ClipTruth", folder: Path) -> None:
    """Write the ground truth as two manifests: faces by frame, and intervals of speech."""
    from pipeline.synthetic.script.truth import truth_rows

    frames = [TruthFrame(truth_id=f"{row['person']}-{row['frame']:06d}", **row) for row in truth_rows(truth)]  # type: ignore[arg-type]
    speech = [
        TruthSpeech(speech_id=f"{number:04d}", start_s=start_s, end_s=end_s)
        for number, (start_s, end_s) in enumerate(truth.speech_intervals_s)
    ]
    write_manifest(folder / TRUTH_FILES[0], TruthFrame, frames)
    write_manifest(folder / TRUTH_FILES[1], TruthSpeech, speech)
