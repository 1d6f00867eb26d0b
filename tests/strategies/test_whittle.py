"""whittle: the closed form against value iteration, and the chain that is learnt."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback
from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Plan
from flaky_load_balancer.simulation.scenarios import find
from strategies.parts.chain import Chains, later, whittle_index
from strategies.whittle import Whittle
from tests.strategies.table import Table

GRID = np.linspace(0.0, 1.0, 2001)
DISCOUNT = 0.9995


def advantage(belief: float, subsidy: float, p01: float, p11: float) -> float:
    """What an attempt is worth more than the subsidy, by value iteration over beliefs."""
    step = p01 + GRID * (p11 - p01)
    value = np.zeros_like(GRID)
    for _ in range(6000):
        wait = subsidy + DISCOUNT * np.interp(step, GRID, value)
        up, down = np.interp([p11, p01], GRID, value)
        look = GRID + DISCOUNT * (GRID * up + (1 - GRID) * down)
        new = np.maximum(wait, look)
        if np.ptp(new - value) < 1e-9:
            break
        value = new
    return float(np.interp(belief, GRID, look - wait))


def index_by_search(belief: float, p01: float, p11: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if advantage(belief, middle, p01, p11) > 0 else (low, middle)
    return (low + high) / 2


@pytest.mark.parametrize(("p01", "p11"), [(0.1, 0.9), (0.2, 0.6), (0.05, 0.8)])
def test_the_closed_form_is_what_value_iteration_finds(p01: float, p11: float) -> None:
    balance = p01 / (1 - p11 + p01)
    beliefs = [0.5 * p01, (p01 + balance) / 2, (balance + p11) / 2, (1 + p11) / 2]
    said = whittle_index(np.array(beliefs), np.full(4, p01), np.full(4, p11))
    found = [index_by_search(belief, p01, p11) for belief in beliefs]
    assert said == pytest.approx(found, abs=0.004)


def test_the_index_rises_with_the_belief_and_is_never_less() -> None:
    for p01, p11 in [(0.1, 0.9), (0.3, 0.5), (0.01, 0.99)]:
        index = whittle_index(GRID, np.full(2001, p01), np.full(2001, p11))
        assert (np.diff(index) >= -1e-9).all()
        assert (index >= GRID - 1e-9).all()


def test_a_belief_returns_to_the_share_of_time_that_a_server_is_up() -> None:
    falls, rises = np.array([0.1]), np.array([0.3])
    assert later(np.zeros(1), np.array([1e3]), falls, rises) == pytest.approx([0.75])
    half = later(np.ones(1), np.array([1.3]), falls, rises)
    assert later(half, np.array([0.7]), falls, rises) == pytest.approx(
        later(np.ones(1), np.array([2.0]), falls, rises)
    )


def test_the_chain_of_a_server_is_learnt() -> None:
    """200 servers that fall every 10 and rise every 5 seconds, watched twice a second."""
    world, lanes = np.random.default_rng(1), 200
    chains, up = Chains((lanes, 1), 20.0), np.ones(lanes, dtype=bool)
    rows, arm, nothing = np.arange(lanes), np.zeros(lanes, dtype=np.intp), np.full(lanes, np.nan)
    for t in range(600):
        change = 1 - np.exp(-0.3 * 0.5)
        leaves = np.where(up, change / 3, change * 2 / 3)
        up ^= world.random(lanes) < leaves
        failed = (world.random(lanes) >= np.where(up, 0.9, 0.05)).astype(np.intp)
        now = np.full(lanes, t / 2)
        chains.learn(Feedback.of(rows, now, arm, failed, now, nothing))
    falls, rises = chains.rates(rows)
    good, bad = chains.success(rows)
    assert falls.mean() == pytest.approx(0.1, rel=0.3)
    assert rises.mean() == pytest.approx(0.2, rel=0.3)
    assert good.mean() == pytest.approx(0.9, abs=0.03)
    assert bad.mean() == pytest.approx(0.05, abs=0.08)
    right = (chains.now(rows, np.full(lanes, 300.0))[:, 0] > 0.5) == up
    assert right.mean() > 0.9


def test_a_server_that_was_down_is_tried_again_after_a_while() -> None:
    played = Table(Whittle(usual=5.0), 2)
    for t in range(10):
        played.tell(0, "S", now=t / 10)
        played.tell(1, "S", now=t / 10)
    played.tell(0, "FFF", now=1.0)
    assert played.arm(now=1.1) == 1
    played.ask(now=1.1)
    soon, after = played.index(now=1.2)[0], played.index(now=4.0)[0]
    assert after > 1.5 * soon


@pytest.mark.slow
def test_it_loses_less_than_v6_where_servers_flap() -> None:
    names = {"whittle": Whittle(), "v6": parse("v6")}
    plan = Plan(names, [find("flapping")], requests=1000, replications=12)
    whittle, v6 = (cell.run.score.mean() for cell in compare(plan, jobs=1).cells)
    assert whittle > v6


def test_hyperparameters_are_checked() -> None:
    with pytest.raises(ValueError, match="usual must be a number above 0"):
        Whittle(usual=0)
