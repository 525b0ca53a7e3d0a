"""Table 1 is laid out as in the paper, and the paper's own numbers give its totals, but for its one slip."""

from pipeline.core.records.dataset import Identity
from pipeline.dataset.table1 import Counts, count, render, totals


def identity(dataset: str, person: str, split: str, n_faces: int, n_standard_faces: int, n_segments: int) -> Identity:
    return Identity(
        dataset_person=f"{dataset}/{person}",
        dataset=dataset,
        person_id=person,
        split=split,
        n_clips=1,
        n_faces=n_faces,
        n_standard_faces=n_standard_faces,
        n_segments=n_segments,
        n_pairs=n_standard_faces * n_segments,
    )


# identities, faces, standard faces, audio segments, as printed in the paper.
PAPER = {
    ("VoxCeleb-ID", "train"): (763, 5_697, 5_697, 14_364),
    ("VoxCeleb-ID", "test"): (190, 1_383, 1_383, 3_563),
    ("FaceForensics++", "train"): (611, 6_110, 1_107, 1_814),
    ("FaceForensics++", "test"): (150, 1_500, 231, 429),
    ("HDTF", "train"): (287, 2_870, 556, 9_992),
    ("HDTF", "test"): (71, 710, 143, 2_253),
}
PRINTED_TOTALS = {"identities": 2_072, "faces": 18_270, "standard faces": 9_114, "audio segments": 32_415}
SLIP = 3  # the paper prints 9,114 standard faces; its own columns sum to 9,117


def shares(total: int, n: int) -> list[int]:
    """Deal ``total`` over ``n`` people as evenly as whole numbers allow."""
    return [total // n + (i < total % n) for i in range(n)]


def papers_counts() -> Counts:
    people = [
        identity(dataset, f"p{split}{i}", split, *numbers)
        for (dataset, split), (n, *sums) in PAPER.items()
        for i, numbers in enumerate(zip(*(shares(total, n) for total in sums), strict=True))
    ]
    return count(people, ["VoxCeleb-ID", "FaceForensics++", "HDTF"])


def test_the_papers_numbers_give_its_totals_but_for_its_slip_of_three() -> None:
    expected = {**PRINTED_TOTALS, "standard faces": PRINTED_TOTALS["standard faces"] + SLIP}
    assert totals(papers_counts()) == expected


def test_the_table_is_laid_out_as_in_the_paper() -> None:
    assert render(papers_counts()).splitlines() == [
        "                VoxCeleb-ID         FaceForensics++          HDTF",
        "                      train   test            train   test  train   test   total",
        "identities              763    190              611    150    287     71   2,072",
        "faces                 5,697  1,383            6,110  1,500  2,870    710  18,270",
        "standard faces        5,697  1,383            1,107    231    556    143   9,117",
        "audio segments       14,364  3,563            1,814    429  9,992  2,253  32,415",
    ]


def test_a_dataset_without_rows_has_zeros() -> None:
    counts = count(
        [identity("one", "ana", "train", 10, 2, 3), identity("one", "ben", "train", 5, 1, 4)], ["one", "two"]
    )
    zeros = {"identities": 0, "faces": 0, "standard faces": 0, "audio segments": 0}
    assert counts == {
        "one": {"train": {"identities": 2, "faces": 15, "standard faces": 3, "audio segments": 7}, "test": zeros},
        "two": {"train": zeros, "test": zeros},
    }
    assert totals(counts) == {"identities": 2, "faces": 15, "standard faces": 3, "audio segments": 7}


def test_datasets_are_in_the_order_given() -> None:
    assert render(count([], ["two", "one"])).splitlines()[0].split() == ["two", "one"]
