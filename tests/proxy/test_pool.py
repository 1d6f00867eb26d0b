"""Who may be sent to, what the log says of trouble, and servers that come back."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flaky_load_balancer.config import PoolSettings, ServerSettings
from flaky_load_balancer.proxy import pool as pools
from flaky_load_balancer.proxy.http1 import Client
from flaky_load_balancer.proxy.pool import Pool, Server, Trouble, available


def pool(*urls: str, **more: Any) -> Pool:
    return Pool("p", PoolSettings(tuple(map(ServerSettings.at, urls)), **more), Client())


def mask(of: Pool, *, slow_start: bool = False) -> list[bool] | None:
    found = available(of, of.servers, slow_start=slow_start)
    return None if found is None else found[0].tolist()


def test_health_is_ignored_if_it_leaves_nobody_and_drains_never_are() -> None:
    found = pool("http://a:1", "http://b:1")
    one, other = found.servers
    assert mask(found) is None
    one.down = "status 500"
    assert mask(found) == [False, True]
    other.down = "refused"
    assert (mask(found), found.panics) == ([True, True], 1)
    other.drain()
    assert (mask(found), found.panics) == ([True, False], 2)
    one.drain()
    assert (mask(found), found.panics) == ([False, False], 2)
    assert (one.state, other.state) == ("draining", "draining")


def test_a_server_that_comes_back_gets_its_share_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pool("http://a:1", "http://b:1")
    found.servers[0].drain()
    found.servers[0].ready()
    monkeypatch.setattr(pools, "random", lambda: 0.5)
    assert mask(found, slow_start=True) == [False, True]
    assert mask(found) is None  # cascade feels its way by itself
    found.servers[0].back_since = time.monotonic() - 6.0
    assert mask(found, slow_start=True) == [True, True]


class Counting(list[Server]):
    """Servers that count how often somebody looks at all of them."""

    looks = 0

    def __iter__(self) -> Iterator[Server]:
        self.looks += 1
        return super().__iter__()


def test_servers_are_looked_at_again_only_after_one_has_changed() -> None:
    found = pool("http://a:1", "http://b:1")
    one, other = found.servers
    servers = Counting(found.servers)

    def asked() -> list[bool] | None:
        mask = available(found, servers, slow_start=True)
        return None if mask is None else mask[0].tolist()

    assert asked() is None
    before = servers.looks
    assert [asked() for _ in range(5)] == [None] * 5
    assert servers.looks == before
    one.down = "refused"
    assert [asked(), asked()] == [[False, True]] * 2
    before = servers.looks
    assert asked() == [False, True]
    assert servers.looks == before
    other.drain()
    assert (asked(), found.panics) == ([True, False], 1)
    assert (asked(), found.panics) == ([True, False], 2)  # every decision without health counts
    one.down = None
    assert asked() == [True, False]


def test_what_changes_by_itself_is_looked_at_every_time() -> None:
    found = pool("http://a:1", "http://b:1")
    one, other = found.servers
    one.most = 1.0
    assert mask(found) is None
    one.flying.add(1)
    assert mask(found) == [False, True]
    one.flying.add(-1)
    assert mask(found) is None
    other.drain()
    assert mask(found) == [True, False]
    assert available(found, found.servers, [True, False], slow_start=False) is not None


def test_servers_that_stay_keep_their_state_over_a_reload() -> None:
    found = pool("http://a:1", "http://b:1")
    stays = found.servers[1]
    stays.drain()
    servers = (ServerSettings("http://c:1", "http://b:1"), ServerSettings.at("http://d:1"))
    found.reload(PoolSettings(servers))
    assert found.servers[0] is stays
    assert (stays.host, stays.state) == (b"c:1", "draining")
    assert [server.name for server in found.servers] == ["http://b:1", "http://d:1"]


def test_trouble_is_said_once_when_it_begins_and_once_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    trouble = Trouble("p", "a")
    for _ in range(2):
        trouble.failed("status", "status 500")
    assert caplog.messages == []  # what retries are for
    for _ in range(3):
        trouble.failed("certificate", "certificate: self-signed")
    trouble.succeeded()
    trouble.succeeded()
    assert caplog.messages == [
        "pool p: a: attempts fail: certificate: self-signed",
        "pool p: a: attempts succeed again",
    ]
    silent = Trouble("p", "b", meant_to_fail=True)
    silent.failed("refused", None)
    assert len(caplog.messages) == 2
