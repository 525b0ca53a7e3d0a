"""Rows that a step would return for a clip, made up: from one template a record, with the clip's own ids.

A talker looks into the camera for 6 s at 25 frames a second, in every fourth clip in two shots; two of three faces are
standard faces. Of 50 clips, one has no face, and one a segment without speech. Measures have 200 variants. Pictures
have the size of real ones, but are all the same; log-mels and labels are constant: packed they take no room, unpacked
as much memory as real ones.
"""

import functools
import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.scale.edited import shots_ms, track_face_rows, track_of
from benchmarks.scale.names import CLIPS_PER_PERSON, NETWORK, clip_number, person_number
from pipeline.core.base.images import encode_png
from pipeline.core.base.outcome import Dropped
from pipeline.core.records.clip import Clip
from pipeline.core.records.evidence import SubjectEmbedding
from pipeline.core.records.face import CANDIDATE, RANDOM, Face, FaceMeasures
from pipeline.core.records.frame import Frame
from pipeline.core.records.label import Label
from pipeline.core.records.ledger import LedgerRow, ledger_row
from pipeline.core.records.media import Media
from pipeline.core.records.schema import Image, column_names, to_table
from pipeline.core.records.segment import Segment
from pipeline.core.records.subject import main_subject_id
from pipeline.core.records.track import Agreement, Fingerprint, Shot, Track, TrackFace
from pipeline.speaker.agreement import LAGS_S

N_FRAMES = 150
N_HALVES = 12  # half seconds in which mouth and sound are compared
N_RANDOM, N_FACES = 10, 15
N_MELS, N_COLUMNS = 64, 1000
LABEL_SIZE = 2048  # of the VGGFace2 ResNet-50 at full width
EMBEDDING_SIZE = 128  # of MobileFaceNet
_FACE_PX = 256
_PICTURE_BYTES = 62_000  # the mean of the demo's faces
_FRAME_MS = 40
_SEGMENT_MS = (0, 3000)
_EVERY = 50
_WITHOUT_FACE, _WITHOUT_SPEECH = 7, 13  # of 50 clips
_SPREAD = 1e-3  # measures differ from the template's by at most this share
VARIANTS = 200  # clips whose numbers differ by a multiple of it have the same measures; a multiple of 2 and of 50

Tables: TypeAlias = Mapping[type, pa.Table]


def media_rows(clip: Clip) -> Tables:
    """Return the media of a local file, as if it held a video."""
    media = Media(
        kind="video",
        clip_id=clip.clip_id,
        path=clip.address,
        sha256=clip.content_hash,
        size_bytes=Path(clip.address).stat().st_size,
        duration_s=N_FRAMES * _FRAME_MS / 1000,
        width_px=1280,
        height_px=720,
        rotation_deg=0,
        is_mirrored=False,
        pixel_aspect=1.0,
        colour_matrix="bt709",
        colour_transfer="sdr",
        colour_range="video",
        is_interlaced=False,
        fps=1000 / _FRAME_MS,
        n_frames_stated=N_FRAMES,
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
    return {Media: to_table(Media, [media])}


def observation_rows(clip_id: str) -> Tables | Dropped:
    """Return a clip's frames, its tracks, its shots, and how mouth and sound agree."""
    if clip_number(clip_id) % _EVERY == _WITHOUT_FACE:
        return Dropped.filtered("no_face", "no face is seen for as long as detect.min_track_s")
    shots_of_clip = shots_ms(clip_id, end_ms())
    starts_s, ends_s = ([time_ms / 1000 for time_ms in times] for times in zip(*shots_of_clip, strict=True))
    track_ids = [track_of(clip_id, start_ms) for start_ms, _ in shots_of_clip]
    n_frames = [N_FRAMES // len(track_ids)] * len(track_ids)
    tracks = {"track_id": track_ids, "start_s": starts_s, "end_s": ends_s, "n_frames": n_frames}
    shots = {"shot_id": [f"{clip_id}-c{n:04d}" for n in range(len(starts_s))], "start_s": starts_s, "end_s": ends_s}
    return {
        Frame: _of_clip(_frames(), clip_id, _at_times(clip_id, "frame_id", _frame_times_ms())),
        Track: _of_clip(_repeated(_tracks(), len(starts_s)), clip_id, tracks),
        TrackFace: track_face_rows(clip_id),
        Shot: _of_clip(_repeated(_shots(), len(starts_s)), clip_id, shots),
        Agreement: _of_clip(_agreement(), clip_id, _at_times(clip_id, "agreement_id", _halves_ms())),
        Fingerprint: fingerprint_rows(clip_id),
    }


def face_rows(clip_id: str) -> Tables:
    """Return a clip's faces."""
    face_ids = face_ids_of(clip_id)
    paths = pa.array([f"{face_id.replace('/', '_')}.png" for face_id in face_ids])
    image = pa.StructArray.from_arrays([_pictures(), paths], ["bytes", "path"])
    columns = {
        "face_id": face_ids,
        "subject_id": main_subject_id(clip_id),
        "track_id": [face_id.rpartition("-")[0] for face_id in face_ids],
        "image": image,
    }
    return {Face: _of_clip(_faces(), clip_id, columns)}


def face_ids_of(clip_id: str) -> list[str]:
    """Return the ids of a clip's faces, ascending."""
    times_ms = [_frame_times_ms()[frame] for frame in sorted(_chosen_frames())]
    return [*_at_times(clip_id, "face_id", times_ms)["face_id"]]


def segment_rows(clip_id: str) -> Tables:
    """Return a clip's segments, two of every other clip, and sometimes a dropped one."""
    ids = [f"{clip_id}-a{start_ms:08d}" for start_ms in _SEGMENT_MS[: 1 + clip_number(clip_id) % 2]]
    columns = {"segment_id": ids, "subject_id": main_subject_id(clip_id)}
    tables: dict[type, pa.Table] = {Segment: _of_clip(_segments().slice(0, len(ids)), clip_id, columns)}
    if clip_number(clip_id) % _EVERY == _WITHOUT_SPEECH:
        drop = ledger_row("audio", f"{clip_id}-a{6000:08d}", Dropped.filtered("no_speech", "0.02 of it is voice"))
        tables[LedgerRow] = to_table(LedgerRow, [drop])
    return tables


def embedding_rows(clip_id: str) -> Tables:
    """Return the embedding of a clip's face: near that of its person's other clips, far from all others."""
    of_person = np.random.default_rng([1, person_number(clip_id)]).normal(size=EMBEDDING_SIZE)
    of_clip = np.random.default_rng([2, clip_number(clip_id)]).normal(size=EMBEDDING_SIZE)
    mean = of_person + 0.3 * of_clip
    embedding = SubjectEmbedding(
        subject_id=main_subject_id(clip_id),
        clip_id=clip_id,
        network=NETWORK,
        n_faces=8,
        spherical_variance=0.1,
        embedding=(mean / np.linalg.norm(mean)).astype(np.float32),
    )
    return {SubjectEmbedding: to_table(SubjectEmbedding, [embedding])}


def label_rows(clip_id: str) -> Tables:
    """Return the labels of a clip's faces, all values equal."""
    face_ids = face_ids_of(clip_id)
    value = 1 + clip_number(clip_id) % VARIANTS / VARIANTS
    values = pa.array(np.full(len(face_ids) * LABEL_SIZE, value, np.float32))
    ends = pa.array(np.arange(len(face_ids) + 1, dtype=np.int32) * LABEL_SIZE)
    columns = [pa.array(face_ids), pa.array([NETWORK] * len(face_ids)), pa.ListArray.from_arrays(ends, values)]
    return {Label: pa.Table.from_arrays(columns, schema=_label_schema())}


def _of_clip(template: pa.Table, clip_id: str, columns: Mapping[str, Any]) -> pa.Table:
    """Return ``template`` with the ids of a clip, and its measures a little changed by the clip's variant."""
    factor = 1 + _SPREAD * (clip_number(clip_id) % VARIANTS) / VARIANTS
    given = {"clip_id": clip_id, **columns}
    arrays = []
    for field, column in zip(template.schema, template.columns, strict=True):
        value = given.get(field.name)
        if isinstance(value, str):
            arrays.append(pa.array([value] * len(template)))
        elif value is not None:
            arrays.append(value if isinstance(value, pa.Array) else pa.array(value, field.type))
        elif pa.types.is_floating(field.type) and not field.name.endswith("_s"):
            arrays.append(pa.array(column.to_numpy() * factor))
        else:
            arrays.append(column)
    return pa.Table.from_arrays(arrays, schema=template.schema)


def _at_times(clip_id: str, key: str, times_ms: Sequence[int]) -> dict[str, list[str]]:
    """Return the ids, named ``key``, of what is seen at each time, and of the track that it is of."""
    track_ids = [track_of(clip_id, time_ms) for time_ms in times_ms]
    ids = [f"{track_id}-{time_ms:08d}" for track_id, time_ms in zip(track_ids, times_ms, strict=True)]
    return {key: ids, "track_id": track_ids}


def _repeated(template: pa.Table, n_rows: int) -> pa.Table:
    return pa.concat_tables([template] * n_rows).combine_chunks()


def end_ms() -> int:
    """Return the time of a clip's last frame."""
    return _frame_times_ms()[-1]


def _frame_times_ms() -> list[int]:
    return [frame * _FRAME_MS for frame in range(N_FRAMES)]


@functools.cache
def _chosen_frames() -> dict[int, str]:
    """Return the frames that become faces, and how each was chosen."""
    drawn = np.random.default_rng(3).permutation(N_FRAMES)[:N_FACES].tolist()
    return {frame: RANDOM if place < N_RANDOM else CANDIDATE for place, frame in enumerate(drawn)}


@functools.cache
def _measures() -> dict[str, NDArray[np.float64]]:
    """Return plausible values of what Frame and Face have in common, for each frame of a clip."""
    draw = np.random.default_rng(4)

    def around(mean: float, deviation: float) -> NDArray[np.float64]:
        return mean + deviation * draw.standard_normal(N_FRAMES)

    return {
        "time_s": np.array(_frame_times_ms()) / 1000,
        "score": around(1.3, 0.1),
        "interocular_px": around(64, 0.5),
        "yaw_deg": around(0, 10),
        "pitch_deg": around(0, 5),
        "roll_deg": around(0, 3),
        "asymmetry": abs(around(0.03, 0.02)),
        "lip_opening": abs(around(0.01, 0.01)),
        "mouth_change": abs(around(0.1, 0.05)),
        "eye_change": abs(around(0.1, 0.05)),
        "eye_opening": around(0.35, 0.01),
        "sharpness": around(150, 5),
        "brightness": around(100, 2),
        "inside_share": np.full(N_FRAMES, 0.99),
    }


@functools.cache
def _frames() -> pa.Table:
    draw = np.random.default_rng(5)
    measures = _measures()
    own = {
        name: level + draw.standard_normal(N_FRAMES)
        for name, level in (
            ("box_x_px", 500),
            ("box_y_px", 200),
            ("box_w_px", 180),
            ("box_h_px", 180),
            ("left_eye_x_px", 560),
            ("left_eye_y_px", 260),
            ("right_eye_x_px", 624),
            ("right_eye_y_px", 260),
        )
    }
    own |= {"mouth_height": measures["lip_opening"] + 0.2, "mouth_from_shut": measures["mouth_change"]}
    own |= {
        name: level + 0.01 * draw.standard_normal(N_FRAMES)
        for name, level in (("mouth_width", 0.8), ("nose_to_lip", 0.3), ("lip_to_chin", 0.7))
    }
    rows = [
        Frame(
            frame_id="",
            clip_id="",
            track_id="",
            frame_index=frame,
            detected=frame % 10 == 0,
            **{name: float(values[frame]) for name, values in (measures | own).items()},
        )
        for frame in range(N_FRAMES)
    ]
    return _whole(Frame, rows)


@functools.cache
def _tracks() -> pa.Table:
    track = Track(
        track_id="",
        clip_id="",
        start_s=0.0,
        end_s=end_ms() / 1000,
        n_frames=N_FRAMES,
        presence_px2=180.0 * 180.0 * N_FRAMES,
        mean_box_h_px=180.0,
        eye_opening_std=0.05,
        mouth_height_std=0.05,
        yaw_std_deg=3.0,
        is_still_picture=False,
        av_covered_s=6.0,
        av_correlation=0.8,
        av_lag_s=0.0,
        av_zscore=4.5,
        av_offset_s=0.02,
        av_offset_certainty=8.0,
        out_of_step_s=0.0,
    )
    return _whole(Track, [track])


@functools.cache
def _shots() -> pa.Table:
    return _whole(Shot, [Shot(shot_id="", clip_id="", start_s=0.0, end_s=end_ms() / 1000)])


def _halves_ms() -> list[int]:
    return [500 * n for n in range(N_HALVES)]


def fingerprint_rows(clip_id: str) -> pa.Table:
    """Return a clip's fingerprints, whose hashes no two clips share."""
    rng = np.random.default_rng([2, clip_number(clip_id)])
    rows = [
        Fingerprint(
            fingerprint_id=f"{clip_id}-{time_ms:08d}",
            clip_id=clip_id,
            time_s=time_ms / 1000,
            sound_hash=int(rng.integers(1 << 60)),
            picture_hash=int(rng.integers(1 << 63)),
        )
        for time_ms in _halves_ms()
    ]
    return to_table(Fingerprint, rows)


@functools.cache
def _agreement() -> pa.Table:
    rows = [
        Agreement(
            agreement_id="",
            clip_id="",
            track_id="",
            start_s=n / 2,
            covered_s=0.5,
            products=np.full(len(LAGS_S), 5.0, np.float32),
            voice_power=5.0,
            loud_products=np.full(len(LAGS_S), 5.0, np.float32),
            loud_power=25.0,
            variance_factor=4.0,
        )
        for n in range(N_HALVES)
    ]
    return _whole(Agreement, rows)


@functools.cache
def _faces() -> pa.Table:
    shared = {field.name for field in fields(FaceMeasures)} & set(_measures())
    rows = [
        Face(
            face_id="",
            clip_id="",
            subject_id="",
            track_id="",
            sampled_by=_chosen_frames()[frame],
            standardness=-float(abs(_measures()["yaw_deg"][frame])),
            lip_opening_max=0.02,
            mouth_rise=0.01,
            lip_motion=0.01,
            eye_share=1.0,
            true_interocular_px=60.0,
            mesh_presence=1.0,
            lip_gap=0.01,
            rest_gap=0.005,
            lip_line=0.3,
            lid_opening=0.3,
            lid_share=1.0,
            iris_seen=0.6,
            lips_parted=-4.0,
            eyes_shut=-4.0,
            mesh_yaw_deg=float(_measures()["yaw_deg"][frame]),
            mesh_pitch_deg=float(_measures()["pitch_deg"][frame]),
            image_sha256=hashlib.sha256(picture()).hexdigest(),
            image=Image(picture(), ""),
            landmarks_px=np.linspace(64, 192, 136, dtype=np.float32),
            alignment=np.linspace(-1, 1, 6, dtype=np.float32),
            **{name: float(_measures()[name][frame]) for name in shared},
        )
        for frame in sorted(_chosen_frames())
    ]
    return _whole(Face, rows)


@functools.cache
def _segments() -> pa.Table:
    rows = [
        Segment(
            segment_id="",
            clip_id="",
            subject_id="",
            start_s=start_ms / 1000,
            end_s=start_ms / 1000 + 3,
            voiced_s=2.5,
            n_valid_frames=250,
            level_dbfs=-24.0,
            clipped_share=0.0,
            face_seen_share=1.0,
            n_turns=1,
            skipped_s=0.0,
            turn_log_odds=5.0,
            overlap_share=0.0,
            music_share=0.25,
            sound_channel="mix",
            av_correction_s=0.0,
            profile="paper",
            n_mels=N_MELS,
            n_frames=N_COLUMNS,
            log_mel=np.full(N_MELS * N_COLUMNS, 0.5, np.float32),
        )
        for start_ms in _SEGMENT_MS
    ]
    return _whole(Segment, rows)


@functools.cache
def picture() -> bytes:
    """Return a grey PNG of the size in bytes of a real face; what it lacks is a comment of equal letters."""
    png = encode_png(np.full((_FACE_PX, _FACE_PX, 3), 128, np.uint8))
    end = len(png) - 12  # the last chunk: 4 bytes of length, 4 of type, 4 of checksum
    text = b"tEXtComment\0" + b" " * (_PICTURE_BYTES - len(png) - 20)
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return png[:end] + chunk + png[end:]


@functools.cache
def _pictures() -> pa.Array:
    return pa.array([picture()] * N_FACES)


@functools.cache
def _label_schema() -> pa.Schema:
    row = Label(face_id="", recognition_network=NETWORK, embedding=np.zeros(LABEL_SIZE, np.float32))
    return to_table(Label, [row]).schema


def _whole(record: type, rows: list[Any]) -> pa.Table:
    table = to_table(record, rows).combine_chunks()
    assert table.column_names == column_names(record)
    return table


assert _EVERY > CLIPS_PER_PERSON  # so that every person has clips with a face
