"""Link the tracks of one clip to subjects: tracks whose faces are alike, and that are never seen at the same time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from pipeline.core.records.subject import Subject, SubjectTrack, main_subject_id, subject_id
from pipeline.core.records.track import Track
from pipeline.core.storage.vectors import Vectors
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.speaker.main_face import main_face, moving_presence

# A track lives on for some frames where another one of the same face begins.
_SAME_TIME_S = 0.2
# Of a clip with more tracks, so many of the greatest presence are linked: memory grows with their square.
MAX_LINKED = 1000


@dataclass(frozen=True, slots=True)
class ClipSubjects:
    """The subjects of one clip, in order of their ids, and the subject of each of its tracks, likewise."""

    subjects: list[Subject]
    tracks: list[SubjectTrack]


def subjects_of(
    tracks: Sequence[Track],
    embeddings: Mapping[str, Vectors],
    same_subject_above: float,
    params: SubjectsParams,
    mixed: Collection[str] = (),
    in_crop: Collection[str] | None = None,
) -> ClipSubjects:
    """Return the subjects of the ``tracks`` of one clip, which are in order of their ids.

    ``embeddings``: of tracks, by id, of length 1; a track without one is a subject of its own. So is a still picture in
    a clip that has other tracks: it may show anybody. And so are the tracks ``mixed``, by id, which show several
    persons: none of them is taken, nor the main one, but where there is no other.

    ``in_crop``: the tracks in the clip's published crop, by id; None: there is no crop. With one, the main subject is
    among those that have a track in it, by what is seen of them there, and none other is taken; with no track in it,
    the clip has no main subject.
    """
    presence = _presence(tracks, mixed)
    is_linked = np.array([one.track_id in embeddings for one in tracks]) & (presence > 0)
    by_presence = sorted(np.flatnonzero(is_linked).tolist(), key=lambda n: -presence[n])
    linked = sorted(by_presence[:MAX_LINKED])
    alike = np.full((len(tracks), len(tracks)), np.nan)
    if linked:
        vectors = np.stack([embeddings[tracks[n].track_id] for n in linked])
        alike[np.ix_(linked, linked)] = vectors @ vectors.T
    members = [
        [linked[n] for n in group]
        for group in linked_groups(
            alike[np.ix_(linked, linked)], _overlaps([tracks[n] for n in linked]), same_subject_above
        )
    ]
    members += [[n] for n in range(len(tracks)) if n not in set(linked)]
    members.sort(key=lambda group: group[0])
    zscores = [_av_zscore([tracks[n] for n in group]) for group in members]
    main = _main(tracks, members, zscores, mixed, in_crop, params)
    order = sorted(range(len(members)), key=lambda number: number != main)
    subjects = [
        _subject(
            subject_id(tracks[0].clip_id, place + (main is None)),
            [tracks[n] for n in members[number]],
            zscores[number],
            params,
            can_be_taken=in_crop is None and bool(presence[members[number]].any()),
        )
        for place, number in enumerate(order)
    ]
    return ClipSubjects(subjects, _subject_tracks(tracks, [members[number] for number in order], subjects, alike))


def _presence(tracks: Sequence[Track], mixed: Collection[str]) -> Vectors:
    """Return the presence of each track; 0 of still pictures and of ``mixed`` ones, unless there are no others."""
    presence = np.array(moving_presence(tracks))
    is_mixed = np.array([one.track_id in mixed for one in tracks])
    if not is_mixed.all():
        presence[is_mixed] = 0.0
    return presence


def _main(
    tracks: Sequence[Track],
    members: Sequence[Sequence[int]],
    zscores: Sequence[float | None],
    mixed: Collection[str],
    in_crop: Collection[str] | None,
    params: SubjectsParams,
) -> int | None:
    """Return the place of the main subject in ``members``; None where no track is in the clip's published crop."""
    inside = [n for n, one in enumerate(tracks) if in_crop is None or one.track_id in in_crop]
    if not inside:
        return None
    presence = np.zeros(len(tracks))
    presence[inside] = _presence([tracks[n] for n in inside], mixed)
    places = [place for place, group in enumerate(members) if not set(group).isdisjoint(inside)]
    of_places = [float(presence[members[place]].sum()) for place in places]
    return places[main_face(of_places, [zscores[place] for place in places], params)]


def linked_groups(alike: Vectors, overlaps: NDArray[np.bool_], limit: float) -> list[list[int]]:
    """Return groups of N tracks by average linkage (Sokal and Michener 1958), each in order.

    The two groups with the greatest mean of ``alike`` (N, N) are joined while it is at least ``limit``; never two that
    ``overlaps`` (N, N), seen at the same time, keeps apart.
    """
    groups = [[n] for n in range(len(alike))]
    sums, apart = alike.astype(np.float64).copy(), overlaps.copy()
    sizes = np.ones(len(alike))
    while len(groups) > 1:
        means = np.where(apart, -inf, sums / np.outer(sizes, sizes))
        means[np.tril_indices(len(groups))] = -inf
        one, other = np.unravel_index(int(np.argmax(means)), means.shape)
        if not means[one, other] >= limit:
            break
        groups[one] = sorted(groups[one] + groups.pop(other))
        sums[one], apart[one] = sums[one] + sums[other], apart[one] | apart[other]
        sums[:, one], apart[:, one] = sums[one], apart[one]
        kept = np.arange(len(sizes)) != other
        sizes[one] += sizes[other]
        sums, apart, sizes = sums[kept][:, kept], apart[kept][:, kept], sizes[kept]
    return groups


def _overlaps(tracks: Sequence[Track]) -> NDArray[np.bool_]:
    starts, ends = np.array([one.start_s for one in tracks]), np.array([one.end_s for one in tracks])
    both_s = np.minimum(ends[:, None], ends) - np.maximum(starts[:, None], starts)
    return np.asarray(both_s > _SAME_TIME_S)


def _av_zscore(tracks: Sequence[Track]) -> float | None:
    known = [(one.av_zscore, one.av_covered_s) for one in tracks if one.av_zscore is not None]
    if len(known) <= 1:  # not times and over its weight, which changes the last bit
        return known[0][0] if known else None
    return sum(zscore * covered_s for zscore, covered_s in known) / sum(covered_s for _, covered_s in known)


def _subject(
    name: str, tracks: Sequence[Track], av_zscore: float | None, params: SubjectsParams, *, can_be_taken: bool
) -> Subject:
    seen_s = sum(one.end_s - one.start_s for one in tracks)
    is_main = name == main_subject_id(tracks[0].clip_id)
    return Subject(
        subject_id=name,
        clip_id=tracks[0].clip_id,
        n_tracks=len(tracks),
        start_s=min(one.start_s for one in tracks),
        end_s=max(one.end_s for one in tracks),
        seen_s=seen_s,
        presence_px2=sum(one.presence_px2 for one in tracks),
        av_covered_s=sum(one.av_covered_s for one in tracks),
        av_zscore=av_zscore,
        is_main=is_main,
        is_taken=is_main or (params.people == "all" and can_be_taken and seen_s >= params.min_seen_s),
    )


def _subject_tracks(
    tracks: Sequence[Track], members: Sequence[Sequence[int]], subjects: Sequence[Subject], alike: Vectors
) -> list[SubjectTrack]:
    rows = []
    for number, group in enumerate(members):
        for n in group:
            others = [_mean(alike[n, other]) for place, other in enumerate(members) if place != number]
            rows.append(
                SubjectTrack(
                    track_id=tracks[n].track_id,
                    clip_id=tracks[n].clip_id,
                    subject_id=subjects[number].subject_id,
                    is_taken=subjects[number].is_taken,
                    own_similarity=_mean(alike[n, [one for one in group if one != n]]),
                    other_similarity=max((one for one in others if one is not None), default=None),
                )
            )
    return sorted(rows, key=lambda row: row.track_id)


def _mean(values: Vectors) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
