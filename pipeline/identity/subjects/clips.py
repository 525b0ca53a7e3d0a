"""The subjects of every clip of a dataset and their turns, from its manifests of tracks, shots and embeddings."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from pipeline.audio.segment import Interval, StretchShares, shares_within
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import OK, Dropped
from pipeline.core.records.frame import Frame
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.schema import from_table
from pipeline.core.records.subject import StretchSound, Subject, SubjectTrack, TrackEmbedding, Turn, VoiceEmbedding
from pipeline.core.records.track import ActiveSpeaker, Agreement, Shot, Track
from pipeline.core.storage.atomic import scratch_folder
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.manifest import RowSpool, write_manifest, write_tables
from pipeline.identity.subjects.heard_alone import HeardAlone
from pipeline.identity.subjects.in_crop import FRAME_COLUMNS, read_crops, tracks_in
from pipeline.identity.subjects.link import ClipSubjects, subjects_of
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.stretches import stretches
from pipeline.identity.subjects.turns import ClipEvidence, turns_of, whole_clip_turn

_NO_LIMIT = 1.0  # where nothing is embedded, nothing is compared


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embeddings of one clip's tracks and of the voices in it, and what else sounds."""

    tracks: list[TrackEmbedding]
    voices: list[VoiceEmbedding]
    sounds: list[StretchSound] = field(default_factory=list)
    active: list[ActiveSpeaker] = field(default_factory=list)


EmbeddedOf = Callable[[str], Embedded]
"""Returns the embeddings of a clip, by id; none of a clip of one track and one shot."""


def with_shares(turns: Iterable[Turn], sounds: Iterable[StretchSound]) -> list[Turn]:
    """Return ``turns`` with the shares of overlapping voices and music of one clip's ``sounds``."""
    stretches = [StretchShares(one.start_s, one.end_s, one.overlap_share, one.music_share) for one in sounds]
    shares = ((turn, shares_within([(turn.start_s, turn.end_s)], stretches)) for turn in turns)
    return [replace(turn, overlap_share=overlap, music_share=music) for turn, (overlap, music) in shares]


class DatasetSubjects:
    """The subjects and turns of all clips that have tracks, computed clip by clip."""

    def __init__(self, dataset: str, embedded_of: EmbeddedOf, params: SubjectsParams, at: Layout) -> None:
        self._dataset, self._at = dataset, at
        self._tracks = ClipRows(at.tracks(dataset), Track)
        self._shots = ClipRows(at.shots(dataset), Shot)
        self._agreement = ClipRows(at.agreement(dataset), Agreement)
        self._embedded_of = embedded_of
        self._params = params
        self.n_clips = self.n_subjects = self.n_turns = 0
        """Clips with a subject, subjects, and turns; known once all is written."""

    def write(self, ends: Iterable[LedgerRow]) -> None:
        """Write the manifests of SubjectTrack, Subject and Turn, and the ledger: of subjects, and of clips that failed.

        Clips of sound alone have one subject and one turn.

        ``ends``: how the clips ended whose tracks and voices were to be embedded.
        """
        at, dataset = self._at, self._dataset
        paths: Mapping[type, Path] = {
            SubjectTrack: at.subject_tracks(dataset),
            Subject: at.subjects(dataset),
            Turn: at.turns(dataset),
        }
        with scratch_folder(at.subjects(dataset).with_name("subject_rows")) as folder:
            spools = {record: RowSpool(folder / record.__name__, record) for record in paths}
            ledger = RowSpool(folder / LedgerRow.__name__, LedgerRow)
            heard_alone = HeardAlone(dataset, at)
            for clip_id, crop in read_crops(dataset, at):
                in_crop = None
                if (heard := heard_alone.of(clip_id)) is not None:
                    linked, turns = heard[0], with_shares(heard[1], self._embedded_of(clip_id).sounds)
                elif len(self._tracks.of(clip_id)):
                    in_crop = None if crop is None else tracks_in(crop, self._frames.of(clip_id))
                    linked, turns = self._of(clip_id, in_crop)
                else:
                    continue
                for kind, rows in ((SubjectTrack, linked.tracks), (Subject, linked.subjects), (Turn, turns)):
                    spools[kind].add(rows)
                ledger.add(self._ledger(linked, in_crop))
                self.n_clips += 1
                self.n_subjects += len(linked.subjects)
                self.n_turns += len(turns)
            for record, path in paths.items():
                write_tables(path, record, spools[record].tables())
            failed = (row for row in ends if row.status != OK)
            of_subjects = (row for table in ledger.tables() for row in from_table(LedgerRow, table))
            write_manifest(at.ledger("subjects", dataset), LedgerRow, chain(failed, of_subjects))

    @cached_property
    def _frames(self) -> ClipRows:
        """Where the tracks are: of clips with a published crop only."""
        return ClipRows(self._at.frames(self._dataset), Frame, FRAME_COLUMNS)

    def _of(self, clip_id: str, in_crop: Collection[str] | None) -> tuple[ClipSubjects, list[Turn]]:
        tracks = from_table(Track, self._tracks.of(clip_id))
        embedded = self._embedded_of(clip_id)
        vectors = {one.track_id: np.asarray(one.embedding, np.float64) for one in embedded.tracks}
        limit = self._params.limit_of(embedded.tracks[0].network) if embedded.tracks else _NO_LIMIT
        most = self._params.max_spherical_variance
        mixed = [one.track_id for one in embedded.tracks if one.spherical_variance > most]
        linked = subjects_of(tracks, vectors, limit, self._params, mixed, in_crop)
        turns = with_shares(self._turns(clip_id, tracks, linked, embedded), embedded.sounds)
        return linked, sorted(turns, key=lambda turn: turn.turn_id)

    def _turns(self, clip_id: str, tracks: list[Track], linked: ClipSubjects, embedded: Embedded) -> list[Turn]:
        shots = from_table(Shot, self._shots.of(clip_id))
        if not shots:  # a still picture
            return []
        if len(shots) == 1 and len(linked.subjects) == 1 and linked.subjects[0].is_main:
            return [whole_clip_turn(linked.subjects[0], (shots[0].start_s, shots[0].end_s))]
        place_of = {subject.subject_id: place for place, subject in enumerate(linked.subjects)}
        subject_of = {row.track_id: place_of[row.subject_id] for row in linked.tracks}
        seen_s: dict[int, list[Interval]] = defaultdict(list)
        for track in tracks:
            seen_s[subject_of[track.track_id]].append((track.start_s, track.end_s))
        # A stretch that is not measured has no sound. Without a network, or with sound that does not decode, all count.
        parts_s = [(one.start_s, one.end_s) for one in embedded.sounds] or [
            *chain(*stretches(((shot.start_s, shot.end_s) for shot in shots), self._params.stretch_s))
        ]
        part_at = {start_s: place for place, (start_s, _) in enumerate(parts_s)}
        evidence = ClipEvidence(
            subjects=linked.subjects,
            seen_s=[seen_s[place] for place in range(len(linked.subjects))],
            subject_of=subject_of,
            agreements=from_table(Agreement, self._agreement.of(clip_id)),
            stretches_s=parts_s,
            voices={part_at[one.start_s]: np.asarray(one.embedding, np.float64) for one in embedded.voices},
            voice_changes=[one.voice_change for one in embedded.sounds],
            active=embedded.active,
        )
        return turns_of(evidence, self._params)

    def _ledger(self, linked: ClipSubjects, in_crop: Collection[str] | None) -> Iterator[LedgerRow]:
        inside = {row.subject_id for row in linked.tracks if in_crop is None or row.track_id in in_crop}
        for subject in linked.subjects:
            end = None
            if not subject.is_taken:
                end = self._not_taken(subject, is_inside=subject.subject_id in inside, has_crop=in_crop is not None)
            yield ledger_row("subjects", subject.subject_id, end)

    def _not_taken(self, subject: Subject, *, is_inside: bool, has_crop: bool) -> Dropped:
        seen = f"seen for {subject.seen_s:.1f} s"
        if not is_inside:
            return Dropped.filtered("not_in_crop", f"{seen}, outside the published crop")
        reason = "not_main_subject" if has_crop or self._params.people == "one" else "seen_briefly"
        return Dropped.filtered(reason, seen)
