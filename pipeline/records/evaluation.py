"""What the evaluation leaves: scores and pictures of inpainted faces, whom they retrieve, voice swaps, a map."""

from dataclasses import dataclass

from pipeline.records.schema import Image, column

_COSINE = "1 - cosine of the features of inpainted and true face; null: no weights"
_L2 = "Euclidean distance of these features, not normalised; null: no weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedFace:
    """One row of ``manifests/evaluation/faces.parquet``: a inpainted face against the true one.

    What may be null is a metric: it wants what this run may lack, or a face that is found.
    """

    face_id: str = column("the standard face of a test person")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    segment_id: str = column("the voice it was inpainted by: the person's first segment")
    mask_share: float = column("share of the face that was inpainted, 0-1")
    psnr: float | None = column("peak signal-to-noise ratio, dB; infinite for equal pictures")
    ssim: float | None = column("structural similarity, Gaussian window of 1.5 px, RGB")
    ssim_win7: float | None = column("structural similarity, even window of 7x7 px, RGB")
    l1: float | None = column("mean absolute difference, grey levels of 255")
    l1_masked: float | None = column("the same inside the mask")
    lpips: float | None = column("LPIPS of AlexNet; null: no weights")
    landmark_px: float | None = column("mean distance of the 68 points, pixels; null: a face is not found")
    landmark_nme: float | None = column("that over the true face's interocular distance")
    landmark_mse: float | None = column("mean square distance of the 68 points, square pixels")
    is_found: bool = column("whether the detector finds a face in the inpainted picture")
    is_true_found: bool = column("whether it finds one in the true picture")
    hog: float | None = column("Euclidean distance of histograms of oriented gradients at 64 px")
    recognition_l1: float | None = column(
        "mean absolute difference of the face recognition network's features; null: no face recognition network"
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
    csim: float | None = column("cosine of inpainted and true face by the network that metrics.json names; 1 is equal")
    cpbd: float | None = column("sharpness of the inpainted picture, cumulative probability of blur detection, 0-1")
    cpbd_true: float | None = column("sharpness of the true picture")


@dataclass(frozen=True, slots=True, kw_only=True)
class InpaintedImage:
    """One row of ``data/evaluation/inpainted.parquet``: the picture of a inpainted face; parts of it are synthetic."""

    face_id: str = column("the face")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    segment_id: str = column("the voice it was inpainted by")
    image: Image = column("the inpainted face, 256x256 RGB PNG; outside the mask the true pixels")
    mask: Image = column("what was inpainted: white; PNG")
    audio_face: Image | None = column("the face that the voice alone gives, PNG; null: the variant draws none")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievedFace:
    """One row of ``data/evaluation/retrieval.parquet``: one of the ten nearest true faces to a inpainted one."""

    place_id: str = column("<query_id>#<place, two digits>")
    query_id: str = column("the inpainted face that asked: one of each test person")
    dataset: str = column("the dataset within which was asked")
    person_id: str = column("whom it shows")
    place: int = column("1 is the nearest")
    face_id: str = column("the true face at this place")
    found_person_id: str = column("whom that shows")
    distance: float = column("Euclidean distance of the features of the network that metrics.json names")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwappedFace:
    """One row of ``data/evaluation/swaps.parquet``: a face inpainted by a voice, its own or another person's."""

    swap_id: str = column("<face_id>+<segment_id>")
    face_id: str = column("whose known pixels it has")
    segment_id: str = column("the voice")
    face_person: str = column("the person of the face")
    voice_person: str = column("the person of the voice")
    to_face_person: float | None = column(
        "cosine of the face recognition network's feature and the mean one of the face's person; null: no face recognition network"
    )
    to_voice_person: float | None = column("the same of the voice's person")
    moved: float | None = column(
        "to_voice_person less that of this face inpainted by its own voice; above 0: the voice pulls"
    )
    change: float = column("mean absolute difference in the mask from the face inpainted by its own voice, grey levels")


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPoint:
    """One row of ``data/evaluation/tsne.parquet``: a face in the plane, near those of like features."""

    point_id: str = column("<face_id>, and +inpainted behind it where it is the inpainted face")
    face_id: str = column("the face")
    dataset: str = column("the dataset")
    person_id: str = column("the person")
    is_inpainted: bool = column("whether this is the inpainted face or the true one")
    x: float = column("place in the plane of t-SNE; without unit")
    y: float = column("place in the plane of t-SNE; without unit")
