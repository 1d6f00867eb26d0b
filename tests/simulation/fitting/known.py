"""Logs of attempts at fleets that are known, to be fitted."""

import csv
from pathlib import Path

import numpy as np

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import parse

SCENARIO = """
name = "known"
servers = 3
[failure]
values = [0.1, 0.3, 0.5]
[latency]
median = 0.01
sigma = 0.3
"""


def record(
    path: Path, limit: str, *, requests: int, rate: float = 10.0, jitter: float = 0.0
) -> Fleet:
    """Write what known servers do to requests that are each sent to some of them, at random.

    With a ``jitter``, the log's clock is late by up to so many seconds.
    """
    scenario = parse(f"{SCENARIO}{limit}", source="known")
    servers, chance = Servers(Fleet.draw(scenario, 1, rate=rate)), np.random.default_rng(2)
    attempts = []
    for number in range(requests):
        times = number / rate + np.append(0, chance.exponential(0.02, 4)).cumsum()
        arms = chance.integers(scenario.servers, size=chance.integers(1, 5))
        attempts += list(zip(times.tolist(), arms.tolist(), strict=False))
    with path.open("w", encoding="utf-8") as stream:
        log = csv.writer(stream)
        log.writerow(["server", "time", "outcome", "latency_ms"])
        for time, arm in sorted(attempts):
            answer = servers.respond(np.array([0]), np.array([arm]), np.array([time]))
            label, latency = Outcome(int(answer.outcome[0])).label, 1000 * answer.latency[0]
            seen = time + jitter * chance.random()
            log.writerow([f"http://s{arm}", f"{1.7e9 + seen:.6f}", label, f"{latency:.4f}"])
    return servers.fleet
