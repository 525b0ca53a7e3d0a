"""The project's exceptions: a wrong set-up stops a run with a message that names the remedy.

FacevoxError
├── BadInput             a file, table, address or argument from the user is not as expected
├── BadParams            params.yaml has a missing, unknown or impossible value
├── BadManifest          a Parquet file does not have its record's schema or order
├── BadMedia             a media file can't be read; steps turn it into a ledger row
├── WeightsUnavailable   named weights can't be downloaded and there is no local copy
├── UntrustedWeights     a weights file has the wrong hash, or would execute code when read
├── ToolMissing          a program or package that this run needs is not installed
├── SplitLeak            one person is in both train and test
└── DiskProblem          the disk is full, or can't be written (pipeline/engine/disk_errors.py)

An item that is bad is not an exception: it is a ``Dropped`` (pipeline/core/base/outcome.py).
"""


class FacevoxError(Exception):
    """Base of all errors that the user can fix; the message has what, where, expected, found and the remedy."""


class BadInput(FacevoxError):
    """A file, table, address or argument from the user is not as expected."""


class BadParams(FacevoxError):
    """params.yaml has a missing, unknown or impossible value."""


class BadManifest(FacevoxError):
    """A Parquet file does not have its record's schema or order."""


class BadMedia(FacevoxError):
    """A media file can't be read.

    ``reason`` is a short snake_case class for the ledger, e.g. ``no_video_stream``, ``undecodable``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class WeightsUnavailable(FacevoxError):
    """Named weights can't be downloaded and there is no local copy."""


class UntrustedWeights(FacevoxError):
    """A weights file has the wrong hash, or would execute code when read."""


class ToolMissing(FacevoxError):
    """A program or package that this run needs is not installed."""


class SplitLeak(FacevoxError):
    """One person is in both train and test."""
