"""The metrics by name: title, direction, and the paper's published values of its full method.

The published values are of other datasets. The paper does not define its landmark and face network distances; each
value is shown beside the metric of similar size.
"""

from dataclasses import dataclass

PUBLISHED_SETS = ("FaceForensics++", "HDTF", "VoxCeleb-ID")
HIGHER, LOWER = "higher", "lower"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its title, whether 'higher' or 'lower' is better (empty: neither), and the paper's values, if any."""

    name: str
    better: str = ""
    published: tuple[str, ...] = ()


PICTURES = {
    "psnr": Metric("PSNR, dB", HIGHER, ("28.2354", "28.7509", "25.9633")),
    "ssim": Metric("SSIM", HIGHER, ("0.9166", "0.9156", "0.8963")),
    "ssim_win7": Metric("SSIM, 7 px window", HIGHER),
    "lpips": Metric("LPIPS", LOWER, ("0.0463", "0.0514", "0.0544")),
    "l1": Metric("L1, of 255", LOWER, ("3.4811", "3.3944", "4.4863")),
    "l1_masked": Metric("L1 in the mask, of 255", LOWER),
    "landmark_mse": Metric("Landmarks, mean square, px²", LOWER, ("5.9931", "5.3709", "8.7056")),
    "landmark_px": Metric("Landmarks, mean, px", LOWER),
    "landmark_plain_mse": Metric("Landmarks of plain dlib, mean square, px²", LOWER),
    "landmark_plain_px": Metric("Landmarks of plain dlib, mean, px", LOWER),
    "landmark_doubled_mse": Metric("Landmarks of dlib at twice the size, mean square, px²", LOWER),
    "landmark_doubled_px": Metric("Landmarks of dlib at twice the size, mean, px", LOWER),
    "landmark_nme": Metric("Landmarks over interocular distance", LOWER),
    "is_found": Metric("Share of inpainted faces detected", HIGHER),
    "is_true_found": Metric("Share of true faces detected"),
    "cpbd": Metric("Sharpness (CPBD)", HIGHER),
    "cpbd_true": Metric("Sharpness of the true faces (CPBD)"),
    "fid": Metric("FID", LOWER),
}
"""Similarity of inpainted and true picture: Table 2 of the paper, and more."""

IDENTITY = {
    "hog": Metric("HOG", LOWER, ("2.1262", "2.0899", "2.0796")),
    "vggface_l2": Metric("VGGFace, L2", LOWER, ("3.3405", "2.9035", "3.7534")),
    "vggface_cosine": Metric("VGGFace, 1 − cosine", LOWER),
    "sphereface_cosine": Metric("SphereFace, 1 − cosine", LOWER, ("0.3314", "0.3523", "0.3768")),
    "sphereface_l2": Metric("SphereFace, L2", LOWER),
    "cosface_cosine": Metric("CosFace, 1 − cosine", LOWER, ("0.2278", "0.2184", "0.2122")),
    "cosface_l2": Metric("CosFace, L2", LOWER),
    "arcface_l2": Metric("ArcFace, L2", LOWER, ("3.7988", "3.6453", "3.6084")),
    "arcface_cosine": Metric("ArcFace, 1 − cosine", LOWER),
    "mobilefacenet_cosine": Metric("MobileFaceNet, 1 − cosine", LOWER),
    "mobilefacenet_l2": Metric("MobileFaceNet, L2", LOWER),
    "csim": Metric("CSIM, cosine", HIGHER),
    "recognition_cosine": Metric("Face recognition network, 1 − cosine", LOWER),
    "recognition_l1": Metric("Face recognition network, L1", LOWER),
}
"""Similarity of identity of inpainted and true face: Table 3 of the paper, and more."""

RETRIEVAL_SET = "VoxCeleb-ID"
RETRIEVAL = {
    "acc@1": Metric("Acc@1, %", HIGHER, ("20.53",)),
    "acc@5": Metric("Acc@5, %", HIGHER, ("35.79",)),
    "acc@8": Metric("Acc@8, %", HIGHER, ("46.84",)),
    "acc@10": Metric("Acc@10, %", HIGHER, ("49.47",)),
    "true_acc@1": Metric("Acc@1 of the true faces, %"),
    "true_acc@5": Metric("Acc@5 of the true faces, %"),
    "true_acc@8": Metric("Acc@8 of the true faces, %"),
    "true_acc@10": Metric("Acc@10 of the true faces, %"),
}
"""How often an inpainted face retrieves its person among the first K true faces: Figure 8 of the paper."""
