"""Measure the faces that a demo's network inpaints: ``python -m benchmarks.learn.demo_faces``, in the demo's checkout.

Of the test persons' standard faces, each inpainted by its own person's voice and by the others', with intervals over
persons:

- L1 inside the mask, in grey levels;
- the seam: the step of colour across the mask's border, as composed, as pasted back (model/inference/seam.py), and of
  the true faces;
- how many of the traits that voice and face share change towards those of the voice's person: read by a regression that
  is fitted to talkers of another seed (benchmarks/learn/trait_regressor.py). 50 % is chance.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.learn.ridge import Reals
from benchmarks.learn.trait_regressor import TraitRegressor, fit_trait_regressor, visible_traits
from model.data.masks import Mask, draw_mask
from model.evaluation.metrics.image import l1_masked
from model.evaluation.metrics.intervals import estimate_mean
from model.inference.inpaint import inpaint_face
from model.inference.seam import without_seam
from model.networks.generator_file import load_generator
from model.settings import MaskParams
from pipeline.core.base.arrays import ImageRGB, LogMel
from pipeline.core.base.images import decode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params
from pipeline.core.base.seeds import keyed_rng
from pipeline.core.base.torch_threads import single_thread
from pipeline.dataset.reader import iterate_faces, iterate_segments, log_mels, only_standard, open_dataset
from pipeline.synthetic.look.aligned import HeadPose, aligned_face
from pipeline.synthetic.script.traits import VOICE_TRAITS, Traits, traits_of

OTHER_SEED = 20261128  # of the talkers that the regression is fitted to
N_TALKERS, FACES_PER_TALKER = 300, 2
MAX_YAW_DEG, MAX_PITCH_DEG = 6.0, 4.0
MIN_DIFFERENCE = 0.3  # of a trait, 0 to 1, between two persons
FACES_PER_PERSON = 6
BORDER_PX = 2

Inpaint: TypeAlias = Callable[[ImageRGB, LogMel], ImageRGB]


class TestFace(NamedTuple):
    """A standard face of a test person, and what its own person's voice makes of it."""

    person: str
    true: ImageRGB
    inpainted: ImageRGB


def main() -> None:
    """Print the figures of the checkout's network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the demo's talkers: sources.demo.seed")
    seed = parser.parse_args().seed
    at = Layout()
    mask = draw_mask(load_params(MaskParams, "mask"), np.random.default_rng(0))
    network = load_generator(at.model("generator")).eval()

    def inpaint(face: ImageRGB, voice: LogMel) -> ImageRGB:
        return inpaint_face(network, face, mask, voice).face

    voices = _test_voices(at)
    faces = [TestFace(person, true, inpaint(true, voices[person])) for person, true in _test_faces(at)]
    persons = [face.person for face in faces]
    print(f"faces of test persons: {len(faces)} of {len(voices)}")
    print(_line("L1 in the mask, grey levels", [l1_masked(one.inpainted, one.true, mask) for one in faces], persons))
    shown = {
        "as composed": [one.inpainted for one in faces],
        "as pasted back": [without_seam(one.true, one.inpainted, mask, mask, 1.0) for one in faces],
        "of true faces": [one.true for one in faces],
    }
    for name, pictures in shown.items():
        steps = [seam_contrast(picture, mask) for picture in pictures]
        print(_line(f"step at the mask's border {name}, grey levels", steps, persons))
    cases = list(_swaps(faces, voices, seed, fitted_regressor(), inpaint))
    follows = [100.0 * follow for _, follow in cases]
    print(_line("traits that follow another's voice, %", follows, [person for person, _ in cases]))


def _line(name: str, values: Sequence[float], persons: Sequence[str]) -> str:
    mean = estimate_mean(np.array(values), persons, n_draws=1000, confidence=0.95, seed=1)
    assert mean is not None
    return f"{name}: {mean.value:.2f} ({mean.low:.2f} to {mean.high:.2f}), n {len(values)}"


def seam_contrast(picture: ImageRGB, mask: Mask) -> float:
    """Return the mean absolute difference of the colours just inside and just outside of the mask, in grey levels."""
    kernel = np.ones((2 * BORDER_PX + 1,) * 2, np.uint8)
    inside = (mask == 1) & (cv2.erode(mask, kernel) == 0)
    outside = (mask == 0) & (cv2.dilate(mask, kernel) == 1)
    smooth = [_mean_along(picture, band) for band in (inside, outside)]
    border = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) == 1
    return float(np.abs(smooth[0] - smooth[1])[border].mean())


def _mean_along(picture: ImageRGB, band: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return at each pixel the mean colour of the band near it."""
    weight = cv2.GaussianBlur(band.astype(np.float32), (0, 0), BORDER_PX)
    colours = cv2.GaussianBlur(np.where(band[..., None], picture, 0).astype(np.float32), (0, 0), BORDER_PX)
    return np.asarray(colours / np.maximum(weight, 1e-3)[..., None], np.float32)


def fitted_regressor() -> TraitRegressor:
    """Return the regression on faces of talkers of another seed, in rooms of their own."""
    faces, traits = [], []
    for person in range(N_TALKERS):
        of_person = traits_of(OTHER_SEED, person)
        for number in range(FACES_PER_TALKER):
            rng = keyed_rng("demo faces", OTHER_SEED, person, number)
            pose = HeadPose(
                yaw_deg=float(rng.uniform(-MAX_YAW_DEG, MAX_YAW_DEG)),
                pitch_deg=float(rng.uniform(-MAX_PITCH_DEG, MAX_PITCH_DEG)),
            )
            room = keyed_rng("demo room", OTHER_SEED, person, number)
            faces.append(aligned_face(of_person, rng=rng, room_rng=room, pose=pose))
            traits.append(_voice_traits(of_person))
    return fit_trait_regressor(np.stack(faces), visible_traits(np.array(traits)))


def _swaps(
    faces: Sequence[TestFace], voices: Mapping[str, LogMel], seed: int, regressor: TraitRegressor, inpaint: Inpaint
) -> Iterator[tuple[str, bool]]:
    """Yield for each trait of each swap the face's person, and whether it changes towards the voice's person's."""
    visible = {person: visible_traits(_voice_traits(traits_of(seed, _number(person)))[None])[0] for person in voices}
    for face in faces:
        before = regressor.read(face.inpainted[None])[0]
        for other, voice in voices.items():
            if other != face.person:
                change = regressor.read(inpaint(face.true, voice)[None])[0] - before
                wanted = visible[other] - visible[face.person]
                is_case = np.abs(wanted) >= MIN_DIFFERENCE
                yield from ((face.person, follows) for follows in (change * wanted > 0)[is_case].tolist())


def _voice_traits(traits: Traits) -> Reals:
    return np.array([getattr(traits, name) for name in VOICE_TRAITS])


def _number(person: str) -> int:
    return int(person.rpartition("_")[2])


def _test_faces(at: Layout) -> list[tuple[str, ImageRGB]]:
    """Return person and picture of the first standard faces of each test person."""
    found: dict[str, list[ImageRGB]] = {}
    for table in iterate_faces(only_standard(open_dataset(at, "test"))):
        for row in table.select(["person_id", "image"]).to_pylist():
            found.setdefault(row["person_id"], []).append(decode_png(row["image"]["bytes"]))
    return [(person, face) for person, faces in sorted(found.items()) for face in faces[:FACES_PER_PERSON]]


def _test_voices(at: Layout) -> dict[str, LogMel]:
    """Return the log-mel of the first segment of each test person."""
    voices: dict[str, LogMel] = {}
    for table in iterate_segments(open_dataset(at, "test")):
        for person, log_mel in zip(table.column("person_id").to_pylist(), log_mels(table), strict=True):
            voices.setdefault(person, log_mel)
    return voices


if __name__ == "__main__":
    with single_thread():
        main()
