"""The project's exceptions: a wrong set-up stops a run with a message that says what to do.

FacevoxError
├── BadInput             a file, table, address or argument a person gave is not what was expected
├── BadParams            params.yaml has a missing, unknown or impossible value
├── BadManifest          a Parquet file does not have the schema or the order it promises
├── BadMedia             a media file can't be read; steps turn it into a ledger row
├── WeightsUnavailable   named weights can't be reached and no local copy stands in
├── UntrustedWeights     a weights file has the wrong hash, or would execute code when read
├── ToolMissing          a program or package that this run needs is not installed
└── SplitLeak            one person stands in both train and test

An item that is bad is not an exception: it is a ``Dropped`` (pipeline/base/outcome.py).
"""


class FacevoxError(Exception):
    """Base of all errors a person can mend; its text says what, where, expected, found and what to do."""


class BadInput(FacevoxError):
    """What a person gave is not what was expected."""


class BadParams(FacevoxError):
    """params.yaml has a missing, unknown or impossible value."""


class BadManifest(FacevoxError):
    """A Parquet file does not have the schema or the order it promises."""


class BadMedia(FacevoxError):
    """A media file can't be read.

    ``reason`` is a short snake_case class for the ledger, e.g. ``no_video_stream``, ``undecodable``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class WeightsUnavailable(FacevoxError):
    """Named weights can't be reached and no local copy stands in."""


class UntrustedWeights(FacevoxError):
    """A weights file has the wrong hash, or would execute code when read."""


class ToolMissing(FacevoxError):
    """A program or package that this run needs is not installed."""


class SplitLeak(FacevoxError):
    """One person stands in both train and test."""
