"""The recipe hq_voxceleb on generated talkers: pupils at fixed places, the background white, the best neutral faces."""

from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio.extract import extract_waveform
from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.errors import UntrustedWeights, WeightsUnavailable
from pipeline.core.base.images import decode_png, encode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.base.params import load_params
from pipeline.core.records.dataset import Identity, Pair
from pipeline.core.records.face import Face, FaceExpression, SelectedFace
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.schema import from_table
from pipeline.core.records.segment import Segment
from pipeline.core.storage.manifest import read_manifest, read_table, write_manifest
from pipeline.core.storage.shards import shard_paths
from pipeline.face.crops.background import SELFIE_SEGMENTATION, PersonSegmenter, SelfieSegmenter
from pipeline.face.crops.crop import CropParams
from pipeline.face.crops.finish import Finisher, FinishParams
from pipeline.face.crops.items import read_crop_items
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.look.features import View, pupil_px
from pipeline.synthetic.look.talker import talker_of
from pipeline.synthetic.plan import TalkerPlan, plan_clip, pose_at
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.decode import rgb_frames
from pipeline.weights.fetch import find_weights
from stages import crop
from stages.__main__ import run_stage
from stages.commands.status import render_status
from tests.stages.recipe import CHEAP, checkout_of, checkout_with, params_of, run_stages
from tests.stages.test_pictures_and_sound import put_sound

SPECS = [ClipSpec(seed=31, person=n, clip=0, duration_s=1.6, width_px=1280, height_px=720) for n in range(2)]
PUPILS_PX = np.array([[96.0, 120.0], [160.0, 120.0]])
WALL_PX = 12  # at both sides of a picture there is wall, at the height of the eyes


class Everything:
    """In place of a network: all but the outermost pixels is a person's."""

    def person_share(self, picture: ImageRGB) -> NDArray[np.float32]:
        share = np.zeros(picture.shape[:2], np.float32)
        share[:, WALL_PX:-WALL_PX] = 1.0
        return share


@dataclass(frozen=True)
class Run:
    at: Layout
    faces: list[Face]
    said: str

    def white(self, segmenter: PersonSegmenter) -> list[ImageRGB]:
        """Return the pictures of the first clip's faces with another background."""
        item = next(read_crop_items("clips", self.at))
        of_clip = [face for face in self.faces if face.clip_id == item.clip.clip_id]
        params = FinishParams(align_by="eyes", background="white", measure_expression=False)
        template = load_params(CropParams, "crop", self.at.params).template
        rows = Finisher(lambda *_: of_clip, template, params, segmenter=segmenter)(item, Path())
        assert not isinstance(rows, Dropped)
        return [decode_png(row.image.bytes) for row in rows if isinstance(row, Face)]

    def true_pupils_px(self, face: Face) -> NDArray[np.float64]:
        """Return where the pupils of a face are in its picture, by the generator, (2, 2)."""
        spec = SPECS[int(face.clip_id.removesuffix(".mp4")[-1])]
        time_s = np.arange(spec.n_frames) / float(spec.fps)
        (plan,) = plan_clip(spec, time_s)
        in_frame = np.array(pupils_at(plan, round(face.time_s * float(spec.fps))))
        alignment = face.alignment.reshape(2, 3)
        return in_frame @ alignment[:, :2].T + alignment[:, 2]


def pupils_at(plan: TalkerPlan, frame: int) -> list[NDArray[np.float32]]:
    turn, camera, expression = pose_at(plan, frame)
    view = View(turn=turn, camera=camera, light=1.0)
    return [pupil_px(side, talker_of(plan.traits), view, expression) for side in (-1, 1)]


def not_here(name: str) -> Path:
    raise WeightsUnavailable("not here")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("hq")
    (folder / "videos").mkdir()
    (folder / "root").mkdir()
    for number, spec in enumerate(SPECS):
        write_clip(spec, folder / "videos" / f"talker-{number}.mp4")
    at = checkout_with(folder / "root", ["hq_voxceleb"], folder / "videos", "crop.n_candidates=8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVOX_CACHE", str(folder / "store"))
        patch.setenv("FACEVOX_WORKERS", "1")
        patch.setattr(crop, "find_weights", not_here)
        run_stages(at, ["sources", "download", "detect", "subjects"])
        with redirect_stdout(StringIO()) as said:
            run_stages(at, ["crop", "select"])
        faces = [
            row for path in shard_paths(at.faces_folder("clips")) for row in from_table(Face, read_table(path, Face))
        ]
        yield Run(at, faces, said.getvalue())


def test_the_recipe_has_the_settings_of_the_supplement(ran: Run) -> None:
    params = params_of(ran.at)
    assert params["finish"] == {"align_by": "pupils", "background": "white", "measure_expression": True}
    assert params["select"]["min_interocular_px"] == 30
    assert params["select"]["max_asymmetry"] == 0.05
    assert params["select"]["max_expression"] == 0.8
    assert params["dataset"]["max_standard_faces_per_person"] == 7
    assert params["dataset"]["standard_faces"] == "best"
    assert (params["audio"]["profile"], params["audio"]["n_frames"]) == ("sf2f", 599)


def test_the_pupils_are_at_their_places(ran: Run) -> None:
    """Of open eyes: behind a lid that is half shut a pupil can't be seen."""
    standard = {row.face_id for row in read_manifest(ran.at.selected_faces, SelectedFace) if row.is_standard}
    errors = [
        np.linalg.norm(ran.true_pupils_px(face) - PUPILS_PX, axis=1) for face in ran.faces if face.face_id in standard
    ]
    assert len(errors) >= 2
    assert np.max(errors) <= 1.0


def test_the_background_is_white_and_the_person_is_not_touched(ran: Run) -> None:
    for face, picture in zip(ran.faces, ran.white(Everything()), strict=False):
        before = decode_png(face.image.bytes)
        assert (picture[:, :WALL_PX] == 255).all()
        assert (picture[:, -WALL_PX:] == 255).all()
        assert np.array_equal(picture[:, WALL_PX:-WALL_PX], before[:, WALL_PX:-WALL_PX])


def test_mediapipes_network_tells_talkers_from_walls(ran: Run) -> None:
    """Where its weights are here: they are in no package that is required."""
    try:
        weights = find_weights(SELFIE_SEGMENTATION)
    except (UntrustedWeights, WeightsUnavailable):
        pytest.skip("the weights are not here")
    for picture in ran.white(SelfieSegmenter(weights)):
        assert (picture[40:160, :4] == 255).all()
        assert (picture[40:160, -4:] == 255).all()
        assert (picture[90:200, 96:160] < 255).any(axis=2).mean() > 0.99


def test_without_a_network_one_sentence_says_so_and_all_else_goes_on(ran: Run) -> None:
    assert ran.said.count("backgrounds are kept, all else goes on: not here") == 1
    assert not (decode_png(ran.faces[0].image.bytes)[:, :WALL_PX] == 255).all()


def test_landmarks_and_alignment_are_those_of_the_new_picture(ran: Run) -> None:
    for face in ran.faces:
        points = face.landmarks_px.reshape(68, 2)
        eyes = np.array([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
        assert np.abs(eyes - PUPILS_PX).max() < 8


def test_each_face_that_was_cropped_has_a_row_and_one_without_pupils_says_so(ran: Run) -> None:
    ends = {row.item_id: row for row in read_manifest(ran.at.ledger("crop", "clips"), LedgerRow)}
    of_clips = {"clips/talker-0.mp4", "clips/talker-1.mp4"}
    kept = {item for item, row in ends.items() if row.status == "ok"}
    assert kept == of_clips | {face.face_id for face in ran.faces}
    left_out = [row for row in ends.values() if row.status != "ok"]
    assert left_out
    assert {(row.stage, row.status) for row in left_out} == {("crop", "filtered")}
    assert {row.reason for row in left_out} <= {"no_pupils", "no_face"}
    assert f"  crop      {len(ran.faces):>7} of {len(ends) - 2:>6} faces" in render_status(ran.at)


def test_every_face_has_its_expression(ran: Run) -> None:
    found = {row.face_id: row.expression for row in read_manifest(ran.at.expressions("clips"), FaceExpression)}
    assert found.keys() == {face.face_id for face in ran.faces}
    assert all(0 <= value <= 1 for value in found.values())


def test_a_standard_face_is_symmetric_and_neutral_and_no_other_is_called_so(ran: Run) -> None:
    found = {row.face_id: row.expression for row in read_manifest(ran.at.expressions("clips"), FaceExpression)}
    rows = read_manifest(ran.at.selected_faces, SelectedFace)
    standard = [row for row in rows if row.is_standard]
    assert {row.clip_id for row in standard} == {"clips/talker-0.mp4", "clips/talker-1.mp4"}
    assert max(row.asymmetry for row in standard) <= 0.05
    assert max(found[row.face_id] for row in standard) <= 0.8
    assert min(row.interocular_px for row in standard) >= 30


NAMES = {"Ana_One": "id10001", "Bo_Two": "id10002"}
VIDEO = "abcdefghij_"


def put_list(folder: Path, videos: Path) -> None:
    """Arrange the talkers as HQ-VoxCeleb is released: pictures and spectrograms by name; and VoxCeleb's files."""
    table = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
    for number, (name, speaker) in enumerate(NAMES.items()):
        table += f"{speaker}\t{name}\tf\tUK\tdev\n"
        for place in ("masked_faces", "mel_spectrograms"):
            (folder / "vox1" / place / name).mkdir(parents=True)
        frames = [picture for _, picture in rgb_frames(videos / f"talker-{number}.mp4")]
        for at in (4, 12, 20):
            (folder / "vox1/masked_faces" / name / f"{at}.png").write_bytes(encode_png(frames[at]))
        (folder / "vox1/mel_spectrograms" / name / f"{speaker}_{VIDEO}_00001.pickle").write_bytes(b"never read")
        sound = np.round(32767 * np.tile(extract_waveform(videos / f"talker-{number}.mp4", max_duration_s=60.0), 5))
        put_sound(folder / "wav" / speaker / VIDEO / "00001.wav", sound.astype(np.int16))
        text = folder / "txt" / speaker / VIDEO / "00001.txt"
        text.parent.mkdir(parents=True)
        rows = "".join(f"{frame:06d}\t100\t20\t200\t200\n" for frame in range(25 * 7))
        text.write_text(f"Identity  : \t{speaker}\n\nFRAME\tX\tY\tW\tH\n{rows}")
    (folder / "vox1/vox1_meta.csv").write_text(table)


def test_the_released_list_gives_a_persons_pictures_and_voice(ran: Run, tmp_path: Path) -> None:
    """From the folders of HQ-VoxCeleb to pairs, by the recipe; all pictures count, whatever drawn people's lips do."""
    put_list(tmp_path / "list", ran.at.root.parent / "videos")
    (tmp_path / "root").mkdir()
    source = f"{{kind: hq_voxceleb, input: '{tmp_path / 'list'}', faces: masked}}"
    sets = [*CHEAP, "datasets=[hq]", f"sources.hq={source}", "select.picture_faces=all", "download.min_duration_s=0.5"]
    at = checkout_of(tmp_path / "root", ["hq_voxceleb"], sets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
        patch.setenv("FACEVOX_WORKERS", "1")
        patch.setattr(crop, "find_weights", not_here)
        for stage in ("sources", "download", "detect", "subjects", "crop", "audio", "recognise"):
            run_stage(stage, "hq", at)
        run_stages(at, ["select", "persons"])
        write_manifest(at.labels("hq"), Label, [])
        run_stage("dataset", at)
    people = {row.person_id: row for row in read_manifest(at.dataset("identities"), Identity)}
    assert people.keys() == {"ana_one", "bo_two"}
    assert all(1 <= row.n_standard_faces <= 3 for row in people.values())
    segments = [
        read_table(path, Segment, ["profile", "n_mels", "n_frames"]) for path in shard_paths(at.audio_folder("hq"))
    ]
    found = {tuple(row.values()) for table in segments for row in table.to_pylist()}
    assert found == {("sf2f", 40, 599)}
    pairs = read_manifest(at.dataset("pairs"), Pair)
    assert {row.person_id for row in pairs} == set(people)
