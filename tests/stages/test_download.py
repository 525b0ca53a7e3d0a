"""The stage download as a whole: the limit on a dataset's size, and the share of clips that must have media."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import stages.download
from benchmarks.cut import PARAMS, range_of, served, write_counted
from pipeline.core.base.errors import BadInput
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.records.media import Media
from pipeline.core.storage.manifest import read_manifest, write_manifest
from tests.download.test_cut import PLAIN

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_beyond_the_quota_clips_wait_in_each_run_and_too_small_a_share_fails_when_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FACEVOX_CACHE", str(tmp_path / "store"))
    monkeypatch.setenv("FACEVOX_WORKERS", "1")
    monkeypatch.setenv("FACEVOX_PAUSE_S", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    at = Layout(tmp_path / "root")
    at.root.mkdir()
    (tmp_path / "served").mkdir()
    write_counted(tmp_path / "served", PLAIN, 12.0)
    with served(tmp_path / "served") as address:
        ranges = [range_of(f"{address}/{PLAIN.name}", number, 5.0 + number, 6.0 + number) for number in range(2)]
        gone = replace(range_of(str(tmp_path / "gone.mp4"), 2, None, None), clip_id="set/gone")
        write_manifest(at.listed("set"), Clip, [*ranges, gone])
        for limit in (1 / 3, 0.34):
            params = PARAMS.model_dump() | {"max_total_gb": 1e-9, "min_kept_share": limit}
            at.params.write_text(yaml.safe_dump({"download": params}))
            if limit > 1 / 3:
                with pytest.raises(BadInput, match=r"33\.3% of the clips have media, .* expects 34\.0%"):
                    stages.download.main("set", at)
            else:
                stages.download.main("set", at)
            ledger = read_manifest(at.ledger("download", "set"), LedgerRow)
            assert [(row.item_id, row.status, row.reason) for row in ledger] == [
                ("set/0000", "ok", ""),
                ("set/0001", "waiting", "disk_quota"),
                ("set/gone", "failed", "not_found"),
            ]
            (media,) = read_manifest(at.media("set"), Media)
            assert (media.clip_id, media.cut_start_s) == ("set/0000", 2.0)
    shown = capsys.readouterr().out
    assert "1 ok, 1 failed: not_found, 1 waiting: disk_quota" in shown
    assert list((tmp_path / "store" / "unfinished").iterdir()) == []
