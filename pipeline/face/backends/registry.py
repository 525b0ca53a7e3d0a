"""The face backends by name."""

from pathlib import Path

from pipeline.core.base.errors import BadMedia, BadParams
from pipeline.face.backends.interface import FaceBackend

KNOWN_BACKENDS = (
    "dlib",
    "blazeface_dlib",
    "blazeface_mesh",
    "yunet_dlib",
    "mediapipe",
    "face_alignment",
    "precomputed:FOLDER",
)


def build_backend(name: str) -> FaceBackend:
    """Return the backend called ``name`` in params.yaml.

    Raises WeightsUnavailable or ToolMissing when its weights or its package are missing, BadParams for other names.
    """
    from pipeline.weights.fetch import find_weights

    kind, _, folder = name.partition(":")
    if name == "dlib":
        from pipeline.face.backends.dlib_backend import DlibBackend

        return DlibBackend()
    if name in ("blazeface_dlib", "blazeface_mesh"):
        from pipeline.face.backends.blazeface_backend import BlazefaceDlibBackend, BlazefaceMeshBackend

        kind_of = BlazefaceDlibBackend if name == "blazeface_dlib" else BlazefaceMeshBackend
        return kind_of(find_weights("blazeface_back"), find_weights("face_landmarker"))
    if name == "yunet_dlib":
        from pipeline.face.backends.yunet_backend import YunetDlibBackend

        return YunetDlibBackend(find_weights("yunet"))
    if name == "mediapipe":
        from pipeline.face.backends.mediapipe_backend import MediapipeBackend

        return MediapipeBackend(find_weights("face_landmarker"))
    if name == "face_alignment":
        from pipeline.face.backends.face_alignment_backend import FaceAlignmentBackend

        return FaceAlignmentBackend(find_weights("yunet"), find_weights("fan_2d"))
    if kind == "precomputed" and folder:
        from pipeline.face.backends.precomputed_backend import PrecomputedBackend

        return PrecomputedBackend(Path(folder))
    known = ", ".join(f"'{one}'" for one in KNOWN_BACKENDS)
    raise BadParams(f"detect.backend = '{name}': expected {known}")


def backend_content(name: str, clip_id: str) -> tuple[str, ...]:
    """Return what, beside params, determines a backend's result for one clip: the hash of the table it reads."""
    kind, _, folder = name.partition(":")
    if kind != "precomputed":
        return ()
    from pipeline.core.base.hashing import sha256_of
    from pipeline.face.backends.precomputed_backend import face_table_path

    try:
        return (sha256_of(face_table_path(Path(folder), clip_id)),)
    except BadMedia:
        return ("no table",)
