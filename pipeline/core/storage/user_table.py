"""Read tables that a person wrote, or a spreadsheet saved: CSV in UTF-8."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.base.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

_MAX_COLUMNS = 256


def read_user_table(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """Return the given ``columns`` of a CSV file as text without outer spaces, indexed by the number of each line.

    Empty lines are left out, a value that a line lacks is empty, and one that its header lacks is ignored. Raises
    BadInput for a file that is not CSV in UTF-8, or lacks one of ``columns``.
    """
    import pandas as pd

    try:
        cells = pd.read_csv(
            path,
            header=None,
            names=range(_MAX_COLUMNS),  # more than there are: lines may be of different length
            dtype=str,
            keep_default_na=False,  # 'NA' is a name
            skip_blank_lines=False,
            encoding="utf-8-sig",
            engine="python",  # refuses broken quotes
        )
        if not isinstance(cells.index, pd.RangeIndex):
            raise ValueError(f"at most {_MAX_COLUMNS} columns")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: expected a CSV file in UTF-8, columns {list(columns)}: {error}") from None
    cells.index += 1
    cells = cells.dropna(how="all").fillna("").apply(lambda column: column.str.strip())
    header = [name for name in cells.iloc[0] if name] if len(cells) else []
    if any(header.count(name) != 1 for name in columns):
        raise BadInput(f"{path}: expected the columns {list(columns)}, each once, found {header}")
    table: pd.DataFrame = cells.iloc[1:].set_axis(cells.iloc[0], axis=1)[list(columns)]
    return table
