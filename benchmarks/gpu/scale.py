"""How much is measured: all of it on a GPU, part of it on a processor, next to nothing in a test."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of networks, batches and data, and seconds for each measurement.

    ``width`` is the generator's, ``recognition_width`` the face recognition network's, ``recogniser_channels`` the
    first convolution's of the recognisers of the evaluation. ``compiles``: whether the tuned step is compiled; nothing
    tiny is worth it. No measurement of a training's speed starts that would end after ``total_s`` of the whole run.
    The training in which losses must fall ends after ``learning_s``, or after ``learning_steps`` where that is given.
    """

    width: int
    recognition_width: float
    recogniser_channels: int
    n_persons: int
    faces_of_person: int
    n_frames: int
    batches: tuple[int, ...]
    compiles: bool
    measured_s: float
    total_s: float
    loader_samples: int
    evaluation_faces_of_person: int
    resume_steps: int
    learning_batch: int
    learning_s: float
    learning_steps: int | None
    learning_lr: float


PAPER = Scale(
    width=64,
    recognition_width=1.0,
    recogniser_channels=64,
    n_persons=64,
    faces_of_person=8,
    n_frames=1000,
    batches=(4, 16, 64, 256, 512),
    compiles=True,
    measured_s=2.0,
    total_s=460.0,
    loader_samples=1000,
    evaluation_faces_of_person=8,
    resume_steps=20,
    learning_batch=16,
    learning_s=45.0,
    learning_steps=None,
    learning_lr=2e-4,
)
ON_PROCESSOR = replace(
    PAPER, total_s=1500.0, batches=(4,), n_persons=16, evaluation_faces_of_person=1, resume_steps=4, learning_batch=4
)
"""What a processor does within half an hour."""

TINY = Scale(
    width=8,
    recognition_width=0.125,
    recogniser_channels=8,
    n_persons=4,
    faces_of_person=2,
    n_frames=100,
    batches=(2,),
    compiles=False,
    measured_s=0.1,
    total_s=600.0,
    loader_samples=32,
    evaluation_faces_of_person=1,
    resume_steps=2,
    learning_batch=2,
    learning_s=600.0,
    learning_steps=30,
    learning_lr=1e-3,
)
"""Every path of the script in less than 40 s on one core; its figures mean nothing."""
