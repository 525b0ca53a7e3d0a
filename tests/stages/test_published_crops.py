"""Rows of one video with different boxes are clips of their own, and each row's identity is of the face in its box."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from pipeline.audio.items import read_audio_items
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import load_params
from pipeline.core.records.clip import Clip
from pipeline.core.records.frame import Frame
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.subject import Subject, SubjectTrack, Turn
from pipeline.core.records.track import Agreement, Shot, Track
from pipeline.core.storage.manifest import read_manifest, write_manifest
from pipeline.face.tracking.settings import DetectParams
from pipeline.speaker.observe import Observer
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.mp4 import set_display_matrix
from pipeline.synthetic.script.spec import edge_case_spec
from pipeline.video.clip import MediaClip, read_media_clips
from pipeline.video.ffmpeg_program import run_ffmpeg
from stages import subjects
from stages.__main__ import run_stage
from tests.identity.clips import RECOGNISE
from tests.identity.subjects.test_link import PARAMS
from tests.sources.test_acquire import PARAMS as DOWNLOAD
from tests.stages.test_subjects import NothingStored

SPEC = replace(edge_case_spec("two_people", seed=4, person=1), duration_s=2.6)
HEADER = "id,identity,address,start_s,end_s,licence,crop_x,crop_y,crop_w,crop_h,crop_height_px"
WIDTH, HEIGHT = SPEC.width_px, SPEC.height_px
LEFT, RIGHT = (0, 0, WIDTH // 2, HEIGHT, HEIGHT), (WIDTH // 2, 0, WIDTH // 2, HEIGHT, HEIGHT)
LEFT_TWICE_AS_LARGE = tuple(2 * value for value in LEFT)
CORNER, EVERYTHING = (0, 0, 24, 24, HEIGHT), (-9, -9, WIDTH + 50, HEIGHT + 50, HEIGHT)


@dataclass(frozen=True)
class TwoPeople:
    """A generated video of two people side by side: where their faces truly are, and what the detect step sees."""

    path: Path
    centres_px: NDArray[np.float64]  # (2, 2): of the left and the right face
    interocular_px: float
    rows: list[Any]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> TwoPeople:
    folder = tmp_path_factory.mktemp("two")
    truth = write_clip(SPEC, folder / "two.mp4")
    eyes = [(face.left_eye_px, face.right_eye_px) for face in truth.faces]
    rows = Observer(load_params(DetectParams, "detect"))(media_clip("set/two", folder / "two.mp4"), folder)
    assert not isinstance(rows, Dropped), rows
    return TwoPeople(
        path=folder / "two.mp4",
        centres_px=np.array([np.concatenate(pair).mean(axis=0) for pair in eyes]),
        interocular_px=float(np.mean([np.linalg.norm(right - left, axis=1).mean() for left, right in eyes])),
        rows=rows,
    )


def media_clip(clip_id: str, path: Path) -> MediaClip:
    return MediaClip(clip_id=clip_id, path=path, sha256="", has_audio=True, start_s=None, end_s=None)


@dataclass(frozen=True)
class Run:
    """The stages up to subjects on a table of boxes; what detect sees of the video is given to each clip of it."""

    at: Layout
    two: TwoPeople

    def __call__(self, rows: dict[str, tuple[int, ...] | None], people: str = "one", **download: Any) -> None:
        """``rows``: the box of each clip, by id, which is its identity too."""
        crops = {name: crop or ("",) * 5 for name, crop in rows.items()}
        lines = [f"{name},{name},{self.two.path},,,,{','.join(map(str, crop))}" for name, crop in crops.items()]
        (self.at.root / "list.csv").write_text("\n".join([HEADER, *lines]))
        self.at.params.write_text(
            yaml.safe_dump(
                {
                    "datasets": ["set"],
                    "sources": {"set": {"kind": "table", "input": str(self.at.root / "list.csv")}},
                    "download": DOWNLOAD.model_dump() | download,
                    "detect": {"backend": "dlib"},
                    "subjects": {**PARAMS.model_dump(), "people": people},
                    "recognise": RECOGNISE.model_dump(),
                }
            )
        )
        for stage in ("sources", "download"):
            run_stage(stage, "set", self.at)
        self.detect()
        run_stage("subjects", "set", self.at)

    def detect(self) -> None:
        clips = list(read_media_clips(self.at.clips("set"), self.at.media("set"), self.at.root))
        records = {Frame: self.at.frames, Track: self.at.tracks, Shot: self.at.shots, Agreement: self.at.agreement}
        for record, path_of in records.items():
            write_manifest(path_of("set"), record, [row for clip in clips for row in self.seen(record, clip)])

    def seen(self, record: type, clip: MediaClip) -> Iterator[Any]:
        for row in self.two.rows:
            if type(row) is record and (record is not Frame or is_within(row.time_s, clip)):
                names = [name for name in record.__slots__ if name.endswith("_id")]
                yield replace(row, **{name: getattr(row, name).replace("set/two", clip.clip_id) for name in names})

    def faces(self) -> dict[str, list[int]]:
        """Return the people of the video, 0 the left one, whose faces are taken of each clip with a subject."""
        taken: dict[str, list[int]] = {clip.clip_id[4:]: [] for clip in read_manifest(self.at.clips("set"), Clip)}
        for row in read_manifest(self.at.subject_tracks("set"), SubjectTrack):
            if row.is_taken:
                taken[row.clip_id[4:]].append(self.person(row.track_id))
        return taken

    def person(self, track_id: str) -> int:
        frames = [row for row in read_manifest(self.at.frames("set"), Frame) if row.track_id == track_id]
        eyes = [[(one.left_eye_x_px + one.right_eye_x_px) / 2, one.left_eye_y_px] for one in frames]
        away_px = np.linalg.norm(self.two.centres_px - np.mean(eyes, axis=0), axis=1)
        assert away_px.min() < self.two.interocular_px / 2
        return int(away_px.argmin())

    def ends(self, stage: str) -> dict[str, str]:
        return {row.item_id[4:]: row.reason for row in read_manifest(self.at.ledger(stage, "set"), LedgerRow)}


def is_within(time_s: float, clip: MediaClip) -> bool:
    return (clip.start_s or 0.0) <= time_s < (clip.end_s or np.inf)


@pytest.fixture(scope="module")
def run(two: TwoPeople, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("run")
    (folder / "root").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVOX_CACHE", str(folder / "store"))
        patch.setenv("FACEVOX_WORKERS", "1")
        patch.setattr(subjects, "run_step", lambda *_, **__: NothingStored())
        yield Run(Layout(folder / "root"), two)


@pytest.fixture(scope="module")
def ran(run: Run, two: TwoPeople) -> Run:
    """The run of six rows: 'left' is 'ana' again, at another height; 'all' has everybody in it, 'corner' nobody."""
    done = Run(Layout(run.at.root.parent / "ran"), two)
    done.at.root.mkdir()
    boxes = {"ana": LEFT, "bo": RIGHT, "corner": CORNER, "left": LEFT_TWICE_AS_LARGE, "all": EVERYTHING}
    done({**boxes, "none": None})
    return done


def test_each_row_of_one_video_gets_the_face_in_its_box(ran: Run) -> None:
    faces = ran.faces()
    assert (faces["ana"], faces["bo"], faces["corner"]) == ([0], [1], [])
    assert faces["all"] == faces["none"] != []


def test_rows_of_one_time_are_one_content_only_where_their_boxes_are_the_same(ran: Run) -> None:
    ends = ran.ends("sources")
    assert ends.pop("left") == "duplicate_content"
    assert ends == dict.fromkeys(("ana", "bo", "corner", "all", "none"), "")


def test_with_nobody_in_its_box_a_clip_has_no_main_subject(ran: Run) -> None:
    found = [(row.subject_id[4:], row.is_main, row.is_taken) for row in read_manifest(ran.at.subjects("set"), Subject)]
    of_corner = [one for one in found if one[0].startswith("corner")]
    assert of_corner == [("corner-s01", False, False), ("corner-s02", False, False)]
    ends = ran.ends("subjects")
    assert ends["corner-s01"] == ends["corner-s02"] == ends["ana-s01"] == ends["bo-s01"] == "not_in_crop"
    assert ends["all-s01"] == ends["none-s01"] == "not_main_subject"
    assert [item.subjects for item in read_audio_items("set", ran.at) if item.clip.clip_id == "set/corner"] == [()]


def test_who_speaks_does_not_depend_on_the_box(ran: Run) -> None:
    person_of = {
        row.subject_id: ran.person(row.track_id) for row in read_manifest(ran.at.subject_tracks("set"), SubjectTrack)
    }
    turns: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for turn in read_manifest(ran.at.turns("set"), Turn):
        turns[turn.clip_id].append((person_of[turn.subject_id], turn.start_s, turn.end_s))
    assert turns["set/none"]
    assert turns == {f"set/{name}": turns["set/none"] for name in ("ana", "bo", "corner", "all", "none")}


def test_of_all_people_those_outside_the_box_are_not_taken(run: Run) -> None:
    run({"ana": LEFT, "none": None, "all": EVERYTHING}, people="all")
    faces = run.faces()
    assert (faces["ana"], sorted(faces["none"]), len(faces["all"])) == ([0], [0, 1], 1)


def test_parts_of_a_clip_keep_its_box(run: Run) -> None:
    run({"ana": LEFT, "bo": RIGHT}, max_clip_s=1.4)
    assert run.faces() == {"ana-p000": [0], "ana-p001": [0], "bo-p000": [1], "bo-p001": [1]}


def test_the_box_is_of_the_picture_as_it_is_shown(run: Run, two: TwoPeople, tmp_path: Path) -> None:
    """A video stored on its side, whose stored height is another."""
    path = tmp_path / "side.mp4"
    run_ffmpeg(ffmpeg.input(str(two.path)).output(str(path), vf="transpose=clock", vcodec="libx264"))
    set_display_matrix(path, (0, -1, 1, 0))
    side = Run(run.at, replace(two, path=path))
    side({"ana": LEFT, "bo": RIGHT})
    (media, _) = read_manifest(run.at.media("set"), Media)
    assert (media.width_px, media.height_px, media.rotation_deg) == (WIDTH, HEIGHT, 270)
    assert side.faces() == {"ana": [0], "bo": [1]}
