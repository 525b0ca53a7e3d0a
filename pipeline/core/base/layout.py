"""Paths of all files, relative to the root of the checkout; dvc.yaml has the same paths."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.base.params import PARAMS_FILE


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths under ``root``; the default is the current folder, which DVC makes the root of its copy."""

    root: Path = Path()

    @property
    def params(self) -> Path:
        """params.yaml."""
        return self.root / PARAMS_FILE

    @property
    def inputs(self) -> Path:
        """The state of each source's input, by which DVC knows whether it has changed; JSON."""
        return self.root / "manifests" / "inputs.json"

    def listed(self, dataset: str) -> Path:
        """Return the manifest of Clip as the source lists them."""
        return self._set(dataset) / "listed.parquet"

    def clips(self, dataset: str) -> Path:
        """Return the manifest of Clip that all stages after download read: long ones are in parts."""
        return self._set(dataset) / "clips.parquet"

    def media(self, dataset: str) -> Path:
        """Return the manifest of Media."""
        return self._set(dataset) / "media.parquet"

    def frames(self, dataset: str) -> Path:
        """Return the manifest of Frame."""
        return self._set(dataset) / "frames.parquet"

    def tracks(self, dataset: str) -> Path:
        """Return the manifest of Track."""
        return self._set(dataset) / "tracks.parquet"

    def shots(self, dataset: str) -> Path:
        """Return the manifest of Shot."""
        return self._set(dataset) / "shots.parquet"

    def track_faces(self, dataset: str) -> Path:
        """Return the manifest of TrackFace."""
        return self._set(dataset) / "track_faces.parquet"

    def fingerprints(self, dataset: str) -> Path:
        """Return the manifest of Fingerprint."""
        return self._set(dataset) / "fingerprints.parquet"

    def agreement(self, dataset: str) -> Path:
        """Return the manifest of Agreement."""
        return self._set(dataset) / "agreement.parquet"

    def voice_embeddings(self, dataset: str) -> Path:
        """Return the manifest of VoiceEmbedding."""
        return self._set(dataset) / "voice_embeddings.parquet"

    def active_speakers(self, dataset: str) -> Path:
        """Return the manifest of ActiveSpeaker."""
        return self._set(dataset) / "active_speakers.parquet"

    def stretch_sounds(self, dataset: str) -> Path:
        """Return the manifest of StretchSound."""
        return self._set(dataset) / "stretch_sounds.parquet"

    def turns(self, dataset: str) -> Path:
        """Return the manifest of Turn."""
        return self._set(dataset) / "turns.parquet"

    def track_embeddings(self, dataset: str) -> Path:
        """Return the manifest of TrackEmbedding."""
        return self._set(dataset) / "track_embeddings.parquet"

    def subject_tracks(self, dataset: str) -> Path:
        """Return the manifest of SubjectTrack."""
        return self._set(dataset) / "subject_tracks.parquet"

    def subjects(self, dataset: str) -> Path:
        """Return the manifest of Subject."""
        return self._set(dataset) / "subjects.parquet"

    def subject_embeddings(self, dataset: str) -> Path:
        """Return the manifest of SubjectEmbedding."""
        return self._set(dataset) / "subject_embeddings.parquet"

    def released_faces(self, dataset: str) -> Path:
        """Return the manifest of DatasetFace of a dataset that was released built."""
        return self._set(dataset) / "released_faces.parquet"

    def released_segments(self, dataset: str) -> Path:
        """Return the manifest of DatasetSegment of a dataset that was released built."""
        return self._set(dataset) / "released_segments.parquet"

    @property
    def selected_faces(self) -> Path:
        """The manifest of SelectedFace, of all datasets.

        It is not in the folder of the datasets' other manifests: stages that depend on all of those do not depend on
        thresholds.
        """
        return self.root / "manifests" / "selected_faces.parquet"

    @property
    def ledgers(self) -> Path:
        """The folder of all ledgers."""
        return self.root / "manifests" / "ledger"

    def ledger(self, stage: str, dataset: str | None = None) -> Path:
        """Return the manifest of LedgerRow of one stage; without a dataset, of a stage that runs once for all."""
        return self.ledgers / (dataset or "") / f"{stage}.parquet"

    def review(self, dataset: str) -> Path:
        """Return the table of overrides on faces; it need not exist."""
        return self.root / "manifests" / "review" / f"{dataset}.csv"

    @property
    def person_overrides(self) -> Path:
        """The table of overrides on identities and clips; it need not exist."""
        return self.root / "manifests" / "review" / "persons.csv"

    @property
    def persons(self) -> Path:
        """The manifest of Person."""
        return self.root / "manifests" / "persons.parquet"

    @property
    def subject_persons(self) -> Path:
        """The manifest of SubjectPerson."""
        return self.root / "manifests" / "subject_persons.parquet"

    @property
    def person_evidence(self) -> Path:
        """The manifest of PersonEvidence."""
        return self.root / "manifests" / "person_evidence.parquet"

    @property
    def leakage(self) -> Path:
        """The leakage audit's checks and findings, JSON."""
        return self.root / "manifests" / "leakage.json"

    @property
    def recognition_network(self) -> Path:
        """The weights of the face recognition network, safetensors."""
        return self.root / "data" / "recognition_network" / "weights.safetensors"

    @property
    def recognition_network_note(self) -> Path:
        """The note on the face recognition network: what it is, and its metrics; JSON."""
        return self.root / "manifests" / "recognition_network.json"

    def labels(self, dataset: str) -> Path:
        """Return the manifest of Label."""
        return self.root / "manifests" / "labels" / dataset / "embeddings.parquet"

    def dataset(self, name: str) -> Path:
        """Return one of the finished dataset's files (Parquet); ``name``: identities, faces, audio or pairs."""
        return self.root / "manifests" / "dataset" / f"{name}.parquet"

    @property
    def stats(self) -> Path:
        """The finished dataset's counts, JSON."""
        return self.root / "manifests" / "dataset" / "stats.json"

    @property
    def dataset_headlines(self) -> Path:
        """Those of the counts that ``dvc exp show`` has as columns, JSON."""
        return self.root / "manifests" / "dataset" / "headlines.json"

    def media_folder(self, dataset: str) -> Path:
        """Return the folder of media files."""
        return self.root / "data" / "media" / dataset

    def checked_media(self, dataset: str) -> Path:
        """Return the manifest of CheckedFile: the media files as they were when they were last found to be right."""
        return self.root / "data" / "media" / ".checked" / f"{dataset}.parquet"

    def faces_folder(self, dataset: str) -> Path:
        """Return the folder of shards of Face."""
        return self.root / "data" / "faces" / dataset

    def expressions(self, dataset: str) -> Path:
        """Return the manifest of FaceExpression."""
        return self.root / "data" / "expressions" / f"{dataset}.parquet"

    def face_videos_folder(self, dataset: str) -> Path:
        """Return the folder of face videos, and of ``videos.parquet``, their manifest of FaceVideo."""
        return self.root / "data" / "face_videos" / dataset

    def audio_folder(self, dataset: str) -> Path:
        """Return the folder of shards of Segment."""
        return self.root / "data" / "audio" / dataset

    def model(self, name: str) -> Path:
        """Return the trained weights of one network: voice, audio_face or generator; safetensors."""
        return self.root / "data" / "models" / f"{name}.safetensors"

    def model_note(self, name: str) -> Path:
        """Return the note on that network: what it is, its training data and its metrics; JSON."""
        return self.root / "manifests" / "models" / f"{name}.json"

    def training_folder(self, stage: str) -> Path:
        """Return the folder of one training's losses and sample grids, as DVCLive writes them."""
        return self.root / "data" / "training" / stage

    @property
    def metrics(self) -> Path:
        """The evaluation's metrics, JSON."""
        return self.root / "metrics.json"

    @property
    def evaluation_headlines(self) -> Path:
        """Those of the metrics that ``dvc exp show`` has as columns, JSON."""
        return self.root / "manifests" / "evaluation" / "headlines.json"

    def evaluation(self, name: str) -> Path:
        """Return one table of the evaluation, Parquet."""
        return self.root / "manifests" / "evaluation" / f"{name}.parquet"

    @property
    def evaluation_folder(self) -> Path:
        """The folder of inpainted faces, grids and plots."""
        return self.root / "data" / "evaluation"

    @property
    def report(self) -> Path:
        """The report on the run, HTML."""
        return self.root / "report" / "index.html"

    def _set(self, dataset: str) -> Path:
        return self.root / "manifests" / "sets" / dataset
