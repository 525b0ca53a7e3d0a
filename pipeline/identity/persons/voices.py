"""The voices of subjects: second evidence on persons, beside faces."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.records.subject import Turn, VoiceEmbedding, clip_of
from pipeline.core.storage.clip_rows import ClipRows
from pipeline.core.storage.manifest import iterate_tables
from pipeline.core.storage.vectors import Vectors, mean_direction
from pipeline.identity.persons.embeddings import FaceEmbeddings
from pipeline.identity.persons.parts import Comparison

VoicesOf = Callable[[Sequence[str]], Iterator[tuple[str, Vectors]]]
"""Yields (subject id, (D,) unit voice) of the given subjects that have a voice; they are asked for in id order."""


def no_voices(subject_ids: Sequence[str]) -> Iterator[tuple[str, Vectors]]:
    """Yield nothing: a VoicesOf by which no voices are compared."""
    del subject_ids
    yield from ()


class SubjectVoices:
    """The voices of the subjects of some datasets, read from their manifests as they are asked for.

    A subject's voice is the mean over the stretches of sound that lie in its turns, of unit embeddings, at length 1.
    """

    def __init__(self, datasets: Iterable[str], at: Layout) -> None:
        """Open the manifests; raises BadInput where voices were embedded by several networks."""
        self._datasets, self._at = tuple(datasets), at
        names = sorted({name for dataset in self._datasets for name in _networks(at, dataset)})
        if len(names) > 1:
            listed = ", ".join(f"'{name}'" for name in names)
            raise BadInput(f"voices were embedded by {listed}: those of one network are compared; run 'facevox repro'")

    def __call__(self, subject_ids: Sequence[str]) -> Iterator[tuple[str, Vectors]]:
        """Yield (subject id, voice) of those that have one."""
        for dataset in self._datasets:
            own = [one for one in subject_ids if one.startswith(f"{dataset}/")]
            if not own:
                continue
            turns = ClipRows(self._at.turns(dataset), Turn, ["subject_id", "start_s", "end_s"])
            stretches = ClipRows(self._at.voice_embeddings(dataset), VoiceEmbedding, ["start_s", "end_s", "embedding"])
            for subject_id in own:
                clip_id = clip_of(subject_id)
                of_clip = turns.of(clip_id)
                of_subject = of_clip.filter(pc.equal(of_clip["subject_id"], subject_id))
                voice = _mean_voice(stretches.of(clip_id), of_subject)
                if voice is not None:
                    yield subject_id, voice


def _networks(at: Layout, dataset: str) -> set[str]:
    tables = iterate_tables(at.voice_embeddings(dataset), VoiceEmbedding, ["network"])
    return {name for table in tables for name in pc.unique(table["network"]).to_pylist()}


def _mean_voice(stretches: pa.Table, turns: pa.Table) -> Vectors | None:
    """Return the mean voice of the stretches whose middle lies in a turn; None where none does."""
    middles_s = (stretches["start_s"].to_numpy() + stretches["end_s"].to_numpy()) / 2
    is_own = np.zeros(len(middles_s), np.bool_)
    for start_s, end_s in zip(turns["start_s"].to_pylist(), turns["end_s"].to_pylist(), strict=True):
        is_own |= (start_s <= middles_s) & (middles_s < end_s)
    found = mean_direction(np.array(stretches["embedding"].filter(pa.array(is_own)).to_pylist(), np.float64))
    return None if found is None else found[0].astype(np.float64)


def part_voices(compared: Iterable[Comparison], embeddings: FaceEmbeddings, voices_of: VoicesOf) -> dict[str, Vectors]:
    """Return the mean of the voices of the subjects of each compared part that has any, (D,), by ``Part.subject_id``.

    The product of two is the mean cosine over all pairs of their subjects' voices.
    """
    parts = {part.subject_id: part for one in compared for part in (one.part, one.other)}
    part_of = {embeddings.subject(row).subject_id: name for name, part in parts.items() for row in part.rows.tolist()}
    sums: dict[str, Vectors] = {}
    n_voices: dict[str, int] = {}
    for subject_id, voice in voices_of(sorted(part_of)):
        name = part_of[subject_id]
        sums[name] = sums[name] + voice if name in sums else voice
        n_voices[name] = n_voices.get(name, 0) + 1
    return {name: total / n_voices[name] for name, total in sums.items()}
