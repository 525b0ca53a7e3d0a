"""The recipes of published lists: their settings, and their clips from media that a local server has."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import av
import pytest
import yaml

from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.face import Face, FaceVideo
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.records.segment import Segment
from pipeline.core.storage.manifest import read_manifest
from pipeline.core.storage.shards import read_columns
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from stages.__main__ import run_stage
from tests.download.conftest import Server
from tests.sources.lists.listed_from import put
from tests.stages.recipe import CHEAP, checkout_of, params_of, put_download

SPEC = ClipSpec(seed=5, person=0, clip=0, duration_s=3.0)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated talker's video."""
    path = tmp_path_factory.mktemp("talk") / "talk.mp4"
    write_clip(SPEC, path)
    return path


@pytest.fixture(scope="module")
def address(talk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address at which a local server has it."""
    folder = tmp_path_factory.mktemp("served")
    server = Server(talk.read_bytes())
    Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVOX_CACHE", str(folder / "store"))
        patch.setenv("FACEVOX_WORKERS", "1")
        yield f"http://127.0.0.1:{server.server_address[1]}/talk.mp4"
    server.shutdown()
    server.server_close()


def recipe(root: Path, name: str, files: dict[str, str | bytes]) -> Layout:
    """Apply the paper's profile and the recipe ``name`` where its list lies as 'facevox lists fetch' would put it."""
    at = checkout_of(root, ["paper", name], CHEAP)
    put(root / "data" / "lists" / name, files)
    params = params_of(at)
    params["sources"][name]["input"] = str(root / "data" / "lists" / name)
    at.params.write_text(yaml.safe_dump(params))
    return at


def test_hdtf_from_its_lists_to_faces_and_segments(address: str, tmp_path: Path) -> None:
    """One video with two ranges: the crop of the first holds the face, the second begins behind the video's end."""
    files: dict[str, str | bytes] = {
        "WDA_video_url.txt": f"Ana1 {address}\n",
        "WDA_annotion_time.txt": "Ana1.mp4 00:00-00:02 00:30-00:40\n",
        "WDA_resolution.txt": "Ana1.mp4 720\n",
        "WDA_crop_wh.txt": "Ana1_0.mp4 280 720 0 720\nAna1_1.mp4 280 720 0 720\n",
    }
    at = recipe(tmp_path, "hdtf", files)
    params = params_of(at)
    assert params["datasets"] == ["hdtf"]
    assert (params["download"]["max_height_px"], params["audio"]["sound_of"]) == (1080, "clip")
    assert (params["audio"]["segment_s"], params["audio"]["segment_step_s"]) == (6.0, 6.0)
    assert (params["crop"]["template"]["size_px"], params["dataset"]["max_faces_per_person"]) == (256, 10)
    for stage in ("sources", "download", "detect", "subjects", "crop", "audio"):
        run_stage(stage, "hdtf", at)
    ends = {row.item_id: row.reason for row in read_manifest(at.ledger("detect", "hdtf"), LedgerRow)}
    assert ends == {"hdtf/WDA_Ana1_0": "", "hdtf/WDA_Ana1_1": "bad_range"}
    clip, _ = read_manifest(at.clips("hdtf"), Clip)
    assert (clip.identity, clip.start_s, clip.end_s) == ("Ana", 0.0, 2.0)
    faces = read_columns(at.faces_folder("hdtf"), Face, ["time_s"]).column("time_s").to_pylist()
    assert faces
    assert max(faces) < 2.0
    (frames,) = read_columns(at.audio_folder("hdtf"), Segment, ["n_frames"]).column("n_frames").to_pylist()
    assert frames == 1000


def test_portraits_are_whole_videos_in_a_box_of_450_px(address: str, tmp_path: Path) -> None:
    """The video of 3 s is shorter than those of the list, and its face smaller: both limits are lowered."""
    at = recipe(tmp_path, "portraits", {"any.tsv": f"name\tyoutube_url\nAna-clip1\t{address}\n"})
    params = params_of(at)
    assert params["download"]["max_clip_s"] is None
    assert {name: params["face_videos"][name] for name in ("size_px", "fps", "max_frames")} == {
        "size_px": 450,
        "fps": 25,
        "max_frames": 15_000,
    }
    assert (params["face_videos"]["min_frames"], params["face_videos"]["min_box_px"]) == (250, 128)
    params["face_videos"] |= {"min_frames": 50, "min_box_px": 64}
    at.params.write_text(yaml.safe_dump(params))
    for stage in ("sources", "download", "detect", "subjects", "face_videos"):
        run_stage(stage, "portraits", at)
    (video,) = read_manifest(at.face_videos_folder("portraits") / "videos.parquet", FaceVideo)
    with av.open(str(at.face_videos_folder("portraits") / video.path)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].average_rate) == (450, 25)
        assert container.streams.audio[0].rate == 16_000
    assert video.n_frames == pytest.approx(75, abs=1)
    (media,) = read_manifest(at.media("portraits"), Media)
    (clip,) = read_manifest(at.clips("portraits"), Clip)
    assert media.duration_s == pytest.approx(3.0, abs=0.1)
    assert (clip.identity, clip.start_s, clip.end_s) == ("Ana", None, None)


def test_faceforensics_from_its_lists_to_faces_and_segments(
    talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sequence of the frames 25 to 74 of its video; one whose frames are not there waits for them."""
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    put_download(tmp_path / "store", talk, "aaaaaaaaaaa", 1080)
    info = "downloaded_videos_info/aaaaaaaaaaa"
    lists = {
        "conversion_dict": {"000": "aaaaaaaaaaa 0", "001": "bbbbbbbbbbb 0"},
        "train": [["000", "001"]],
        "val": [],
        "test": [],
        f"{info}/aaaaaaaaaaa": {"fps": 25},
        f"{info}/extracted_sequences/0": list(range(25, 75)),
    }
    at = recipe(tmp_path, "faceforensics", {f"{name}.json": json.dumps(value) for name, value in lists.items()})
    params = params_of(at)
    assert params["sources"]["faceforensics"]["without_frames"] == "wait"
    assert (params["audio"]["sound_of"], params["dataset"]["max_faces_per_person"]) == ("clip", 10)
    for stage in ("sources", "download", "detect", "subjects", "crop", "audio"):
        run_stage(stage, "faceforensics", at)
    ends = {
        row.item_id: (row.status, row.reason) for row in read_manifest(at.ledger("sources", "faceforensics"), LedgerRow)
    }
    assert ends["faceforensics/001"] == ("waiting", "no_frames")
    (clip,) = read_manifest(at.clips("faceforensics"), Clip)
    assert (clip.start_s, clip.end_s, clip.published_split) == (1.0, 3.0, "train")
    faces = read_columns(at.faces_folder("faceforensics"), Face, ["time_s"]).column("time_s").to_pylist()
    assert faces
    assert min(faces) >= 1.0
    assert max(faces) < 3.0
    frames = read_columns(at.audio_folder("faceforensics"), Segment, ["n_frames"]).column("n_frames").to_pylist()
    assert frames == [1000]
