"""Standard faces: frontal, lips shut over a window in time; a score without thresholds, a decision with them."""

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from pipeline.core.base.errors import BadParams
from pipeline.core.base.params import Params
from pipeline.core.base.units import SAME_TIME_S
from pipeline.core.records.face import OF_PICTURE, FaceMeasures
from pipeline.core.records.frame import Frame


@dataclass(frozen=True, slots=True)
class LipWindow:
    """Extremes of a face's measures over the window around one frame, in the units of Frame's columns."""

    opening_max: float
    height_max: float  # of the mouth, lips included
    motion: float  # largest minus smallest, of opening or height, whichever moved more
    mouth_change: float  # of the mouth's grey profile
    eye_change: float  # of the eyes'


def lip_windows(frames: Sequence[Frame], half_width_s: float) -> list[LipWindow | None]:
    """Return the extremes in the window around each frame; None where it is incomplete.

    ``frames`` are those of one track in time order.
    """
    from pipeline.face.crops.lip_windows import extremes

    names = ("lip_opening", "mouth_height", "mouth_change", "eye_change")
    measures = np.array([[getattr(frame, name) for frame in frames] for name in names], np.float64)
    times_s, ranges = _times_s(frames), window_ranges(frames, half_width_s)
    found = extremes(times_s, ranges, measures, float(half_width_s))
    is_complete = (ranges[:, 0] >= 0).tolist()
    return [LipWindow(*of) if complete else None for of, complete in zip(found.tolist(), is_complete, strict=True)]


def window_ranges(frames: Sequence[Frame], half_width_s: float) -> NDArray[np.int64]:
    """Return the first and last frame of the window of +- ``half_width_s`` around each, (T, 2); -1: incomplete.

    ``frames`` are those of one track in time order. Where the track begins or ends within a window, at a cut, a gap
    or the clip's end, the window is shifted: it reaches as much further on the other side. It is complete when the
    track has frames up to its edges or beyond, and every decoded frame between them.
    """
    from pipeline.face.crops.lip_windows import window_ranges_of

    indices = np.array([frame.frame_index for frame in frames], np.int64)
    return window_ranges_of(_times_s(frames), indices, float(half_width_s))


def _times_s(frames: Sequence[Frame]) -> NDArray[np.float64]:
    return np.array([frame.time_s for frame in frames], np.float64)


@dataclass(frozen=True, slots=True)
class UsualFace:
    """Open eyes and shut mouth of one track's face, so that a blink or parted lips count relative to this face."""

    eye_opening: float  # the median
    mouth_height: float  # when shut: a low quantile


def usual_face(frames: Sequence[Frame], shut_quantile: float) -> UsualFace:
    """Return the usual face of one track, whose mouth is taken as shut at the ``shut_quantile`` of its heights."""
    return UsualFace(
        eye_opening=float(np.median([frame.eye_opening for frame in frames])),
        mouth_height=float(np.quantile([frame.mouth_height for frame in frames], shut_quantile)),
    )


def is_apart(time_s: float, others_s: Iterable[float], min_apart_s: float) -> bool:
    """Return whether ``time_s`` is at least ``min_apart_s`` from every other; that distance itself counts as apart."""
    return all(abs(time_s - other_s) >= min_apart_s - SAME_TIME_S for other_s in others_s)


class StandardnessScales(Params):
    """How far from ideal counts as one unit of penalty; ``crop.scales`` of params.yaml."""

    angle_deg: float = Field(gt=0)
    lip_opening: float = Field(gt=0)
    lip_motion: float = Field(gt=0)
    mouth_rise: float = Field(gt=0)
    mouth_change: float = Field(gt=0)
    eye_closing: float = Field(gt=0)


def standardness(face: FaceMeasures, scales: StandardnessScales) -> float | None:
    """Return 0 for a frontal, upright, open-eyed face with shut and still lips, and less the further from it.

    Minus the sum of squared deviations, each in units of its scale; without thresholds, so that these can change
    without choosing new crops. None where the lips' window is incomplete.
    """
    if face.lip_opening_max is None or face.lip_motion is None or face.mouth_rise is None or face.mouth_change is None:
        return None
    angles = (face.yaw_deg, face.pitch_deg, face.roll_deg)
    penalties = [
        *(angle / scales.angle_deg for angle in angles),
        face.lip_opening_max / scales.lip_opening,
        face.lip_motion / scales.lip_motion,
        max(0.0, face.mouth_rise) / scales.mouth_rise,
        face.mouth_change / scales.mouth_change,
        max(0.0, 1.0 - face.eye_share) / scales.eye_closing,
    ]
    return -sum(penalty**2 for penalty in penalties)


STRICT, OWN_REST = "strict", "own_rest"
BY_LIMITS, ALL = "by_limits", "all"


class SelectParams(Params):
    """Section ``select`` of params.yaml: what makes a standard face."""

    max_yaw_deg: float = Field(ge=0)
    max_pitch_deg: float = Field(ge=0)
    max_roll_deg: float = Field(ge=0)
    max_lip_gap: float
    max_lips_parted: float
    max_mouth_change: float = Field(ge=0)
    max_parted_and_moving: float | None
    resting_mouth: Literal["strict", "own_rest"]
    min_rest_gap: float
    max_rest_gap: float
    max_above_rest: float = Field(ge=0)
    min_lip_line: float
    min_presence: float = Field(ge=0, le=1)
    max_eyes_shut: float
    min_interocular_px: float = Field(ge=0)
    min_true_interocular_px: float = Field(ge=0)
    min_inside_share: float = Field(ge=0, le=1)
    min_apart_s: float = Field(ge=0)
    picture_faces: Literal["by_limits", "all"]
    max_asymmetry: float | None = Field(ge=0)
    max_expression: float | None = Field(ge=0, le=1)


def check_verified(params: SelectParams, max_verified_gap: float) -> None:
    """Raise BadParams where ``params`` let lips be further apart than ``crop.max_verified_gap``.

    A window with a wider gap is not looked at further, so that ``lip_gap`` is not its largest.
    """
    largest = max(params.max_lip_gap, params.max_rest_gap if params.resting_mouth == OWN_REST else 0.0)
    if largest > max_verified_gap:
        name = "max_lip_gap" if params.max_lip_gap == largest else "max_rest_gap"
        raise BadParams(
            f"select.{name} = {largest:g}: expected at most crop.max_verified_gap = {max_verified_gap:g}, up to which "
            "lips are verified; raise that one first (crop runs again)"
        )


class _Limit(NamedTuple):
    """A measure of a face, a column, that may be at most or at least the value of a param."""

    column: str
    sign: Literal["<", ">"]
    """How a measure that misses the limit stands to it."""
    param: str
    both_ways: bool = False
    """Whether the limit is on the size of a measure that has a sign."""
    plus: tuple[float, str] | None = None
    """The weight of another column, which is added to the measure, and its name."""

    def measured(self, faces: pa.Table) -> pa.ChunkedArray:
        """Return the measure of each of ``faces``; null: it was not measured."""
        values = faces.column(self.column)
        if self.plus is not None:
            weight, other = self.plus
            # Rounded, so that a sum which is the limit in decimals passes.
            values = pc.round(pc.add(values, pc.multiply(faces.column(other), weight)), _SUM_DIGITS)
        return pc.abs(values) if self.both_ways else values

    def holds(self, faces: pa.Table, params: SelectParams) -> pa.ChunkedArray:
        """Return whether each of ``faces`` keeps the limit, also exactly on it; null where it was not measured."""
        compare = pc.greater_equal if self.sign == "<" else pc.less_equal
        return compare(self.measured(faces), getattr(params, self.param))

    def told(self, faces: pa.Table, params: SelectParams) -> pa.ChunkedArray:
        """Return the measure of each of ``faces`` beside the limit, in words."""
        rounded = pc.round(pc.cast(self.measured(faces), pa.float64()), _DIGITS)
        texts = pc.fill_null(pc.cast(rounded, pa.string()), "not measured")
        limit = f"{self.sign} select.{self.param} {getattr(params, self.param):g}"
        measure = self.column if self.plus is None else "{} + {:g} {}".format(self.column, *self.plus)
        return pc.binary_join_element_wise(measure, texts, limit, " ")


_DIGITS = 4  # of measures in words
_SUM_DIGITS = 9
_LIMITS = {
    "no_face": _Limit("mesh_presence", "<", "min_presence"),
    "mouth_covered": _Limit("lip_line", "<", "min_lip_line"),
    "lips_moving": _Limit("mouth_change", ">", "max_mouth_change"),
    "yaw": _Limit("mesh_yaw_deg", ">", "max_yaw_deg", both_ways=True),
    "pitch": _Limit("mesh_pitch_deg", ">", "max_pitch_deg", both_ways=True),
    "roll": _Limit("roll_deg", ">", "max_roll_deg", both_ways=True),
    "eyes_closed": _Limit("eyes_shut", ">", "max_eyes_shut"),
    "too_small": _Limit("interocular_px", "<", "min_interocular_px"),
    "low_resolution": _Limit("true_interocular_px", "<", "min_true_interocular_px"),
    "out_of_frame": _Limit("inside_share", "<", "min_inside_share"),
    "asymmetric": _Limit("asymmetry", ">", "max_asymmetry"),
    "expressive": _Limit("expression", ">", "max_expression"),
}
"""The reasons with one limit, in the order in which they are looked at; a param that is null is no limit."""
_GAP, _LOOK = _Limit("lip_gap", ">", "max_lip_gap"), _Limit("lips_parted", ">", "max_lips_parted")
MOVING_WEIGHT = 4.0
"""Log odds that lips are parted for a mouth change of 1."""
_TOGETHER = _Limit("lips_parted", ">", "max_parted_and_moving", plus=(MOVING_WEIGHT, "mouth_change"))


def missed_thresholds(faces: pa.Table, params: SelectParams) -> pa.ChunkedArray:
    """Return the first threshold that each of ``faces`` misses; empty for a standard face by its measures.

    ``faces`` has the columns of FaceMeasures, and ``expression`` where there is a limit on it. A face exactly on a
    limit passes. Of a still picture, in which nothing moves, one frame counts, or, with ``picture_faces: all``, none:
    all are standard.
    """
    of = faces.column
    is_picture = pc.equal(of("sampled_by"), OF_PICTURE)
    window = [pc.is_valid(of(name)) for name in ("lip_opening_max", "lip_motion", "mouth_rise", "mouth_change")]
    checks = {
        "window_incomplete": pc.or_(is_picture, functools.reduce(pc.and_, window)),
        "not_verified": pc.is_valid(of("lip_gap")),
        # Before the angles: a window whose lips part is not looked at up to the face's own frame.
        **{reason: _LIMITS[reason].holds(faces, params) for reason in ("no_face", "mouth_covered")},
        "lips_open": pc.or_(are_shut(faces, params), _are_at_rest(faces, params)),
    }
    for reason, limit in _LIMITS.items():
        if reason not in checks and getattr(params, limit.param) is not None:
            checks[reason] = limit.holds(faces, params)
    checks["lips_moving"] = pc.or_kleene(is_picture, _are_still(faces, params))
    missed = pa.chunked_array([pa.repeat("", len(faces))])
    for reason, passes in reversed(checks.items()):
        missed = pc.if_else(pc.fill_null(passes, False), missed, reason)
    return pc.if_else(is_picture, "", missed) if params.picture_faces == ALL else missed


def missed_limits(faces: pa.Table, reasons: pa.ChunkedArray, params: SelectParams) -> pa.Array:
    """Return in words what each of ``faces`` missed, as ``mesh_yaw_deg 12.5 > select.max_yaw_deg 10``.

    ``reasons`` are those of ``select_faces``. Of open lips it is the limit on their gap, or else that on how they look;
    of moving ones that on movement, or else that on both together. Empty for a standard face, and for one that
    a person rejected.
    """
    reasons, told = reasons.combine_chunks(), pa.repeat("", len(faces))
    for reason in pc.unique(reasons).to_pylist():
        is_missed = pc.equal(reasons, reason)
        told = pc.replace_with_mask(told, is_missed, _told(reason, faces.filter(is_missed), params))
    return told


def _told(reason: str, faces: pa.Table, params: SelectParams) -> pa.Array:
    """Return in words what ``faces``, all of which ended by one reason, missed."""
    words = {
        "window_incomplete": "its track is shorter than the window of crop.lip_window_s",
        "not_verified": "not looked at by the face mesh: others of its clip rank before it, or a frame did not decode",
        TOO_CLOSE: f"less than select.min_apart_s {params.min_apart_s:g} s from a standard face of its clip",
    }
    if reason == "lips_open":
        is_narrow = pc.fill_null(_GAP.holds(faces, params), True)
        told = pc.if_else(is_narrow, _LOOK.told(faces, params), _GAP.told(faces, params))
    elif reason == "lips_moving" and params.max_parted_and_moving is not None:
        is_still = pc.fill_null(_LIMITS[reason].holds(faces, params), False)
        told = pc.if_else(is_still, _TOGETHER.told(faces, params), _LIMITS[reason].told(faces, params))
    elif reason in _LIMITS:
        told = _LIMITS[reason].told(faces, params)
    else:
        return pa.repeat(words.get(reason, ""), len(faces))
    return told.combine_chunks()


def are_shut(faces: pa.Table, params: SelectParams) -> pa.ChunkedArray:
    """Return whether the lips of each of ``faces`` are shut in its own frame, and move little around it."""
    return pc.fill_null(pc.and_(_GAP.holds(faces, params), _LOOK.holds(faces, params)), False)


def _are_still(faces: pa.Table, params: SelectParams) -> pa.ChunkedArray:
    """Return whether the lips of each of ``faces`` move little in its window, less where they look parted.

    Either measure alone lets lips pass that open for a moment. Lips at rest, with ``own_rest``, look parted: of them
    movement counts alone.
    """
    is_still = _LIMITS["lips_moving"].holds(faces, params)
    if params.max_parted_and_moving is None:
        return is_still
    return pc.and_kleene(is_still, pc.or_kleene(_TOGETHER.holds(faces, params), _are_at_rest(faces, params)))


def _are_at_rest(faces: pa.Table, params: SelectParams) -> pa.ChunkedArray:
    """Return whether the lips of each of ``faces`` are parted no further than at rest, with ``own_rest``.

    That is where the subject never shuts them (``rest_gap`` is above ``min_rest_gap``), and they are apart by little
    more than the smallest gap that it has, up to ``max_rest_gap``.
    """
    if params.resting_mouth == STRICT:
        return pa.chunked_array([pa.repeat(False, len(faces))])
    rest_gap, lip_gap = faces.column("rest_gap"), faces.column("lip_gap")
    most = pc.min_element_wise(pc.add(rest_gap, params.max_above_rest), params.max_rest_gap)
    at_rest = pc.and_(pc.greater(rest_gap, params.min_rest_gap), pc.less_equal(lip_gap, most))
    return pc.fill_null(at_rest, False)


REVIEWED = "reviewed"
REJECTED = "rejected_by_review"
TOO_CLOSE = "too_close"


def select_faces(faces: pa.Table, review: Mapping[str, bool], params: SelectParams) -> pa.ChunkedArray:
    """Return the reason of each face, in the order given: '' or 'reviewed' for a standard face, else why it is none.

    ``faces`` has the columns of FaceMeasures, and all faces of each of its clips. ``review`` holds overrides by face
    id, which precede all thresholds. Of the other faces of one clip that pass every threshold, the most standard is
    taken first; one closer in time than ``min_apart_s`` to a taken one, or to one that an override accepts, is
    ``too_close``; the faces of several people in a still picture are not.
    """
    reviewed = _by_review(faces.column("face_id"), review)
    reasons = pc.coalesce(reviewed, missed_thresholds(faces, params))
    taken_s: dict[str, list[float]] = defaultdict(list)
    accepted = faces.filter(pc.fill_null(pc.equal(reviewed, REVIEWED), False))
    for clip_id, time_s in _clips_and_times(accepted):
        taken_s[clip_id].append(time_s)
    order = _most_standard_first(faces, pc.equal(reasons, ""))
    is_near = np.zeros(len(faces), np.bool_)
    is_picture = pc.equal(faces.column("sampled_by"), OF_PICTURE).to_numpy()
    for row, (clip_id, time_s) in zip(order.to_numpy(), _clips_and_times(faces.take(order)), strict=True):
        if is_picture[row] or is_apart(time_s, taken_s[clip_id], params.min_apart_s):
            taken_s[clip_id].append(time_s)
        else:
            is_near[row] = True
    return pc.if_else(pa.array(is_near), TOO_CLOSE, reasons)


def _most_standard_first(faces: pa.Table, is_chosen: pa.ChunkedArray) -> pa.Array:
    """Return the rows of the chosen faces, those without standardness last, ties by face id."""
    keys = [("standardness", "descending"), ("face_id", "ascending")]
    order = pc.sort_indices(faces.select(["standardness", "face_id"]), sort_keys=keys)
    return order.filter(pc.take(is_chosen, order).combine_chunks())


def _clips_and_times(faces: pa.Table) -> Iterator[tuple[str, float]]:
    return zip(faces.column("clip_id").to_pylist(), faces.column("time_s").to_pylist(), strict=True)


def _by_review(face_ids: pa.ChunkedArray, review: Mapping[str, bool]) -> pa.ChunkedArray:
    """Return the reason of each face that has an override, else null."""
    if not review:
        return pa.chunked_array([pa.nulls(len(face_ids), pa.string())])
    reasons = pa.array([REVIEWED if is_standard else REJECTED for is_standard in review.values()])
    return pc.take(reasons, pc.index_in(face_ids, value_set=pa.array(list(review))))
