"""The evaluation's manifests: metrics and pictures of inpainted faces, retrieval, voice swaps, the map of faces."""

from dataclasses import dataclass

from pipeline.core.records.schema import Image, column

_COSINE = "1 - cosine of the features of inpainted and true face; null: no weights"
_L2 = "Euclidean distance of these features, not normalised; null: no weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedFace:
    """One row of ``manifests/evaluation/faces.parquet``: the metrics of an inpainted face against the true one.

    Columns that may be null are metrics: they need weights that may be missing, or a detected face.
    """

    face_id: str = column("the standard face of a test person")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    segment_id: str = column("the voice by which it was inpainted: the person's first segment of the dataset")
    mask_share: float = column("share of the face that was inpainted, 0-1")
    psnr: float | None = column("peak signal-to-noise ratio, dB; infinite for equal pictures")
    ssim: float | None = column("structural similarity, Gaussian window of 1.5 px, RGB")
    ssim_win7: float | None = column("structural similarity, uniform window of 7x7 px, RGB")
    l1: float | None = column("mean absolute difference, grey levels of 255")
    l1_masked: float | None = column("the same inside the mask")
    lpips: float | None = column("LPIPS of AlexNet; null: no weights")
    landmark_px: float | None = column("mean distance of the 68 points, pixels; null: a face is not detected")
    landmark_nme: float | None = column("landmark_px over the true face's interocular distance")
    landmark_mse: float | None = column("mean square distance of the 68 points, square pixels")
    landmark_plain_px: float | None = column("landmark_px of plain points of dlib, in whole pixels, not averaged")
    landmark_plain_mse: float | None = column("mean square distance of these, square pixels")
    landmark_doubled_px: float | None = column(
        "the same of the face that dlib detects in a picture of twice the size; null also: evaluate.landmarks_doubled"
    )
    landmark_doubled_mse: float | None = column("mean square distance of these, square pixels")
    is_found: bool = column("whether a face is detected in the inpainted picture")
    is_true_found: bool = column("whether a face is detected in the true picture")
    hog: float | None = column("Euclidean distance of histograms of oriented gradients at 64 px")
    recognition_l1: float | None = column(
        "mean absolute difference of the face recognition network's features; null: no such network"
    )
    recognition_cosine: float | None = column("1 - cosine of these")
    arcface_cosine: float | None = column(f"ArcFace (resnet_face18): {_COSINE}")
    arcface_l2: float | None = column(f"ArcFace (resnet_face18): {_L2}")
    cosface_cosine: float | None = column(f"CosFace (sphere20): {_COSINE}")
    cosface_l2: float | None = column(f"CosFace (sphere20): {_L2}")
    sphereface_cosine: float | None = column(f"SphereFace (sphere20a): {_COSINE}")
    sphereface_l2: float | None = column(f"SphereFace (sphere20a): {_L2}")
    vggface_cosine: float | None = column(f"VGGFace (VGG16, fc7): {_COSINE}")
    vggface_l2: float | None = column(f"VGGFace (VGG16, fc7): {_L2}")
    mobilefacenet_cosine: float | None = column(f"MobileFaceNet: {_COSINE}")
    mobilefacenet_l2: float | None = column(f"MobileFaceNet: {_L2}")
    csim: float | None = column(
        "cosine of the features of inpainted and true face by the CSIM network of metrics.json; 1 is equal"
    )
    cpbd: float | None = column("sharpness of the inpainted picture, cumulative probability of blur detection, 0-1")
    cpbd_true: float | None = column("sharpness of the true picture")


@dataclass(frozen=True, slots=True, kw_only=True)
class InpaintedImage:
    """One row of ``data/evaluation/inpainted.parquet``: an inpainted face; its masked region is synthetic."""

    face_id: str = column("the face")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    segment_id: str = column("the voice by which it was inpainted")
    image: Image = column("the inpainted face, 256x256 RGB PNG; true pixels outside the mask")
    mask: Image = column("the mask, white where the face was inpainted; PNG")
    audio_face: Image | None = column(
        "the audio face, decoded from the voice alone, PNG; null: the variant has no audio-face decoder"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedFace:
    """One row of ``data/evaluation/retrieval.parquet``: one of the ten true faces nearest to an inpainted one."""

    retrieved_id: str = column("<query_id>#<rank, two digits>")
    query_id: str = column("the inpainted face that is the query: one of each test person")
    dataset: str = column("the dataset of query and gallery")
    person_id: str = column("the query's person")
    rank: int = column("1 is the nearest")
    face_id: str = column("the true face of this rank")
    retrieved_person_id: str = column("the true face's person")
    distance: float = column("Euclidean distance of their features by the identity network of metrics.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwappedFace:
    """One row of ``data/evaluation/swaps.parquet``: a face inpainted by a voice, its own or another person's."""

    swap_id: str = column("<face_id>+<segment_id>")
    face_id: str = column("the face; its known pixels are kept")
    segment_id: str = column("the voice")
    face_person: str = column("the person of the face")
    voice_person: str = column("the person of the voice")
    similarity_to_face_person: float | None = column(
        "cosine of the inpainted face's feature and the mean feature of the face's person; null: no recognition network"
    )
    similarity_to_voice_person: float | None = column("the same with the voice's person")
    similarity_gain: float | None = column(
        "similarity_to_voice_person minus its value for this face inpainted by its own voice"
    )
    l1_change: float = column(
        "mean absolute difference in the mask to this face inpainted by its own voice, grey levels of 255"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPoint:
    """One row of ``data/evaluation/tsne.parquet``: a face in the plane, near faces of similar features."""

    point_id: str = column("<face_id>, for the inpainted face <face_id>+inpainted")
    face_id: str = column("the face")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    is_inpainted: bool = column("whether it is the inpainted face; else the true one")
    x: float = column("first t-SNE coordinate, without unit")
    y: float = column("second t-SNE coordinate, without unit")
