"""A provider's key goes to that provider and nowhere else."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flaky_load_balancer.config import Gateway, Provider
from flaky_load_balancer.records import Recorder
from flaky_load_balancer.service.running import Service
from tests.gateway.providers import CHAT, FakeProvider, settings
from tests.service import origins

KEY, OWN = "sk-the-providers-key", "the-clients-key"
PAGES = ["/metrics", "/api/snapshot", "/api/routes/r", "/api/routes/r/decisions", "/api/runs"]


async def test_keys_are_in_no_log_record_page_error_or_metric(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    plan = ["400", "401", "500", "redirect", "404", "ok", "hang", "early", "error-first"]
    found = [FakeProvider(plan), FakeProvider(["500", "ok"])]
    log = tmp_path / "access.log"
    with Recorder(tmp_path) as recorder:
        monkeypatch.setattr(origins, "NoRecorder", lambda: recorder)
        monkeypatch.setattr(origins, "Service", _in_a_session)
        async with origins.listening(found):
            made = settings(found, [Provider(key=KEY)] * 2, Gateway(keys=(OWN,)))
            made = replace(made, data_dir=tmp_path, access_log=str(log))
            shown = await _everything(made)
    shown += [record.getMessage() for record in caplog.records] + [repr(made)]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(KEY in "".join(seen.all("authorization")) for seen in found[0].seen)
    assert len(written) > 1
    for secret in (KEY, OWN):
        assert not [text for text in shown if secret in text]
        assert not [data for data in written if secret.encode() in data]


async def _everything(made: Any) -> list[str]:
    """What clients and people are shown."""
    shown = []
    async with origins.serving(made) as served:
        for number in range(12):
            for key in (OWN, "wrong"):
                answer = await served.http.post(
                    "/v1/chat/completions",
                    json={**CHAT, "stream": number % 2 == 1},
                    headers={"Authorization": f"Bearer {key}"},
                )
                shown.append(answer.text + repr(answer.headers))
        for page in PAGES:
            shown.append((await served.admin.get(page)).text)
    return shown


def _in_a_session(made: Any, recorder: Recorder, session: str, read: Any) -> Service:
    session = recorder.start_session("serve")
    return Service(made, recorder, session, read)
