"""The result of each step for one fixed clip, in a few numbers; ``python -m tests.golden_steps`` records them."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pipeline.audio import clip as audio
from pipeline.audio.extract import extract_waveform
from pipeline.audio.settings import AudioParams
from pipeline.base.images import decode_png
from pipeline.base.imports import ROOT
from pipeline.base.params import load_params
from pipeline.face.crops import crop
from pipeline.identity.network import label
from pipeline.records.face import Face
from pipeline.records.frame import Frame
from pipeline.records.segment import Segment
from pipeline.sources import acquire
from pipeline.speaker import observe
from pipeline.synthetic.clip import write_clip
from pipeline.synthetic.script.spec import ClipSpec
from pipeline.video.clip import MediaClip
from pipeline.video.decode import rgb_frames_at

GOLDEN = ROOT / "tests" / "golden" / "steps.json"
SPEC = ClipSpec(seed=4, person=1, clip=0, duration_s=2.0)

Numbers = dict[str, float]


def run_steps(folder: Path) -> dict[str, tuple[int, Numbers]]:
    """Return each step's version and numbers; numbers are means, which differ between processors in far digits only."""
    path = folder / "clip.mp4"
    write_clip(SPEC, path)
    clip = MediaClip(
        clip_id="golden/one", path=path, sha256="", rotation_deg=0, has_audio=True, start_s=None, end_s=None
    )
    rows = observe.Observer(load_params(observe.DetectParams, "detect", ROOT / "params.yaml"))(clip, folder)
    frames = tuple(row for row in rows if isinstance(row, Frame))  # type: ignore[union-attr]
    params = load_params(crop.CropParams, "crop", ROOT / "params.yaml")
    faces = crop.Cropper(params, "dlib")(crop.ObservedClip(clip, frames), folder)
    item = audio.AudioItem(clip, (0.0, SPEC.duration_s))
    sound = audio.segment_clip(item, folder, params=load_params(AudioParams, "audio", ROOT / "params.yaml"))
    return {
        "download": (acquire.VERSION, _media(path)),
        "detect": (observe.VERSION, _frames(frames)),
        "crop": (crop.VERSION, _faces(faces)),  # type: ignore[arg-type]
        "audio": (audio.VERSION, _segments(sound)),  # type: ignore[arg-type]
        "identify": (label.VERSION, _labels(faces)),  # type: ignore[arg-type]
    }


def _media(path: Path) -> Numbers:
    pictures = [picture for _, picture in rgb_frames_at(path, [0.0, 1.0], rotation_deg=0)]
    sound = extract_waveform(path, max_duration_s=10)
    return {"grey": float(np.mean(pictures)), "level": float(np.sqrt(np.mean(sound**2)))}


def _frames(frames: tuple[Frame, ...]) -> Numbers:
    columns = ("yaw_deg", "pitch_deg", "roll_deg", "lip_opening", "eye_opening", "interocular_px", "sharpness")
    return {"n": len(frames), **{name: float(np.mean([getattr(one, name) for one in frames])) for name in columns}}


def _faces(faces: list[Face]) -> Numbers:
    grey = float(np.mean([decode_png(face.image.bytes) for face in faces]))
    return {"n": len(faces), "grey": grey, "times_s": float(np.sum([face.time_s for face in faces]))}


def _segments(segments: list[Segment]) -> Numbers:
    feature = segments[0].log_mel.reshape(segments[0].n_mels, -1)
    low, high = (float(np.abs(half).mean()) for half in (feature[:32], feature[32:]))
    return {"n": len(segments), "n_valid": segments[0].n_valid_frames, "low": low, "high": high}


def _labels(faces: list[Face]) -> Numbers:
    import torch

    from pipeline.identity.network.resnet import FaceRecognitionNetwork, preprocess

    torch.manual_seed(0)
    with torch.inference_mode():
        feature = FaceRecognitionNetwork(0.125).eval()(preprocess(decode_png(faces[0].image.bytes)[None]))
    return {"mean": float(feature.mean()), "largest": float(feature.max())}


def main() -> None:
    with TemporaryDirectory() as folder:
        steps = run_steps(Path(folder))
    content = {name: {"version": version, "numbers": numbers} for name, (version, numbers) in steps.items()}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
