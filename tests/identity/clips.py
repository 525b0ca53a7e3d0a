"""Clips of which only dataset, identity, name and address matter."""

from pipeline.core.records.clip import NO_CROP, Clip


def clip(dataset: str, identity: str, name: str = "c", address: str = "") -> Clip:
    return Clip(
        clip_id=f"{dataset}/{name}",
        dataset=dataset,
        identity=identity,
        address=address or f"{dataset}/{name}.mp4",
        start_s=None,
        end_s=None,
        **NO_CROP,
        licence="",
        origin="",
        content_hash="0",
    )
