"""The sections of params.yaml on the networks, the masks, each training and evaluation: one class per section."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.core.base.params import Params

Variant = Literal["base", "audio_embedding", "audio_concat", "audio_avff", "identity_label", "full"]
"""The rows of the paper's Table 5, each of which adds one part to the one before."""

VARIANTS: tuple[Variant, ...] = (
    "base",
    "audio_embedding",
    "audio_concat",
    "audio_avff",
    "identity_label",
    "full",
)

MaskKind = Literal[
    "rectangle_released",
    "rectangle_centred",
    "rectangle_random",
    "strokes_small",
    "strokes_medium",
    "strokes_large",
    "image",
]

Precision = Literal["float32", "bfloat16"]

SegmentOf = Literal["same_dataset", "same_person"]
"""Of which segments of its person a face is given one: those of the face's own dataset, or those of all datasets."""

Initialisation = Literal["own", "torch"]
"""Of weights that no file gives: this project's, which the networks' modules state, or torch's defaults."""


class ModelParams(Params):
    """Section ``model``: the generator.

    ``width`` is the number of channels of the U-Net's first convolution, to which all others are proportional;
    64 is the paper's. ``avff_gain`` multiplies the fused feature: 1 is the paper's Eq. 1, 2 the released
    code's.
    """

    width: int = Field(ge=8, le=128, multiple_of=8)
    variant: Variant
    avff_gain: float = Field(gt=0)

    @property
    def uses_voice(self) -> bool:
        """Whether the voice embedding joins the face embedding (Table 5: + audio embedding)."""
        return self._reaches("audio_embedding")

    @property
    def fusion(self) -> Literal["concat", "avff"] | None:
        """How features of the audio-face decoder join the face decoder; None: there is no audio-face decoder."""
        if self._reaches("audio_avff"):
            return "avff"
        return "concat" if self._reaches("audio_concat") else None

    @property
    def predicts_label(self) -> bool:
        """Whether an MLP predicts the identity label, and Eq. 2 is a loss."""
        return self._reaches("identity_label")

    @property
    def matches_identities(self) -> bool:
        """Whether Eq. 3, which matches the identities of inpainted face and audio face, is a loss."""
        return self._reaches("full")

    def _reaches(self, variant: Variant) -> bool:
        return VARIANTS.index(self.variant) >= VARIANTS.index(variant)


class MaskParams(Params):
    """Section ``mask``: the region to be inpainted.

    ``rectangle_released`` is the released code's, 25 px below the centre; ``size_px`` is the side of the rectangles in
    a face of 256 px. ``image`` is the path of a black and white picture, for the kind of that name.
    """

    kind: MaskKind
    size_px: int = Field(ge=2, le=254, multiple_of=2)
    image: str | None

    @model_validator(mode="after")
    def _check_image(self) -> Self:
        if (self.kind == "image") != (self.image is not None):
            raise ValueError("'image' is the path of a mask where 'kind' is image, and null elsewhere")
        return self


class TrainingParams(Params):
    """The fields of all trainings: batch, learning rate, precision and speed options.

    ``precision`` bfloat16 computes convolutions and products in 16 bits under autocast, with other results of similar
    quality. ``channels_last``, ``compile`` and ``threads`` (of the processor, in each process) change speed, and the
    last bits of results, which training then amplifies: two runs are equal only where all four are.
    """

    batch: int = Field(ge=1)
    lr: float = Field(gt=0)
    precision: Precision
    channels_last: bool
    compile: bool
    threads: int = Field(ge=1, le=256)
    seed: int
    report_every: int = Field(ge=1)


class OptimizerParams(TrainingParams):
    """The fields of the trainings by Adam.

    ``lr_halved_every`` is in steps, so that a longer training begins as a shorter one does; null, as in the paper,
    keeps ``lr``. ``fused`` changes the speed of Adam, and last bits.
    """

    steps: int = Field(ge=1)
    lr_halved_every: int | None = Field(ge=1)
    beta1: float = Field(ge=0, lt=1)
    beta2: float = Field(ge=0, lt=1)
    fused: bool

    def lr_of(self, step: int) -> float:
        """Return the learning rate of a step, 1 and up."""
        return self.lr if self.lr_halved_every is None else self.lr * 0.5 ** ((step - 1) // self.lr_halved_every)


class PretrainIdentityParams(TrainingParams):
    """Section ``pretrain_identity``: the face recognition network, trained to classify persons.

    ``weights`` is a name, a path, or null: only null trains, and uses the other fields. ``faces`` is a folder of
    pictures by person, or null: the crops of the dataset's training persons. ``lr`` is the highest of a warm-up and a
    decay over all ``epochs``. ``holdout_share`` is that of each person's clips (of a folder: pictures).
    """

    weights: str | None
    faces: str | None
    width: float = Field(gt=0, le=1)
    epochs: int = Field(ge=1)
    batch: int = Field(ge=2)
    holdout_share: float = Field(ge=0, lt=1)


class PretrainVoiceParams(OptimizerParams):
    """Section ``pretrain_voice``: the voice network, trained to classify the training persons.

    ``weights`` is a name, a path, or null: only null trains, and uses the other fields. Each sample is a piece of a
    log-mel of ``min_frames`` to ``max_frames`` columns.
    """

    weights: str | None
    min_frames: int = Field(ge=1)
    max_frames: int = Field(ge=1)
    holdout_share: float = Field(ge=0, lt=1)


class PretrainAudioFaceParams(OptimizerParams):
    """Section ``pretrain_audio_face``: the audio-face decoder, from a voice to a face of the same person.

    Training starts from ``weights`` (a name, a path or null): voice2face's generator of 64 px faces, or a whole
    decoder; what they lack is initialised as ``initialisation`` says. With 0 ``steps`` it is not trained. It uses all
    faces, standard or not, of ``datasets``; null: of all datasets. ``noise`` is the standard deviation of the noise
    added to the voice embedding.
    """

    weights: str | None
    initialisation: Initialisation
    datasets: list[str] | None
    segment_of: SegmentOf
    noise: float = Field(ge=0)
    steps: int = Field(ge=0)


class TrainParams(OptimizerParams):
    """Section ``train``: the training of the generator (Eq. 6), and where the released code differs from the paper.

    It starts from ``weights``, a whole generator (a name, a path or null), with the discriminator of
    ``discriminator_weights``; what neither gives is initialised as ``initialisation`` says.
    ``gan``: ``paper`` is Eq. 5 (log form, one face at a time); ``ralsgan`` is the released code's relativistic
    average least squares on pairs. ``label_of``: the identity label is that of another face of the same person, of any
    face of the person, its own among them (the paper's training text and the released code), or of the face itself
    (Eq. 2). ``recognition_input``: the network psi of Eq. 3 takes
    the input it was published for, or, as in the released code, RGB in [-1, 1] of 256 px. ``match_gradient``: false
    takes the gradient from Eq. 3, as the released code does. ``detach_inpainted``: false lets the discriminator's
    loss reach the generator, and the generator's loss the discriminator, as the released code does.
    With ``average_decay`` d the trained generator's weights are an average over the steps: of step n steps before the
    last, in proportion to d^n; null, as in the paper: those of the last step. ``shuffle_voices`` gives each person the
    voice of another one, for comparison: nothing can then be learnt from
    voices.
    """

    weights: str | None
    discriminator_weights: str | None
    initialisation: Initialisation
    weight_label: float = Field(ge=0)
    weight_match: float = Field(ge=0)
    weight_face: float = Field(ge=0)
    weight_audio_face: float = Field(ge=0)
    weight_gan: float = Field(ge=0)
    gan: Literal["paper", "ralsgan"]
    label_of: Literal["other_face", "any_face", "same_face"]
    segment_of: SegmentOf
    recognition_input: Literal["published", "released"]
    match_gradient: bool
    detach_inpainted: bool
    flip_share: float = Field(ge=0, le=1)
    grey_share: float = Field(ge=0, le=1)
    average_decay: float | None = Field(gt=0, lt=1)
    shuffle_voices: bool
    sample_every: int = Field(ge=1)


class EvaluateParams(Params):
    """Section ``evaluate``: which faces of the test persons are inpainted, and which metrics are computed.

    ``networks`` names, for each network of the metric suite (``lpips``, ``inception``, ``arcface``, ``cosface``,
    ``sphereface``, ``vggface``, ``mobilefacenet``), its weights by name or path; null: its metric is not computed.
    ``landmarks_doubled``: whether landmarks are also those of pictures of twice the size, which costs time.
    ``jpeg_quality``: both pictures are first written as JPEG and read back; null: not. Intervals are of ``confidence``,
    from ``n_bootstrap`` draws of whole persons. ``threads`` of the processor: as many faces are computed at once.
    """

    max_faces_per_person: int = Field(ge=1)
    n_bootstrap: int = Field(ge=1)
    confidence: float = Field(gt=0, lt=1)
    n_swap_persons: int = Field(ge=2)
    n_grid_faces: int = Field(ge=1)
    landmarks_doubled: bool
    jpeg_quality: int | None = Field(ge=1, le=100)
    threads: int = Field(ge=1, le=256)
    networks: dict[str, str | None]
    seed: int
