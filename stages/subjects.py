"""Link every clip's tracks to persons by their faces, choose the main one, and decide when each of them speaks."""

from pathlib import Path

from pipeline.core.base.errors import WeightsUnavailable
from pipeline.core.base.layout import Layout
from pipeline.core.base.params import load_params, read_section
from pipeline.core.records.schema import from_table
from pipeline.core.records.subject import StretchSound, TrackEmbedding, VoiceEmbedding
from pipeline.core.records.track import ActiveSpeaker
from pipeline.core.storage.clip_order import in_row_order
from pipeline.core.storage.manifest import write_tables
from pipeline.engine.run import StepRun, run_step
from pipeline.engine.settings import read_settings
from pipeline.engine.step import Step
from pipeline.identity.network.recogniser import NamedRecogniser, named_recogniser, network_name
from pipeline.identity.network.subject_embedding import RecogniseParams
from pipeline.identity.network.voice_network import VoiceNetwork
from pipeline.identity.sound.event_network import EventNetwork
from pipeline.identity.sound.overlap_network import OverlapNetwork
from pipeline.identity.subjects.clips import DatasetSubjects, Embedded, EmbeddedOf
from pipeline.identity.subjects.embedding import ClipEmbedder, TrackedClip, read_tracked_clips
from pipeline.identity.subjects.settings import SubjectsParams
from pipeline.identity.subjects.sound import SoundNetworks
from pipeline.identity.subjects.voices import VoiceEmbedder
from pipeline.speaker.active_speaker import ActiveSpeakerNetwork
from pipeline.speaker.light_asd import LightAsd
from pipeline.weights.fetch import find_weights

VERSION = 7  # of what this step returns: raise it whenever the same input gives another result


def main(dataset: str, at: Layout = Layout()) -> None:
    """Run the stage for ``dataset``."""
    params = load_params(SubjectsParams, "subjects", at.params)
    run = _embed(dataset, params, at)
    found = DatasetSubjects(dataset, _by_clip(run), params, at)
    found.write(run.ledger())
    print(f"subjects@{dataset}: {found.n_subjects} subjects in {found.n_clips} clips, {found.n_turns} turns")


def _embed(dataset: str, params: SubjectsParams, at: Layout) -> StepRun[TrackedClip]:
    """Embed tracks and voices of all clips that have several tracks or shots, and write the embeddings.

    Where faces are embedded, of the other clips the voice: persons of different clips are compared by both.
    """
    faces, voices = _face_network(dataset, at), _voice_network(dataset, params)
    sounds, sound_names = _sound_networks(dataset, params)
    active = _active_speaker_network(dataset, params)
    names = {
        "faces": None if faces is None else faces.key,
        "voices": None if voices is None else voices.name,
        **sound_names,
        "active_speaker": None if active is None else active.name,
    }
    step = Step(
        name="subjects",
        version=VERSION,
        params=names,
        function=ClipEmbedder(faces, voices, sounds, active),
        item_id=lambda item: item.clip.clip_id,
        inputs=lambda item: item.content,
    )
    voice_s = None if faces is None or voices is None else params.voice_s
    items = read_tracked_clips(dataset, params, at, voice_s, all_sound=sounds != SoundNetworks())
    run = run_step(step, items, read_settings(), title=f"subjects@{dataset}", checkout=at.root)
    ok_ids = run.ok_ids
    tracks = in_row_order(TrackEmbedding, ok_ids, lambda clip_id: run.rows(clip_id, TrackEmbedding))
    write_tables(at.track_embeddings(dataset), TrackEmbedding, tracks)
    stretches = in_row_order(VoiceEmbedding, ok_ids, lambda clip_id: run.rows(clip_id, VoiceEmbedding))
    write_tables(at.voice_embeddings(dataset), VoiceEmbedding, stretches)
    sounds_of_clips = in_row_order(StretchSound, ok_ids, lambda clip_id: run.rows(clip_id, StretchSound))
    write_tables(at.stretch_sounds(dataset), StretchSound, sounds_of_clips)
    scores = in_row_order(ActiveSpeaker, ok_ids, lambda clip_id: run.rows(clip_id, ActiveSpeaker))
    write_tables(at.active_speakers(dataset), ActiveSpeaker, scores)
    return run


def _by_clip(run: StepRun[TrackedClip]) -> EmbeddedOf:
    embedded = frozenset(run.ok_ids)

    def of_clip(clip_id: str) -> Embedded:
        if clip_id not in embedded:
            return Embedded([], [])
        return Embedded(
            tracks=from_table(TrackEmbedding, run.rows(clip_id, TrackEmbedding)),
            voices=from_table(VoiceEmbedding, run.rows(clip_id, VoiceEmbedding)),
            sounds=from_table(StretchSound, run.rows(clip_id, StretchSound)),
            active=from_table(ActiveSpeaker, run.rows(clip_id, ActiveSpeaker)),
        )

    return of_clip


def _face_network(dataset: str, at: Layout) -> NamedRecogniser | None:
    """Return the network of recognise.network; None where there is none, or where talkers are generated."""
    params = load_params(RecogniseParams, "recognise", at.params)
    if params.network is None or (
        not params.generated and read_section(f"sources.{dataset}.kind", at.params) == "synthetic"
    ):
        return None
    try:
        return named_recogniser(params.network, params.threads)
    except WeightsUnavailable as error:
        print(f"subjects@{dataset}: {error} Until then each track is a subject of its own, and all else goes on;")
        print(f"with the file in its place, run 'dvc repro -f -s subjects@{dataset}' and then 'dvc repro'.")
        return None


def _voice_network(dataset: str, params: SubjectsParams) -> VoiceEmbedder | None:
    """Return the network of subjects.voices; None where there is none."""
    found = _weights(dataset, params.voices, "voices are told apart by mouth and sound alone")
    return None if found is None else VoiceEmbedder(VoiceNetwork(found[0]), found[1])


def _sound_networks(dataset: str, params: SubjectsParams) -> tuple[SoundNetworks, dict[str, str | None]]:
    """Return the networks of subjects.overlap and subjects.music, and their names."""
    without_overlap = "voices that sound at once are not found, and stretches do not end at pauses"
    overlap = _weights(dataset, params.overlap, without_overlap)
    music = _weights(dataset, params.music, "music is not found")
    networks = SoundNetworks(
        overlap=None if overlap is None else OverlapNetwork(overlap[0]),
        events=None if music is None else EventNetwork(music[0]),
    )
    names = {"overlap": None if overlap is None else overlap[1], "music": None if music is None else music[1]}
    return networks, names


def _active_speaker_network(dataset: str, params: SubjectsParams) -> ActiveSpeakerNetwork | None:
    """Return the network of subjects.active_speaker; None where there is none."""
    found = _weights(dataset, params.active_speaker, "mouths are compared with the sound alone")
    return None if found is None else ActiveSpeakerNetwork(LightAsd(found[0]), found[1])


def _weights(dataset: str, name: str | None, without: str) -> tuple[Path, str] | None:
    """Return the path of a network's weights and its name; None where it is missing, and say what that means."""
    if name is None:
        return None
    try:
        weights = find_weights(name).absolute()
    except WeightsUnavailable as error:
        print(f"subjects@{dataset}: {error} Until then {without};")
        print(f"with the file in its place, run 'dvc repro -f -s subjects@{dataset}' and then 'dvc repro'.")
        return None
    return weights, network_name(name, weights)
