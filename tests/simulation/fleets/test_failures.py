"""Rates of failure that move, against what a scenario says, and their bounds."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation.bounds.possible import bounds
from flaky_load_balancer.simulation.engine.truth import FleetTruth
from flaky_load_balancer.simulation.fleets.failures import Drifting, Flapping
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import Scenario, ScenarioError, find, parse

MOVING = ("drift-walk", "drift-steps", "drift-sinusoid", "flapping")
HEAD = 'name = "x"\nservers = 2\n[failure]\nuniform = [0.1, 0.4]\n'


def moving(more: str) -> Scenario:
    return parse(HEAD + more, source="x.toml")


def servers(scenario: Scenario, replications: int = 1) -> Servers:
    return Servers(Fleet.draw(scenario, 0, replications=replications))


@pytest.mark.parametrize("name", MOVING)
def test_attempts_fail_as_often_as_the_truth_says_at_that_time(name: str) -> None:
    """One attempt each second at every server of many fleets, in ten stretches of time."""
    fleet = servers(find(name), 200)
    rows, expected, seen = np.arange(200), np.zeros(10), np.zeros(10)
    for t in range(60):
        for arm in range(0, 10, 3):
            failed = fleet.respond(rows, np.full(200, arm), np.full(200, float(t))).outcome
            seen[t // 6] += failed.sum()
            expected[t // 6] += 200 - fleet.success(float(t))[:, arm].sum()
    error = np.sqrt(6 * 4 * 200 * 0.25)
    assert np.abs(seen - expected).max() < 4 * error
    moved = np.abs(fleet.success(50.0) - fleet.success(0.0))
    assert moved.max() > 0.3


@pytest.mark.parametrize("name", MOVING)
def test_the_least_rate_is_the_least_of_many_times(name: str) -> None:
    fleet = servers(find(name), 20)
    lane = np.arange(200)
    for start, end in [(0.0, 3.0), (10.0, 10.0), (7.3, 61.0)]:
        times = np.linspace(start, end, 4001)
        least = np.min([fleet.failures.rate(lane, np.full(200, t)) for t in times], axis=0)
        said = fleet.failures.least(lane, np.full(200, start), np.full(200, end))
        assert (said <= least + 1e-12).all()
        np.testing.assert_allclose(said, least, atol=0.02)


def test_a_motion_multiplies_the_rate_that_was_drawn() -> None:
    still = servers(moving(""), 50)
    swinging = servers(
        moving('[failure.motion]\nkind = "sinusoid"\namplitude = 1.0\nperiod = 8.0'), 50
    )
    times = np.arange(0.0, 8.0, 0.5)
    factor = [(1 - swinging.success(t)) / (1 - still.success(0.0)) for t in times]
    np.testing.assert_allclose(np.mean(factor, axis=0), 1.0)
    np.testing.assert_allclose(swinging.success(8.0), swinging.success(0.0))
    assert isinstance(swinging.failures, Drifting)


def test_a_rate_does_not_exceed_one() -> None:
    text = HEAD.replace("uniform = [0.1, 0.4]", "values = [0.9, 0.8]")
    steps = '[failure.motion]\nkind = "steps"\namplitude = 1\nperiod = 1'
    fleet = servers(parse(text + steps, source="x"))
    success = np.array([fleet.success(float(t)) for t in range(50)])
    assert success.min() == 0.0
    assert success.max() <= 1.0


def test_servers_flap_as_a_chain_of_these_means_whoever_asks() -> None:
    scenario = moving("[failure.markov]\nup = 6.0\ndown = 2.0\nrate = 0.9")
    fleet = servers(scenario, 500)
    assert isinstance(fleet.failures, Flapping)
    lane = np.arange(1000)
    down = np.array([fleet.failures.down(lane, np.full(1000, t / 4)) for t in range(400)])
    assert down.mean() == pytest.approx(0.25, abs=0.01)
    assert down[0].mean() == pytest.approx(0.25, abs=0.05)  # stationary from the start
    leaves = (down[1:] & ~down[:-1]).sum() / (~down[:-1]).sum()
    assert leaves == pytest.approx(0.041 * 0.89, rel=0.1)  # 1 - e^(-1/24), less short visits
    often = servers(scenario, 500)
    np.testing.assert_array_less(0.0, often.failures.rate(lane, np.full(1000, 1e4)))
    np.testing.assert_array_equal(often.success(3.0), fleet.success(3.0))
    rate = np.where(down[12].reshape(500, 2), 0.9, 1 - fleet.fleet.success)
    np.testing.assert_allclose(1 - fleet.success(3.0), rate)


@pytest.mark.parametrize("name", MOVING)
def test_the_oracle_is_told_the_truth_of_now(name: str) -> None:
    fleet = servers(find(name), 3)
    truth = FleetTruth(fleet, within=2.0, rate=10.0, requests=100)
    rows = np.arange(3)
    fleet.respond(rows, rows, np.zeros(3))
    for t in (0.0, 17.0, 60.0):
        np.testing.assert_allclose(truth.success(rows, np.full(3, t)), fleet.success(t, 2.0))


@pytest.mark.parametrize(
    "limit", ["", '[limit]\nkind = "token-bucket"\nwindow = 1\nuniform = [2, 4]']
)
def test_the_bound_is_between_the_best_server_always_and_the_best_moment(limit: str) -> None:
    drift = '[failure.motion]\nkind = "sinusoid"\namplitude = 0.9\nperiod = 20.0\n'
    fleet = servers(moving(drift + limit), 3)
    rules = Rules(2, free_attempts=1, max_attempts=1)
    value = bounds(fleet, 100, rate=5.0, rules=rules, deadline=0.5)
    times = np.linspace(0, 20, 200)
    now = np.array([fleet.success(t, 0.5) for t in times]).max(axis=2)
    assert (value <= 100 * now.max(axis=0) + 1e-9).all()
    if not limit:
        assert (value >= 100 * now.mean(axis=0)).all()
        np.testing.assert_allclose(value, 100 * now.mean(axis=0), rtol=0.02)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('[failure.motion]\nkind = "leap"\namplitude = 1\nperiod = 1', "failure.motion.kind"),
        ("[failure.markov]\nup = 1.0", "failure.markov.down"),
        ("[failure.markov]\nup = 0.0\ndown = 1.0", "failure.markov.up"),
        ("[failure.markov]\nup = 1.0\ndown = 1.0\nrate = 2.0", "failure.markov.rate"),
        (
            '[failure.markov]\nup = 1.0\ndown = 1.0\n[failure.motion]\nkind = "walk"\n'
            "amplitude = 1\nperiod = 1",
            "failure.markov",
        ),
    ],
)
def test_what_is_wrong_is_named(more: str, key: str) -> None:
    with pytest.raises(ScenarioError, match=rf"x\.toml: {key}"):
        moving(more)
