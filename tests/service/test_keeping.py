"""What ``flb serve`` has learnt is there after a restart."""

from pathlib import Path

import httpx
import pytest

from flaky_load_balancer.harness.client import request_ids
from tests.programs import flb, is_refused
from tests.service.test_service import Balancer, Flaky, flaky, serving


def means(balancer: Balancer) -> list[float]:
    found: list[float] = httpx.get(f"{balancer.admin}/api/routes/default").json()["beliefs"]["mean"]
    return found


def played(folder: Path, servers: list[Flaky], count: int, *words: object) -> list[float]:
    """What a balancer believes after so many requests, from its start to its end."""
    with serving(folder, servers, "--strategy", "v4", *words) as balancer:
        for each in request_ids(count, count):
            httpx.post(balancer.data, content=each)
        believed = means(balancer)
        balancer.stopped()
    return believed


@pytest.mark.slow
def test_a_restart_goes_on_where_it_ended_and_fresh_begins_anew(tmp_path: Path) -> None:
    with flaky(["500"], ["ok"]) as servers:
        learnt = played(tmp_path, servers, 30)
        assert learnt[0] < 0.5 < learnt[1]
        assert played(tmp_path, servers, 0) == learnt
        assert played(tmp_path, list(reversed(servers)), 0) == list(reversed(learnt))
        assert played(tmp_path, servers, 0, "--fresh") == [0.5, 0.5]


def test_without_records_nothing_is_kept(tmp_path: Path) -> None:
    with flaky(["ok"]) as servers:
        played(tmp_path, servers, 5, "--no-records")
        assert not (tmp_path / ".flb").exists()


@pytest.mark.slow
def test_a_second_balancer_of_one_data_directory_is_refused(tmp_path: Path) -> None:
    with flaky(["ok"]) as servers, serving(tmp_path, servers) as first:
        words = "serve", "--server", servers[0].url, "--port", 0, "--admin-port", 0
        is_refused(flb(*words, cwd=tmp_path), "--data-dir")
        first.stopped()
