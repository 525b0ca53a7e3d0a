"""A run's files, made by hand for every stage: two persons with hostile names, tiny pictures."""

import csv
import json
import wave
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core.base.arrays import ImageRGB
from pipeline.core.base.images import encode_png
from pipeline.core.base.layout import Layout
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import NO_CROP, Clip
from pipeline.core.records.dataset import DatasetFace, DatasetSegment, Identity, Pair
from pipeline.core.records.evaluation import InpaintedImage, MapPoint, RetrievedFace
from pipeline.core.records.face import CANDIDATE, RANDOM, Face, SelectedFace
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.media import Media
from pipeline.core.records.person import TEST, TRAIN
from pipeline.core.records.schema import Image, column_names, to_table
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import main_subject_id
from pipeline.core.storage.manifest import write_manifest
from pipeline.core.storage.shards import write_shards
from pipeline.dataset.table1 import count, totals
from pipeline.face.crops.verify import VERIFIED_COLUMNS

SET = "one"
HOSTILE = "<script>alert(1)</script>"
QUOTED = "o\"x' onerror=alert(1) & <b>ana"
PERSONS = ((HOSTILE, TRAIN), (QUOTED, TEST))
FACES_PER_CLIP = 3
SIDE_PX = 48
RATE_HZ = 16_000
N_MELS, N_FRAMES, N_VALID = 8, 40, 30
DROPPED = f"{SET}/dark"
PARAMS = f"datasets: [{SET}]\nsources: {{{SET}: {{kind: folder}}}}\n"


def clip_of(person: str) -> str:
    return f"{SET}/{person}-000"


def face_of(person: str, number: int) -> str:
    return f"{clip_of(person)}-t00-{number:08d}"


def segment_of(person: str) -> str:
    return f"{clip_of(person)}-a00000500"


def picture(seed: int, side_px: int = SIDE_PX) -> ImageRGB:
    return np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), np.uint8)


def make_data(at: Layout, address: str = "file:clip.mp4") -> None:
    """Write the files of the stages up to ``dataset``, of clips at ``address``; their media is missing."""
    at.root.mkdir(parents=True, exist_ok=True)
    at.params.write_text(PARAMS, encoding="utf-8")
    _make_clips(at, address)
    _make_faces(at)
    write_segments(at)
    _make_dataset(at)
    write_json(
        at.recognition_network_note, {"recognition_network": f"given-{HOSTILE}", "sha256": "0", "embedding_size": 6}
    )
    checks = [{"what": "person", "n_compared": 2, "n_unseen": 1, "leaks": [], "note": HOSTILE}]
    shares = {SET: {"persons": 2, "test_persons": 1, "test_share": 0.5}}
    write_json(at.leakage, {"passes": True, "checks": checks, "test_share": shares})


def make_training(at: Layout) -> None:
    """Write the files of the three trainings."""
    for stage, name in (("pretrain_voice", "voice"), ("pretrain_audio_face", "audio_face"), ("train", "generator")):
        note = {name: f"trained-here-{HOSTILE}", "n_parameters": 1234567, "training": {"losses": {"face": 0.123456}}}
        write_json(at.model_note(name), note)
        write_curve(at.training_folder(stage) / "plots" / "metrics" / "train" / "face_loss.tsv", [(1, 0.5), (9, 0.25)])
    pictures = at.training_folder("train") / "pictures"
    pictures.mkdir()
    for step in range(5):
        (pictures / f"{step:09d}.png").write_bytes(encode_png(picture(step)))


def make_evaluation(at: Layout) -> None:
    """Write the files of ``evaluate``; the test person's first face retrieves one of the other person's."""
    value = {"value": 21.4567, "low": 20.5, "high": 22.25, "n": 3}
    missing = {"value": 30.0, "low": None, "high": None, "n": 2}
    overall = {"psnr": value, "landmark_px": missing, "acc@1": value, "true_acc@1": value, "unheard_of": missing}
    content = {
        "psnr": 21.4567,
        "n_faces": 3,
        "retrieval": {"acc@1": value},
        "swap": {"similarity_gain": value},
        "unavailable": {"lpips": f"evaluate.networks.lpips is null {HOSTILE}"},
        "notes": {"identity_network": "recognition"},
        "overall": overall,
        SET: overall,
    }
    write_json(at.metrics, content)
    folder = at.evaluation_folder
    query, nearest = face_of(QUOTED, 0), face_of(HOSTILE, 0)
    write_manifest(
        folder / "inpainted.parquet", InpaintedImage, [inpainted_image(QUOTED, number) for number in range(3)]
    )
    write_manifest(
        folder / "retrieval.parquet",
        RetrievedFace,
        [
            RetrievedFace(
                retrieved_id=f"{query}#{rank:02d}",
                query_id=query,
                dataset=SET,
                person_id=QUOTED,
                rank=rank,
                face_id=retrieved,
                retrieved_person_id=person,
                distance=float(rank),
            )
            for rank, (retrieved, person) in enumerate(((nearest, HOSTILE), (face_of(QUOTED, 1), QUOTED)), start=1)
        ],
    )
    write_manifest(
        folder / "tsne.parquet",
        MapPoint,
        [
            MapPoint(
                point_id=f"{face_of(QUOTED, number)}{'+inpainted' * is_inpainted}",
                face_id=face_of(QUOTED, number),
                dataset=SET,
                person_id=QUOTED,
                is_inpainted=is_inpainted,
                x=float(number + is_inpainted),
                y=float(number),
            )
            for number in range(3)
            for is_inpainted in (False, True)
        ],
    )
    (folder / "swap.png").write_bytes(encode_png(picture(9, 200)))


def inpainted_image(person: str, number: int) -> InpaintedImage:
    mask = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    mask[10:20, 10:20] = 255
    face_id = face_of(person, number)
    return InpaintedImage(
        face_id=face_id,
        dataset=SET,
        person_id=person,
        segment_id=segment_of(person),
        image=Image(encode_png(picture(number)), "inpainted.png"),
        mask=Image(encode_png(mask), "mask.png"),
        audio_face=None,
    )


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_curve(path: Path, points: Iterable[tuple[int, float]]) -> None:
    """Write a curve as DVCLive does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["step", path.stem])
        writer.writerows(points)


def write_ledger(at: Layout, stage: str, dataset: str | None, ends: Iterable[tuple[str, Dropped | None]]) -> None:
    write_manifest(at.ledger(stage, dataset), LedgerRow, [ledger_row(stage, item, end) for item, end in ends])


def _make_clips(at: Layout, address: str) -> None:
    clips = [*(clip_of(person) for person, _ in PERSONS), DROPPED]
    write_manifest(
        at.clips(SET),
        Clip,
        [
            Clip(
                clip_id=clip_id,
                dataset=SET,
                identity=HOSTILE,
                address=address,
                start_s=None,
                end_s=None,
                licence=f"ask {HOSTILE}",
                origin="made up",
                content_hash="",
                **NO_CROP,
                published_split="",
                range_fps=None,
            )
            for clip_id in clips
        ],
    )
    ends: dict[str, Dropped | None] = dict.fromkeys(clips)
    write_ledger(at, "sources", SET, ends.items())
    write_ledger(at, "download", SET, (ends | {DROPPED: Dropped.failed("undecodable", HOSTILE)}).items())
    del ends[DROPPED]
    write_ledger(at, "detect", SET, ends.items())
    write_ledger(at, "crop", SET, (ends | {clip_of(HOSTILE): Dropped.filtered("too_small")}).items())


def _make_faces(at: Layout) -> None:
    rows = {clip_of(person): [_face(person, number) for number in range(FACES_PER_CLIP)] for person, _ in PERSONS}

    def rows_of(clip_id: str) -> pa.Table:
        return to_table(Face, rows[clip_id])

    write_shards(at.faces_folder(SET), Face, list(rows), rows_of)
    kept = [name for name in column_names(SelectedFace) if name not in ("is_standard", "is_resting", "reason")]
    selected = [
        SelectedFace(
            **{name: getattr(face, name) for name in kept},
            is_standard=number > 0,
            is_resting=False,
            reason="" if number else "yaw",
        )
        for faces in rows.values()
        for number, face in enumerate(faces)
    ]
    write_manifest(at.selected_faces, SelectedFace, selected)


def _face(person: str, number: int) -> Face:
    numbers = dict.fromkeys(
        (
            *("time_s", "yaw_deg", "pitch_deg", "roll_deg", "asymmetry", "lip_opening", "eye_opening", "eye_share"),
            *("sharpness", "brightness", "interocular_px", "score", "inside_share", "true_interocular_px"),
        ),
        0.0,
    )
    unknown = ("standardness", "lip_opening_max", "mouth_rise", "lip_motion", "mouth_change", "eye_change")
    unknown += VERIFIED_COLUMNS
    return Face(
        face_id=face_of(person, number),
        clip_id=clip_of(person),
        subject_id=main_subject_id(clip_of(person)),
        track_id=f"{clip_of(person)}-t00",
        sampled_by=CANDIDATE if number == 2 else RANDOM,
        image_sha256="",
        image=Image(encode_png(picture(100 + number)), "face.png"),
        landmarks_px=np.zeros(136, np.float32),
        alignment=np.zeros(6, np.float32),
        **numbers,
        **dict.fromkeys(unknown),
    )


def write_segments(at: Layout, *, av_correction_s: float = 0.0) -> None:
    """Write a segment of each person."""

    def rows_of(clip_id: str) -> pa.Table:
        person = next(person for person, _ in PERSONS if clip_of(person) == clip_id)
        return to_table(Segment, [replace(made_segment(person), av_correction_s=av_correction_s)])

    write_shards(at.audio_folder(SET), Segment, [clip_of(person) for person, _ in PERSONS], rows_of)


def made_segment(person: str) -> Segment:
    log_mel = np.linspace(-3, 4, N_MELS * N_FRAMES, dtype=np.float32)
    return Segment(
        segment_id=segment_of(person),
        clip_id=clip_of(person),
        subject_id=main_subject_id(clip_of(person)),
        start_s=0.5,
        end_s=1.5,
        voiced_s=0.8,
        n_valid_frames=N_VALID,
        level_dbfs=-20.0,
        clipped_share=0.0,
        face_seen_share=1.0,
        n_turns=1,
        skipped_s=0.0,
        turn_log_odds=None,
        overlap_share=None,
        music_share=None,
        sound_channel="mix",
        av_correction_s=0.0,
        profile="paper",
        n_mels=N_MELS,
        n_frames=N_FRAMES,
        log_mel=log_mel,
    )


def make_media(at: Layout, person: str, samples: NDArray[np.int16]) -> Path:
    """Write and list a file of sound as the media of the person's clip; return its path."""
    file = at.root / "media.wav"
    write_wav(file, samples)
    media = Media(
        kind="video",
        clip_id=clip_of(person),
        path=file.name,
        sha256="0" * 64,
        size_bytes=1,
        duration_s=2.0,
        width_px=64,
        height_px=64,
        rotation_deg=0,
        is_mirrored=False,
        pixel_aspect=1.0,
        colour_matrix="bt709",
        colour_transfer="sdr",
        colour_range="video",
        is_interlaced=False,
        fps=25.0,
        n_frames_stated=50,
        video_codec="h264",
        has_audio=True,
        audio_codec="aac",
        audio_rate_hz=16000,
        has_jumps=False,
        cut_start_s=None,
        range_scale=1.0,
        tool="file",
        format_id=None,
        uploader=None,
        fetched_on=None,
    )
    write_manifest(at.media(SET), Media, [media])
    return file


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as writer:
        writer.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        writer.writeframes(samples.tobytes())


def _make_dataset(at: Layout) -> None:
    identities, faces, segments, pairs = [], [], [], []
    for person, split in PERSONS:
        owned = {"dataset": SET, "person_id": person, "split": split}
        of_clip = owned | {"clip_id": clip_of(person)}
        faces += [
            DatasetFace(
                face_id=face_of(person, number),
                sampled_by=CANDIDATE if number == 2 else RANDOM,
                is_standard=number > 0,
                is_labelled=True,
                shard=f"data/faces/{SET}/shard-00000-of-00001.parquet",
                **of_clip,
            )
            for number in range(FACES_PER_CLIP)
        ]
        segments.append(
            DatasetSegment(
                segment_id=segment_of(person),
                voiced_s=0.8,
                n_valid_frames=N_VALID,
                face_seen_share=1.0,
                av_covered_s=1.0,
                av_zscore=None,
                turn_log_odds=None,
                overlap_share=None,
                music_share=None,
                shard=f"data/audio/{SET}/shard-00000-of-00001.parquet",
                **of_clip,
            )
        )
        counts = {"n_clips": 1, "n_faces": 2, "n_standard_faces": 2, "n_segments": 1, "n_pairs": 2}
        identities.append(Identity(dataset_person=f"{SET}/{person}", **owned, **counts))
        pairs += [
            Pair(
                pair_id=f"{face_of(person, number)}+{segment_of(person)}",
                face_id=face_of(person, number),
                segment_id=segment_of(person),
                same_clip=True,
                **owned,
            )
            for number in (1, 2)
        ]
    write_manifest(at.dataset("identities"), Identity, identities)
    write_manifest(at.dataset("faces"), DatasetFace, faces)
    write_manifest(at.dataset("audio"), DatasetSegment, segments)
    write_manifest(at.dataset("pairs"), Pair, pairs)
    counts = count(identities, [SET])
    write_json(at.stats, {**counts, "total": {**totals(counts), "pairs": len(pairs)}})
