"""The paper's three datasets in one run, each from a small list of its own form; all videos are generated talkers."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pandas as pd
import pytest

from pipeline.sources.lists.rows import video_address
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from tests.end_to_end.conftest import Checkout
from tests.sources.lists.listed_from import put
from tests.stages.recipe import put_download

pytestmark = pytest.mark.slow

MAX_HEIGHT_PX = 1080
SECONDS = 4
FACE_PX = 300
# The videos by their ids: (talker, number of the clip). 'Bob' is in two datasets.
VIDEOS = {
    "hdtf_ann_00": (0, 0),
    "hdtf_ann_01": (0, 1),
    "hdtf_bob_00": (1, 0),
    "ff_cleo_000": (2, 0),
    "ff_dora_000": (3, 0),
    "vox_bob_000": (1, 1),
    "vox_eve_000": (4, 0),
}
SET = (
    "two_steps",
    f"download.max_height_px={MAX_HEIGHT_PX}",
    "persons.test_share=0.4",
    "crop.n_random=3",
    "crop.n_candidates=3",
    "pretrain_identity.width=0.125",
    "model.width=8",
    "recognise.network=null",
)
"""Settings of a run of seconds on top of the paper's; persons are told by their names alone."""


class _Gone(BaseHTTPRequestHandler):
    """Answers that a file is gone: a dead link."""

    def do_GET(self) -> None:
        self.send_error(410)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def dead_link() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Gone)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/gone.mp4"
    server.shutdown()
    server.server_close()


def put_hdtf(folder: Path, dead_link: str) -> None:
    addresses = {name: video_address(f"hdtf_{name.lower()[:3]}_0{name[3]}") for name in ("Ann0", "Ann1", "Bob0")}
    addresses["Gus0"] = dead_link
    times, crops = f"00:00-00:0{SECONDS}", "140 360 0 360"
    files = {
        "WDA_video_url.txt": "".join(f"{name} {address}\n" for name, address in addresses.items()),
        "WDA_annotion_time.txt": "".join(f"{name}.mp4 {times}\n" for name in addresses),
        "WDA_resolution.txt": "".join(f"{name}.mp4 360\n" for name in addresses),
        "WDA_crop_wh.txt": "".join(f"{name}_0.mp4 {crops}\n" for name in addresses),
    }
    put(folder, files)


def put_faceforensics(folder: Path) -> None:
    numbers = {"000": "ff_cleo_000 0", "001": "ff_dora_000 0", "002": "ff_none_000 0"}
    files = {"conversion_dict": numbers, "train": [["000", "001"]], "val": [], "test": []}
    for video in ("ff_cleo_000", "ff_dora_000"):
        within = f"downloaded_videos_info/{video}"
        files[f"{within}/{video}"] = {"fps": 25}
        files[f"{within}/extracted_sequences/0"] = list(range(25 * SECONDS))
    put(folder, {f"{name}.json": json.dumps(content) for name, content in files.items()})


def put_voxceleb_id(folder: Path, videos: Path) -> None:
    rows = "".join(f"{frame:06d}\t140\t0\t360\t360\n" for frame in range(25 * SECONDS))
    people = {"id10001": ("Bob", "vox_bob_000"), "id10002": ("Eve_X", "vox_eve_000")}
    table = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
    files: dict[str, str | bytes] = {}
    for speaker, (name, video) in people.items():
        table += f"{speaker}\t{name}\tm\tUK\tdev\n"
        files[f"txt/{speaker}/{video}/00001.txt"] = f"Identity  : \t{speaker}\n\nFRAME\tX\tY\tW\tH\n{rows}"
        for number, picture in enumerate(pictures_of(videos / f"{video}.mp4")):
            files[f"pictures/{name.lower().replace('_', '-')}-{number}.png"] = picture
    put(folder, files | {"vox1_meta.csv": table})


def pictures_of(video: Path) -> list[bytes]:
    """Return three square pictures of a video's talker, PNG, as Celeb-ID's are."""
    frames = cv2.VideoCapture(str(video))
    found = []
    for number in range(3):
        frames.set(cv2.CAP_PROP_POS_FRAMES, 30 * number)
        _, frame = frames.read()
        square = cv2.resize(frame[:, 140:500], (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)
        found.append(cv2.imencode(".png", square)[1].tobytes())
    frames.release()
    return found


def put_downloads(checkout: Checkout, videos: Path) -> None:
    store = Path(checkout.environment()["FACEVOX_CACHE"])
    for video in VIDEOS:
        put_download(store, videos / f"{video}.mp4", video, MAX_HEIGHT_PX, sound_alone=video.startswith("vox"))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for video, (person, clip) in VIDEOS.items():
        write_clip(ClipSpec(seed=1, person=person, clip=clip, duration_s=SECONDS + 0.4), folder / f"{video}.mp4")
    return folder


def test_one_repro_builds_and_trains_on_all_three_and_nobody_is_on_both_sides(
    make_checkout: Callable[..., Checkout], videos: Path, dead_link: str, tmp_path: Path
) -> None:
    lists = tmp_path / "lists"
    put_hdtf(lists / "hdtf", dead_link)
    put_faceforensics(lists / "faceforensics")
    put_voxceleb_id(lists / "voxceleb_id", videos)
    inputs = [f"sources.{one.name}.input={one}" for one in sorted(lists.iterdir())]
    checkout = make_checkout("paper", "three_datasets", *SET, *inputs)
    put_downloads(checkout, videos)
    output = checkout.run("dvc", "repro")
    identities = pd.read_parquet(checkout.root / "manifests/dataset/identities.parquet")
    persons = pd.read_parquet(checkout.root / "manifests/persons.parquet")
    audit = json.loads((checkout.root / "manifests/leakage.json").read_text())
    note = json.loads((checkout.root / "manifests/models/audio_face.json").read_text())
    summary = checkout.facevox("summary")
    print(summary)
    assert set(identities.dataset) == {"voxceleb_id", "faceforensics", "hdtf"}
    assert set(identities.split) == {"train", "test"}
    assert audit["passes"]
    assert set(identities[identities.split == "train"].person_id).isdisjoint(
        identities[identities.split == "test"].person_id
    )
    assert set(persons[persons.person_id == "bob"].dataset) == {"voxceleb_id", "hdtf"}
    assert set(persons[persons.identity == "Ann"].n_clips) == {2}
    assert "faces left out: of other datasets" in note["trained_on"], output
    assert "This run / the paper" in summary
    assert "/ 9,117 (printed 9,114)" in summary
    assert "hdtf: clips listed: 4; clips without media: 1 (1 removed);" in summary
    assert "faceforensics: clips listed: 2; rows of the lists not used: 1 (1 frame lists);" in summary
