"""Contact sheets."""

from pipeline.core.base.layout import Layout
from pipeline.report.faces import read_sheets
from tests.report.made_run import HOSTILE, QUOTED, SET


def test_a_dataset_has_a_sheet_of_standard_faces_and_one_of_random_faces(data_run: Layout) -> None:
    sheets = read_sheets(data_run, [SET])
    assert sheets is not None
    standard, random = sheets[0].sheets
    # Of each person's three faces two are standard and two are random.
    assert (standard.kind, standard.n_faces, standard.n_persons, len(standard.tiles)) == ("Standard faces", 4, 2, 4)
    assert (random.kind, random.n_faces, random.n_persons, len(random.tiles)) == ("Faces", 4, 2, 4)
    assert [tile.person for tile in random.tiles] == [HOSTILE, HOSTILE, QUOTED, QUOTED]
    assert random.tiles[0].picture.alt == f"Face of {HOSTILE}, train"


def test_sheets_are_of_bounded_size_however_many_datasets_there_are(data_run: Layout) -> None:
    sheets = read_sheets(data_run, [SET, *(f"empty-{number}" for number in range(300))])
    assert sheets is not None
    assert [len(sheet.tiles) for sheet in sheets[0].sheets] == [1, 1]
    assert [sheet.n_faces for sheet in sheets[-1].sheets] == [0, 0]


def test_faces_whose_pictures_are_missing_are_counted_but_not_shown(data_run: Layout) -> None:
    for shard in data_run.faces_folder(SET).iterdir():
        shard.unlink()
    sheets = read_sheets(data_run, [SET])
    assert sheets is not None
    assert [(sheet.n_faces, sheet.tiles) for sheet in sheets[0].sheets] == [(4, []), (4, [])]


def test_before_the_dataset_is_built_there_are_no_sheets(data_run: Layout) -> None:
    data_run.dataset("faces").unlink()
    assert read_sheets(data_run, [SET]) is None
