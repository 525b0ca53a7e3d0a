"""The download step: generate one clip's media, fetch it and cut it to its range, or use the user's file in place."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.base.errors import BadMedia
from pipeline.core.base.hashing import sha256_of
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip, content_of
from pipeline.core.records.media import PICTURE, Media
from pipeline.core.records.truth import TruthFrame, TruthSpeech
from pipeline.core.storage.items import ItemStore
from pipeline.core.storage.manifest import write_manifest
from pipeline.download.cut import CutRange, cut
from pipeline.download.fetch import DownloadParams, Fetched, fetch, refuse
from pipeline.download.manners import Hosts
from pipeline.download.settings import FetchSettings
from pipeline.engine.step import Step
from pipeline.sources.downloads import DiskQuota, Download, Downloads
from pipeline.sources.file_links import link_file
from pipeline.sources.frame_ranges import range_scale, scaled
from pipeline.synthetic.script.spec import SCHEME
from pipeline.video.ffmpeg_program import with_ffmpeg
from pipeline.video.held import HeldMedia, held_video, hold

if TYPE_CHECKING:
    from pipeline.synthetic.script.truth import ClipTruth

TRUTH_FILES = ("frames.parquet", "speech.parquet")
_GENERATED_FILE = "media.mp4"
_GENERATOR = "facevox synthetic talkers"
_MIN_RANGE_SHARE = 0.5  # of a listed range lies within its file; re-encoded or shortened files end a little early
_LIST_AGAIN = "is not the file that was listed: list it again with 'dvc repro -f sources@{}'"


class Acquirer:
    """The download step."""

    quota: DiskQuota | None = None
    """How much may be downloaded; None: no limit."""

    def __init__(
        self, params: DownloadParams, settings: FetchSettings, downloads: Downloads, hosts: Hosts | None = None
    ) -> None:
        self._params = params
        self._settings = settings
        self._downloads = downloads
        self._hosts = hosts

    def __call__(self, clip: Clip, folder: Path) -> list[Media] | Dropped:
        """Return the clip's media; its path is a name within ``folder``, or the address of a file used in place."""
        try:
            if clip.address.startswith(SCHEME):
                generated = generate(clip.address, folder)
                return self._whole(generated, clip, folder, sha256_of(generated.path))
            if is_downloaded(clip):
                with self._downloads.of(clip) as download:
                    return self._downloaded(clip, folder, download)
            return self._in_place(clip, folder)
        except BadMedia as error:
            return Dropped.failed(error.reason, error.detail.replace(str(folder), "store"))

    def _in_place(self, clip: Clip, folder: Path) -> list[Media] | Dropped:
        fetched = fetch(clip.address, folder, self._params, self._settings)
        if isinstance(fetched, Dropped):
            return fetched
        sha256 = sha256_of(fetched.path)
        if not _is_as_listed(clip, sha256):
            return Dropped.failed("file_changed", f"{clip.address} {_LIST_AGAIN.format(clip.dataset)}", retryable=True)
        return self._whole(fetched, clip, folder, sha256)

    def _downloaded(self, clip: Clip, folder: Path, download: Download) -> list[Media] | Dropped:
        """Fetch the file, unless it is here, and put the clip's range, or all of it, into ``folder``."""
        if self.quota and (waits := self.quota.reached()):
            return waits
        fetched = download.done()
        if fetched is None:
            found = download.end() or fetch(
                clip.address, download.folder, self._params, self._settings, self._hosts, clip.media_kind
            )
            if isinstance(found, Dropped):
                download.note_end(found)
                return found
            download.put(found)
            fetched = found
        try:
            result = self._kept(fetched, clip, folder)
        except BadMedia as error:
            detail = error.detail.replace(str(download.folder), "store")
            is_sent = clip.address.startswith(("http://", "https://"))  # a server may send other bytes next time
            result = Dropped.failed(error.reason, detail, retryable=is_sent and error.reason == "undecodable")
        if isinstance(result, Dropped) and result.retryable:
            download.forget()
        else:
            download.take()
        if self.quota and not isinstance(result, Dropped):
            self.quota.add(result[0].size_bytes)
        return result

    def _kept(self, fetched: Fetched, clip: Clip, folder: Path) -> list[Media] | Dropped:
        held = hold(fetched.path, clip.media_kind)
        scale = range_scale(clip, held.fps)
        clip = scaled(clip, scale)
        if refused := self._refused(held, clip):
            return refused
        place = folder / fetched.path.name
        if self._params.cut_margin_s is not None and held.video is not None:
            wanted = CutRange(clip.start_s, clip.end_s, self._params.cut_margin_s)
            made = cut(fetched.path, held.video, wanted, place)
            if made is not None:
                cutter = replace(fetched, path=place, tool=with_ffmpeg(fetched.tool))
                media = _media(clip, cutter, held_video(made.probe, clip.media_kind), place.name, sha256_of(place))
                return [replace(media, cut_start_s=made.start_s, range_scale=scale)]
        link_file(fetched.path, place)
        media = _media(clip, replace(fetched, path=place), held, place.name, sha256_of(place))
        return [replace(media, range_scale=scale)]

    def _whole(self, fetched: Fetched, clip: Clip, folder: Path, sha256: str) -> list[Media] | Dropped:
        held = hold(fetched.path, clip.media_kind)
        path = fetched.path.name if fetched.path.parent == folder else clip.address
        return self._refused(held, clip) or [_media(clip, fetched, held, path, sha256)]

    def _refused(self, held: HeldMedia, clip: Clip) -> Dropped | None:
        """Return why a file is not what its list means, or is not wanted; ``held`` is of the whole file."""
        return refuse(held, self._params) or _refuse_range(clip, held) or _refuse_crop(clip, held)


def _media(clip: Clip, fetched: Fetched, held: HeldMedia, path: str, sha256: str) -> Media:
    return Media(
        clip_id=clip.clip_id,
        kind=held.kind,
        path=path,
        sha256=sha256,
        size_bytes=fetched.path.stat().st_size,
        **held.columns,
        cut_start_s=None,
        range_scale=1.0,
        tool=fetched.tool,
        format_id=fetched.format_id,
        uploader=fetched.uploader,
        fetched_on=fetched.fetched_on,
    )


def inputs_of(clip: Clip, params: DownloadParams) -> tuple[str, ...]:
    """Return what determines a clip's media, with the margin of those that are cut: another fetches no other anew."""
    is_range = clip.start_s is not None or clip.end_s is not None
    is_cut = params.cut_margin_s is not None and is_range and is_downloaded(clip)
    margin = [f"{params.cut_margin_s} s"] if is_cut else []
    rate = [] if clip.range_fps is None else [f"{clip.range_fps} frames/s"]
    kind = [] if clip.media_kind is None else [f"listed as {clip.media_kind}"]
    return (clip.clip_id, clip.address, clip.content_hash, *margin, *rate, *kind)


def stored_bytes(store: ItemStore, step: Step[Clip], clip: Clip) -> int:
    """Return the size of a clip's media in the item store, bytes; 0 where it is not there, or was not downloaded."""
    key = step.key(clip)
    if not is_downloaded(clip) or not store.has(step.name, key):
        return 0
    return sum(store.rows(step.name, key, Media)["size_bytes"].to_pylist())


def is_downloaded(clip: Clip) -> bool:
    """Return whether a clip's media is downloaded; else it is generated, or a file used in place."""
    return "://" in clip.address and not clip.address.startswith(SCHEME)


def is_used_in_place(media: Media, clip: Clip) -> bool:
    """Return whether a clip's media is the user's own file, not one of the item store."""
    return media.path == clip.address


def _refuse_range(clip: Clip, held: HeldMedia) -> Dropped | None:
    """Return the drop of a range most of which lies behind the end of its file, as one in milliseconds does.

    One that starts behind the end fails where it is read. A still picture has no range.
    """
    start_s, duration_s = clip.start_s or 0.0, held.duration_s
    if held.kind == PICTURE and (clip.start_s is not None or clip.end_s is not None):
        return Dropped.failed("bad_range", "the file is a still picture, which has no range of time")
    if clip.end_s is None or start_s >= duration_s or duration_s - start_s >= _MIN_RANGE_SHARE * (clip.end_s - start_s):
        return None
    detail = (
        f"most of the range from {start_s:g} to {clip.end_s:g} s is behind the end of its file at {duration_s:.3f} s"
    )
    return Dropped.failed("bad_range", f"{detail}: expected seconds")


def _is_as_listed(clip: Clip, sha256: str) -> bool:
    """Return whether the file at a clip's address still has the content it was listed with."""
    ranges = [content_of(content, clip.start_s, clip.end_s, clip.crop) for content in (sha256, clip.address)]
    return clip.content_hash in (sha256, *ranges)  # of its address where it could not be read when it was listed


def _refuse_crop(clip: Clip, held: HeldMedia) -> Dropped | None:
    """Return why a published crop can't be one of this picture, whose width its list did not say; None: it can."""
    crop, size_px = clip.crop, held.size_px
    if crop is None or crop.width_px is not None or size_px is None:
        return None
    width_px, height_px = size_px
    if crop.x * height_px < width_px * crop.height_px:
        return None
    size = f"{width_px}x{height_px}"
    detail = f"crop_x {crop.x} at crop_height_px {crop.height_px} is right of the picture, which is {size}"
    return Dropped.failed("bad_crop", detail)


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
