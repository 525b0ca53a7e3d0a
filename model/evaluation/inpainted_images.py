"""The file of inpainted faces, ``inpainted.parquet``."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from model.evaluation.evaluation_faces import EvaluationFace
from model.evaluation.picture_table import mask_picture
from model.inference.inpaint import InpaintedFace
from pipeline.core.base.device import usable_processors
from pipeline.core.base.images import encode_png
from pipeline.core.records.evaluation import InpaintedImage
from pipeline.core.records.schema import Image, arrow_schema, to_table
from pipeline.core.storage.atomic import replacing

ROWS_AT_ONCE = 64


@contextmanager
def writing_inpainted_images(path: Path) -> Iterator[Callable[[EvaluationFace, InpaintedFace], None]]:
    """Yield a function that adds an inpainted face to ``path``; the file appears on a clean exit.

    Pictures are encoded in threads. No more than 64 are in memory at a time.
    """
    rows: list[Future[InpaintedImage]] = []
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, arrow_schema(InpaintedImage)) as writer,
        ThreadPoolExecutor(usable_processors()) as threads,
    ):

        def write_rows() -> None:
            writer.write_table(to_table(InpaintedImage, [row.result() for row in rows]))
            rows.clear()

        def write(face: EvaluationFace, inpainted: InpaintedFace) -> None:
            rows.append(threads.submit(_row, face, inpainted))
            if len(rows) == ROWS_AT_ONCE:
                write_rows()

        yield write
        if rows:
            write_rows()


@lru_cache(maxsize=4)
def _mask_png(mask: bytes, height: int) -> bytes:
    """Return a mask as PNG: most masks of an evaluation are one."""
    return encode_png(mask_picture(np.frombuffer(mask, np.uint8).reshape(height, -1)))


def _row(face: EvaluationFace, inpainted: InpaintedFace) -> InpaintedImage:
    name = face.face_id.replace("/", "_")
    audio_face = inpainted.audio_face
    return InpaintedImage(
        face_id=face.face_id,
        dataset=face.dataset,
        person_id=face.person_id,
        segment_id=face.segment_id,
        image=Image(encode_png(inpainted.face), f"{name}.png"),
        mask=Image(_mask_png(face.mask.tobytes(), len(face.mask)), f"{name}-mask.png"),
        audio_face=None if audio_face is None else Image(encode_png(audio_face), f"{name}-audio.png"),
    )
