"""A run of the stage over worker processes: what waits, what is asked again, and what is left alone."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import stages.download
from pipeline.core.base.layout import Layout
from pipeline.core.records.clip import Clip
from pipeline.core.records.ledger import LedgerRow
from pipeline.core.storage.manifest import read_manifest, write_manifest
from tests.download.conftest import Answer, Server
from tests.download.test_fetch import PARAMS
from tests.sources.test_acquire import clip

N_HUMAN = 9
N_WORKERS = 2


@pytest.fixture
def at(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A checkout whose list has a good video, two that want a login, and many of a host that asks who you are."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "CACHE": str(tmp_path / "cache"),
        "WORKERS": str(N_WORKERS),
        "HOST_DOWNLOADS": str(N_WORKERS),
        "RETRIES": "0",
        "RETRY_WAIT_S": "0",
        "PAUSE_S": "0",
    }.items():
        monkeypatch.setenv(f"FACEVOX_{name}", value)
    monkeypatch.delenv("FACEVOX_COOKIES", raising=False)
    at = Layout(tmp_path)
    at.params.write_text(yaml.safe_dump({"download": PARAMS.model_dump(mode="json")}))
    addresses = {"good": server.url("/talk.mp4", "localhost")}
    addresses |= {f"login{n}": server.url(f"/login{n}.mp4", "localhost") for n in range(2)}
    addresses |= {f"human{n}": server.url(f"/human{n}.mp4") for n in range(N_HUMAN)}
    server.cues = {f"/login{n}.mp4": [Answer(status=401)] for n in range(2)}
    server.cues |= {f"/human{n}.mp4": [Answer(status=412)] for n in range(N_HUMAN)}
    clips = [replace(clip(address, name), clip_id=f"set/{name}") for name, address in sorted(addresses.items())]
    write_manifest(at.listed("set"), Clip, clips)
    return at


def ends(at: Layout) -> dict[str, LedgerRow]:
    return {row.item_id.removeprefix("set/"): row for row in read_manifest(at.ledger("download", "set"), LedgerRow)}


@pytest.mark.slow
def test_what_can_be_mended_waits_and_a_host_that_refuses_is_left_alone(
    at: Layout, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages.download.main("set", at)
    found = ends(at)
    assert found["good"].status == "ok"
    for n in range(2):
        row = found[f"login{n}"]
        assert (row.status, row.reason, row.kind, row.remedy) == ("waiting", "login_required", "mendable", "cookies")
    human = [row for name, row in found.items() if name.startswith("human")]
    asked = [row for row in human if row.status == "failed"]
    left = [row for row in human if row.status == "waiting"]
    assert {(row.reason, row.kind) for row in human} == {("bot_check", "passing")}
    assert 3 <= len(asked) <= 3 + N_WORKERS - 1
    assert len(asked) + len(left) == N_HUMAN
    assert sum(path.startswith("/human") for path in server.requests) == len(asked)
    said = capsys.readouterr().out
    assert f"127.0.0.1 asked for proof of being human and was left alone: {len(left)} clips wait without" in said
    assert "2 waiting: cookies" in said

    server.requests.clear()
    stages.download.main("set", at)
    assert not any(path.startswith(("/login", "/talk")) for path in server.requests)
    assert 3 <= sum(path.startswith("/human") for path in server.requests) <= 3 + N_WORKERS - 1

    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\nlocalhost\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
    monkeypatch.setenv("FACEVOX_COOKIES", str(cookies))
    server.cues["/login0.mp4"] = [Answer()]
    server.cues |= {f"/human{n}.mp4": [Answer()] for n in range(N_HUMAN)}
    stages.download.main("set", at)
    found = ends(at)
    assert (found["login1"].status, found["login1"].remedy) == ("waiting", "cookies")
    assert {name for name, row in found.items() if row.status != "ok"} == {"login1"}
    server.requests.clear()
    stages.download.main("set", at)
    assert server.requests == []
