"""Compare a finished 'make real' with the folder's INDEX.tsv: clips that ended, and frontal faces that were found.

Usage: python -m benchmarks.accuracy.real_clips FOLDER. The index has at least the columns path and people_seen.
"""

import sys
from pathlib import Path

import pandas as pd

from benchmarks.accuracy.backends import SINGLE_SPEAKER
from pipeline.core.base.layout import Layout

DATASET = "clips"


def main(folder: Path, at: Layout = Layout()) -> None:
    index = pd.read_csv(folder / "INDEX.tsv", sep="\t").set_index("path")
    clips = pd.read_parquet(at.clips(DATASET)).set_index("clip_id")
    faces = pd.read_parquet(at.selected_faces)
    faces = faces[faces.clip_id.isin(clips.index)]
    ends = pd.concat(pd.read_parquet(path) for path in (at.ledgers / DATASET).glob("*.parquet"))
    name_of = clips.address.map(lambda address: Path(address).name)
    not_ok = ends[(ends.status != "ok") & ends.item_id.isin(clips.index)]
    in_all = ends[(ends.stage == "identify") & (ends.status == "ok")].item_id
    without_end = set(clips.index) - set(not_ok.item_id) - set(in_all)
    with_face = set(name_of[faces.clip_id.unique()])
    with_standard = set(name_of[faces[faces.is_standard].clip_id.unique()])
    frontal = set(index.index[index.people_seen.str.contains("frontal", case=False)])
    single = set(index.index[index.people_seen.str.match(SINGLE_SPEAKER)])
    print(not_ok[["item_id", "stage", "status", "reason"]].to_string(index=False))
    print(f"\nclips in the index                          {len(index)}")
    print(f"clips listed by sources                     {len(clips)}")
    print(f"clips without an end in the ledger          {len(without_end)} {sorted(without_end) or ''}")
    print(f"clips with a frontal face by the index      {len(frontal)}")
    print(f"... of which without an aligned face        {len(frontal - with_face)} {sorted(frontal - with_face) or ''}")
    print(f"single-speaker clips by the index           {len(single)}")
    print(f"... of which with a standard face           {len(single & with_standard)}")
    print(f"faces, standard faces                       {len(faces)}, {int(faces.is_standard.sum())}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
