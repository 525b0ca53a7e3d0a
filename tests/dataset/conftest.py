"""The small dataset of the export tests, to read back."""

from tests.export.conftest import made, make

__all__ = ["made", "make"]
