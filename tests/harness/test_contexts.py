"""A world with contexts, live: from what requests are about to what answers are worth."""

import json
from pathlib import Path

import pytest

from flaky_load_balancer.harness.client import request_ids
from flaky_load_balancer.harness.membership import changes
from flaky_load_balancer.harness.plan import Run
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.worlds.live import LiveWorld, numbered
from tests.programs import flb

WORLD = """
name = "world"
servers = 3
failure.uniform = [0.0, 0.0]

[tasks]
math = 0.5
chat = 0.5
[quality]
math = [1.0, 0.0, 0.5]
chat = [0.0, 1.0, 0.5]
[cost]
usd = [0.01, 0.01, 0.01]
[objective]
usd = 10.0
[delay]
reward = 0.1

[[faults]]
servers = [2]
from = 1.0
to = 100.0
kind = "removed"
"""


@pytest.mark.slow
def test_strategies_learn_what_answers_are_worth(tmp_path: Path) -> None:
    """Every answer costs a tenth of a point, so that 120 requests bring 108 at most."""
    (tmp_path / "w.toml").write_text(WORLD)
    done = flb(
        *("harness", "--scenario", "w.toml", "--strategy", "linucb", "--strategy", "random"),
        *("--requests", "120", "--rate", "40", "--no-dashboard", "--no-stay", "--free-ports"),
        *("--data-dir", tmp_path / "data", "--json", "r.json"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    runs = {run["strategy"]: run for run in json.loads((tmp_path / "r.json").read_text())["runs"]}
    assert all(run["delivered"] == 120 for run in runs.values())
    assert runs["linucb"]["bound"] == 108
    assert runs["linucb"]["score"] > 75
    assert runs["random"]["score"] < 70


def test_clients_and_servers_agree_on_what_a_request_is_about() -> None:
    scenario = scenarios.parse(WORLD, source="test")
    seeds = Fleet.draw(scenario, 3).seeds
    client, server = LiveWorld.of(scenario, seeds), LiveWorld.of(scenario, seeds)
    assert client is not None
    assert server is not None
    marks = set()
    for each in request_ids(3, 40):
        body = each.encode()
        task = client.features(body).split(",").index("1.0")
        marks.add(task)
        for arm in (0, 1):
            said = server.headers(body, arm, 0.0)
            assert said.startswith(f"X-Quality: {float(arm == task)};after=0.1\r\n")
    assert marks == {0, 1}
    assert numbered(b"a") != numbered(b"b")


def test_servers_come_and_go_at_their_times() -> None:
    text = WORLD + '[[faults]]\nservers = [0]\nfrom = 2.0\nto = 5.0\nkind = "added"\n'
    run = Run("linucb", "w", scenarios.parse(text, source="test"), 0)
    assert changes(run) == [
        (float("-inf"), 0, False),
        (1.0, 2, False),
        (2.0, 0, True),
        (5.0, 0, False),
        (100.0, 2, True),
    ]
