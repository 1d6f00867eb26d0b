"""risk by hand, and the fleet with heavy tails that it is for."""

import numpy as np
import pytest

from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Plan
from flaky_load_balancer.simulation.scenarios import find
from strategies.risk import Risk
from tests.strategies.table import Table


@pytest.mark.parametrize("measure", ["cvar", "median-of-means"])
def test_of_servers_that_succeed_alike_the_quick_one_is_taken(measure: str) -> None:
    played = Table(Risk(measure=measure), 2)
    for _ in range(50):
        played.tell(0, "S", latency=0.1)
        played.tell(1, "S", latency=0.3)
    assert [played.arm() for _ in range(20)] == [0] * 20


def test_of_servers_with_one_mean_the_one_without_a_tail_is_taken() -> None:
    played = Table(Risk(), 2)
    for turn in range(100):
        played.tell(0, "S", latency=0.2)
        played.tell(1, "S", latency=1.1 if turn % 10 == 0 else 0.1)
    assert [played.arm() for _ in range(20)] == [0] * 20


def test_a_server_that_fails_at_once_is_not_a_quick_one() -> None:
    played = Table(Risk(), 2)
    for _ in range(30):
        played.tell(0, "S", latency=0.2)
        played.tell(1, "F", latency=0.001)
    assert [played.arm() for _ in range(20)] == [0] * 20


def test_a_server_that_was_never_met_is_tried() -> None:
    played = Table(Risk(), 2)
    played.tell(0, "S" * 10, latency=0.2)
    assert {played.arm() for _ in range(20)} == {0, 1}


def test_people_see_the_mean_of_the_worst() -> None:
    played = Table(Risk(level=0.5, memory=10), 2)
    for latency in (0.1, 0.2, 0.6):
        played.tell(0, "S", latency=latency)
    said = played.beliefs()
    assert said["cvar_s"] == pytest.approx([(0.6 + 0.1) / 1.5, 0.0])
    assert said["mean"] == pytest.approx([4 / 5, 1 / 2])


@pytest.mark.slow
def test_the_slowest_requests_are_a_third_quicker_where_tails_are_heavy() -> None:
    plan = Plan(
        {name: parse(name) for name in ("v4", "risk")},
        [find("pareto")],
        requests=1000,
        replications=32,
    )
    by_rate, averse = compare(plan, jobs=1).cells
    slow, quick = (cell.latency_ms(0.99) or np.nan for cell in (by_rate, averse))
    assert quick < slow * 2 / 3
    assert averse.run.delivered.mean() >= by_rate.run.delivered.mean()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"measure": "mean"}, "measure must be cvar or median-of-means, not 'mean'"),
        ({"level": 1.0}, "level must be a number at least 0 and at most 0.999"),
        ({"blocks": 0}, "blocks must be a whole number"),
        ({"memory": 201}, "memory must be a multiple of blocks = 5"),
        ({"concentration": 0.0}, "concentration must be a number"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Risk(**wrong)  # type: ignore[arg-type]
