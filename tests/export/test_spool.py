"""Payload on disk by key."""

from pathlib import Path

from pipeline.export.spool import Spool


def test_payload_comes_back_by_kind_and_id_and_the_last_one_put_counts(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.put("face", "a/1", b"one")
        spool.put("label", "a/1", b"")
        spool.put("face", "a/'2", b"two")
        assert spool.get("face", "a/1") == b"one"
        spool.put("face", "a/1", b"three")
        assert [spool.get("face", "a/1"), spool.get("face", "a/'2")] == [b"three", b"two"]
        assert spool.get("label", "a/1") == b""
        assert spool.get("label", "a/'2") is None


def test_nothing_of_it_has_a_name_in_its_folder(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        for number in range(100):
            spool.put("face", f"a/{number}", bytes(1000))
        assert list(tmp_path.iterdir()) == []
        assert spool.get("face", "a/99") == bytes(1000)
