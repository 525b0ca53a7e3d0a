"""The ledger: how each item of each stage ended."""

from dataclasses import dataclass

from pipeline.core.base.outcome import OK, Dropped
from pipeline.core.records.schema import column


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of ``manifests/ledger/<dataset>/<stage>.parquet``."""

    item_id: str = column("the clip, face, segment or person that the stage processed")
    stage: str = column("name of the stage")
    status: str = column(
        "'ok', 'filtered' (dropped on purpose), 'failed' (could not be computed) or 'waiting' (for its remedy)"
    )
    reason: str = column("why it is not ok, in snake_case; empty when ok")
    detail: str = column("the numbers of the reason, or its error message; empty when ok")
    kind: str = column(
        "of what could not be computed: 'permanent' (stored), 'passing' (each run tries it again) or 'mendable' (a run"
        " tries it again when its remedy has changed); empty when ok or filtered"
    )
    remedy: str = column(
        "what would help, where it is known: 'cookies', 'solver', 'proxy', 'token', 'newer_yt_dlp', 'curl_cffi',"
        " 'password', 'payment', 'disk_quota' or 'time'; else empty"
    )


def ledger_row(stage: str, item_id: str, dropped: Dropped | None = None) -> LedgerRow:
    """Return the row for an item that ended well (``dropped`` is None) or did not."""
    end = dropped or Dropped(OK, "")
    return LedgerRow(
        item_id=item_id,
        stage=stage,
        status=end.status,
        reason=end.reason,
        detail=end.detail.encode("utf-8", "backslashreplace").decode(),  # half of an emoji, as sites cut their texts
        kind=end.kind,
        remedy=end.remedy,
    )
