"""Named network weights: where they come from, what their bytes must be, and where they lie here."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.cache import cache_folder
from pipeline.errors import BadInput, UntrustedWeights, WeightsUnavailable
from pipeline.hashing import sha256_of

LOCAL_VARIABLE = "FACEVOX_WEIGHTS"
TIMEOUT_S = 30.0
CHUNK_BYTES = 1 << 20
BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWeights:
    """One file of weights as its publisher offers it.

    ``sha256`` is None where the publisher's bytes are not known: such a file is used when a person supplies
    it, and never fetched. ``size_bytes`` is exact where the sha256 is known, otherwise about right.
    """

    name: str
    address: str
    sha256: str | None
    size_bytes: int
    licence: str
    file_name: str
    what: str


_ENTRIES = (
    NamedWeights(
        name="vggface2_resnet50",
        address="https://drive.google.com/uc?id=1A94PAAnwk6L7hXdBXLFosB_s0SzEhAFU",
        sha256=None,
        size_bytes=165_000_000,
        licence="VGGFace2 dataset terms, research",
        file_name="resnet50_ft_weight.pkl",
        what="label network psi: ResNet-50, MS1M then VGGFace2, 2048-D, as cydonia999/VGGFace2-pytorch offers it",
    ),
    NamedWeights(
        name="mobilefacenet",
        address=(
            "https://github.com/foamliu/MobileFaceNet/raw/"
            "a6cc9032a659b615f477833e1a70b5e7931bcccc/weights/MobileFaceNet.onnx"
        ),
        sha256="b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
        size_bytes=3_998_070,
        licence="Apache-2.0",
        file_name="MobileFaceNet.onnx",
        what="face identity, 128-D, 112x112 RGB: merges and audits persons",
    ),
    NamedWeights(
        name="yunet",
        address=(
            "https://github.com/ShiqiYu/libfacedetection.train/raw/"
            "0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_n_dynamic.onnx"
        ),
        sha256="104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
        size_bytes=322_906,
        licence="Apache-2.0",
        file_name="yunet_n_dynamic.onnx",
        what="face detector YuNet, for pictures of any size",
    ),
    NamedWeights(
        name="face_landmarker",
        address=(
            "https://github.com/antgroup/echomimic/raw/"
            "a53e97040398ddae5d26df0d2054a8f1e9f9df6d/src/utils/mp_models/face_landmarker_v2_with_blendshapes.task"
        ),
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        size_bytes=3_758_596,
        licence="Apache-2.0",
        file_name="face_landmarker_v2_with_blendshapes.task",
        what="MediaPipe's Face Landmarker: face detector and 478 points",
    ),
    NamedWeights(
        name="fan_2d",
        address="https://www.adrianbulat.com/downloads/python-fan/2DFAN4-11f355bf06.pth.tar",
        sha256="11f355bf0693120222f5955ce3f9dc8fb5763ebb30a47d7906e509490d32e4aa",
        size_bytes=95_641_761,
        licence="BSD-3-Clause",
        file_name="2DFAN4-11f355bf06.pth.tar",
        what="landmark network 2DFAN-4 of the package face-alignment, 68 points",
    ),
    NamedWeights(
        name="voice2face_embedding",
        address=(
            "https://github.com/cmu-mlsp/reconstructing_faces_from_voices/raw/469e249/"
            "pretrained_models/voice_embedding.pth"
        ),
        sha256=None,
        size_bytes=10_700_000,
        licence="GPL-3.0",
        file_name="voice_embedding.pth",
        what="voice embedding of voice2face, 64-D, of 64 mels",
    ),
    NamedWeights(
        name="voice2face_generator",
        address=(
            "https://github.com/cmu-mlsp/reconstructing_faces_from_voices/raw/469e249/pretrained_models/generator.pth"
        ),
        sha256=None,
        size_bytes=48_800_000,
        licence="GPL-3.0",
        file_name="generator.pth",
        what="generator of voice2face, from a voice embedding to a face of 64 px",
    ),
    NamedWeights(
        name="alexnet",
        address="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256=None,
        size_bytes=244_400_000,
        licence="BSD-3-Clause (torchvision)",
        file_name="alexnet-owt-7be5be79.pth",
        what="AlexNet of ImageNet as torchvision offers it: the trunk of LPIPS",
    ),
    NamedWeights(
        name="lpips_alex_heads",
        address=(
            "https://github.com/richzhang/PerceptualSimilarity/raw/"
            "082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/alex.pth"
        ),
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        size_bytes=6_009,
        licence="BSD-2-Clause",
        file_name="lpips_alex_v0.1.pth",
        what="the linear heads of LPIPS 0.1 on AlexNet, which need the trunk 'alexnet'",
    ),
    NamedWeights(
        name="inception_fid",
        address=(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
        ),
        sha256=None,
        size_bytes=95_700_000,
        licence="Apache-2.0",
        file_name="pt_inception-2015-12-05-6726825d.pth",
        what="Inception v3 of FID: TensorFlow's of 2015-12-05 as pytorch-fid offers it",
    ),
    NamedWeights(
        name="sphereface",
        address=(
            "https://github.com/clcarwin/sphereface_pytorch/raw/"
            "e2f11f0b0f394cf75b9f65ce8d353e4390b0948c/model/sphere20a_20171020.7z"
        ),
        sha256=None,
        size_bytes=112_400_000,
        licence="MIT",
        file_name="sphere20a_20171020.pth",
        what="SphereFace sphere20a, 512-D, 112x96 BGR; the address is an archive, to be unpacked",
    ),
    NamedWeights(
        name="cosface",
        address="https://github.com/MuggleWang/CosFace_pytorch",
        sha256=None,
        size_bytes=90_700_000,
        licence="MIT",
        file_name="cosface_sphere20.pth",
        what="CosFace sphere20, 512-D (1024 with the mirrored face), 112x96 RGB; its README says where it lies",
    ),
    NamedWeights(
        name="arcface",
        address="https://github.com/ronghuaiyang/arcface-pytorch",
        sha256=None,
        size_bytes=102_600_000,
        licence="terms not stated",
        file_name="resnet18_110.pth",
        what="ArcFace resnet_face18, 512-D (1024 with the mirrored face), 128x128 grey; its README says where it lies",
    ),
    NamedWeights(
        name="vggface",
        address="https://www.robots.ox.ac.uk/~albanie/models/pytorch-mcn/vgg_face_dag.pth",
        sha256=None,
        size_bytes=580_000_000,
        licence="CC BY-NC (terms to be checked)",
        file_name="vgg_face_dag.pth",
        what="VGG-Face VGG16, 4096-D, 224x224 RGB, Albanie's port to PyTorch",
    ),
)

REGISTRY: dict[str, NamedWeights] = {entry.name: entry for entry in _ENTRIES}


def find_weights(name_or_path: str) -> Path:
    """Return where the weights lie, by ``locate_weights`` with this process's cache and FACEVOX_WEIGHTS."""
    local = os.environ.get(LOCAL_VARIABLE)
    return locate_weights(name_or_path, cache=cache_folder(), local_folder=Path(local) if local else None)


def locate_weights(name_or_path: str, *, cache: Path, local_folder: Path | None) -> Path:
    """Return where the weights lie: a path as it is; a name in ``local_folder``, else fetched into ``cache``.

    Raises BadInput (neither a name nor a file), UntrustedWeights (other bytes than published) and
    WeightsUnavailable (not here, and not to be had).
    """
    if Path(name_or_path).is_file():
        return Path(name_or_path)
    entry = REGISTRY.get(name_or_path)
    if entry is None:
        known = ", ".join(REGISTRY)
        raise BadInput(f"weights {name_or_path!r}: no such file, and no such name (known: {known})")
    return locate_entry(entry, cache=cache, local_folder=local_folder)


def locate_entry(entry: NamedWeights, *, cache: Path, local_folder: Path | None) -> Path:
    """Return where the weights of ``entry`` lie: in ``local_folder``, else fetched into ``cache``."""
    found = _find_local(entry, local_folder) if local_folder else None
    return found or _fetch(entry, cache / "weights", local_folder)


def _find_local(entry: NamedWeights, folder: Path) -> Path | None:
    """Accept the publisher's file name, and any other name when the bytes are the published ones."""
    own = folder / entry.file_name
    if own.is_file():
        _check_bytes(own, entry)
        return own
    if entry.sha256 is None or not folder.is_dir():
        return None
    same_size = (p for p in sorted(folder.iterdir()) if p.is_file() and p.stat().st_size == entry.size_bytes)
    return next((path for path in same_size if sha256_of(path) == entry.sha256), None)


def _check_bytes(path: Path, entry: NamedWeights) -> None:
    if entry.sha256 is None:
        return
    found = sha256_of(path)
    if found != entry.sha256:
        raise UntrustedWeights(f"{path}: expected sha256 {entry.sha256} of '{entry.name}', found {found}")


def _fetch(entry: NamedWeights, folder: Path, local_folder: Path | None) -> Path:
    if entry.sha256 is None:
        raise _unavailable(entry, "is not fetched, because nothing vouches for its bytes", local_folder)
    import pooch
    import requests

    try:
        path = pooch.retrieve(
            entry.address,
            known_hash=f"sha256:{entry.sha256}",
            fname=entry.file_name,
            path=folder,
            downloader=partial(_download, largest_bytes=entry.size_bytes),
        )
    except requests.RequestException as error:
        why = type(error).__name__ if error.response is None else str(error.response.status_code)
        raise _unavailable(entry, f"can't be fetched ({why})", local_folder) from None
    except ValueError as error:
        raise UntrustedWeights(f"weights '{entry.name}' from {entry.address}: {error}") from None
    return Path(path)


def _download(address: str, into: str, _pooch: object, *, largest_bytes: int) -> None:
    """Download for pooch, which checks the hash; stop at the published size, past which no hash can fit."""
    import requests

    n_bytes = 0
    with requests.get(address, stream=True, timeout=TIMEOUT_S) as answer, Path(into).open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_content(CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > largest_bytes:
                raise ValueError(f"expected {largest_bytes} bytes, found more")
            file.write(chunk)


def _unavailable(entry: NamedWeights, why: str, local_folder: Path | None) -> WeightsUnavailable:
    size = f"{entry.size_bytes / BYTES_PER_MB:.1f} MB"
    facts = f"{size}, sha256 {entry.sha256 or 'unknown'}, licence {entry.licence}"
    folder = local_folder or "a folder of local weights"
    return WeightsUnavailable(
        f"weights '{entry.name}' ({entry.what}) are not here, and {entry.address} {why}: download it by hand "
        f"({facts}) into {folder} as {entry.file_name}, or give its path in place of the name."
    )
