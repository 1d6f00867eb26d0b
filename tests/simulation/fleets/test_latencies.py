"""Latencies of servers against the distributions that they are said to have."""

import numpy as np
import pytest
from scipy import stats

from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.latencies import Latencies, Lognormal, Pareto
from flaky_load_balancer.simulation.fleets.servers import Servers
from flaky_load_balancer.simulation.scenarios import find

TAILS = np.array([0.9, 1.5, 3.0])
LANES = np.arange(3)


def test_pareto_latencies_are_those_of_the_distribution_in_any_order_of_lanes() -> None:
    numbers = np.random.default_rng(1).random((3, 4000))
    seconds = Pareto(0.05, TAILS).seconds(LANES[::-1, None], numbers)
    for row, tail in zip(seconds, TAILS[::-1], strict=True):
        scale = 0.05 * 2 ** (-1 / tail)
        assert stats.kstest(row, stats.pareto(tail, scale=scale).cdf).pvalue > 0.01


@pytest.mark.parametrize("latencies", [Lognormal(0.05, 0.7), Pareto(0.05, TAILS)])
def test_the_chance_of_an_answer_in_time_is_the_share_of_answers_in_time(
    latencies: Latencies,
) -> None:
    numbers = (np.arange(20_000) + 0.5) / 20_000
    seconds = latencies.seconds(LANES[:, None], np.tile(numbers, (3, 1)))
    for within in (0.01, 0.04, 0.05, 0.2, 2.0):
        share = (seconds < within).mean(axis=1)
        assert latencies.within(LANES, np.full(3, within)) == pytest.approx(share, abs=0.002)


def test_servers_of_pareto_have_one_median_and_tails_of_their_own() -> None:
    fleet = Servers(Fleet.draw(find("pareto"), 0, replications=2000))
    rows = np.arange(2000)
    latency = fleet.respond(rows, np.zeros(2000, dtype=np.intp), np.zeros(2000)).latency
    assert np.median(latency) == pytest.approx(0.05, rel=0.05)
    prompt = fleet.success(0.0, within=0.5) / fleet.success(0.0)
    tail = np.log(0.5 / (1 - prompt)) / np.log(10.0)
    assert (tail.min(), tail.max()) == pytest.approx((1.1, 3.5), abs=0.01)
