"""The simulator's own promises; that it plays the live game is tested elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import HOLD, Action, Context, Feedback, Rules
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.scenarios import (
    Failure,
    Latency,
    PerServer,
    Scenario,
    Stretch,
)
from strategies.round_robin import RoundRobin
from strategies.v4_thompson import Thompson
from tests.test_live_equals_simulated import GAMES, Hesitant

ARRAYS = (
    *("score", "steady_score", "delivered", "given_up"),
    *("attempts", "paid_attempts", "rate_limited"),
)


def play(strategy: Strategy, name: str = "T2", **options: float) -> Run:
    scenario = GAMES[name].scenario
    asked = {"requests": 50, "replications": 20, **options}
    return simulate(strategy, scenario, Rules(scenario.servers), **asked)  # type: ignore[arg-type]


def same(one: Run, other: Run) -> bool:
    arrays = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ARRAYS)
    return arrays and one.latency.counts == other.latency.counts


def test_the_same_seed_is_the_same_run() -> None:
    assert same(play(Thompson()), play(Thompson()))
    assert not same(play(Thompson()), play(Thompson(), seed=1))


@pytest.mark.parametrize("game", GAMES)
def test_replication_r_is_a_run_of_its_own(game: str) -> None:
    """A strategy without chance does the same alone, on the fleet of replication r."""
    together = play(RoundRobin(), game, replications=5, seed=3)
    for r in range(5):
        alone = play(RoundRobin(), game, replications=1, first=r, seed=3)
        for name in ARRAYS:
            assert getattr(alone, name)[0] == getattr(together, name)[r]


def test_a_still_game_is_as_good_at_its_end_as_at_its_beginning() -> None:
    run = play(RoundRobin(), requests=400, replications=50)
    assert run.steady_score.mean() == pytest.approx(run.score.mean(), rel=0.02)


def test_the_steady_score_is_that_of_the_last_half() -> None:
    """Of five requests the last three count; a server is good until 0.2 s, and useless after."""
    fault = Stretch((0,), 0.15, float("inf"), "error")
    rates = PerServer((0.0,), (0.0,))
    scenario = Scenario("ends", 1, Failure(rates), latency=Latency(0.0, 0.0), faults=(fault,))
    run = simulate(
        RoundRobin(), scenario, Rules(1, max_attempts=4), requests=5, rate=10.0, replications=2
    )
    assert run.score.tolist() == [2 - 3 * 0.5] * 2
    assert run.steady_score.tolist() == [-3 * 0.5 * 5 / 3] * 2


def test_runs_joined_are_one() -> None:
    parts = [play(RoundRobin(), first=first, replications=n) for first, n in ((0, 12), (12, 8))]
    assert same(Run.joined(parts), play(RoundRobin()))


@pytest.mark.parametrize("game", GAMES)
@given(seed=st.integers(0, 2**63 - 1), rate=st.floats(7, 11), requests=st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_nothing_is_lost(game: str, seed: int, rate: float, requests: int) -> None:
    strategy = Counting()
    run = play(strategy, game, seed=seed, rate=rate, requests=requests, replications=4)
    rules = Rules(1)
    assert (run.delivered + run.given_up == requests).all()
    assert run.latency.count == 4 * requests
    most = run.delivered - rules.penalty * run.paid_attempts  # where every answer is worth 1
    judged = GAMES[game].scenario.contexts is not None
    assert (run.score <= most).all() if judged else (run.score == most).all()
    assert (run.attempts <= rules.max_attempts * requests).all()
    assert (strategy.sent == run.attempts).all()
    assert (strategy.told == run.attempts).all()


class Counting(Hesitant):
    """Counts what it sends and what it is told; sees that the rules of the driver are kept."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        self.most = rules.max_attempts
        self.sent = np.zeros(replications, dtype=int)
        self.told = np.zeros(replications, dtype=int)
        self.clock = np.zeros(replications)

    def select(self, context: Context) -> Action:
        assert (context.attempt <= self.most).all()
        assert (context.now < context.deadline).all()
        assert (context.tried.sum(axis=1) < context.attempt).all()
        self._passes(context)
        action = super().select(context)
        self.sent[context.rows] += action.arm >= 0
        return action

    def observe(self, feedback: Feedback) -> None:
        self._passes(feedback)
        self.told[feedback.rows] += 1
        super().observe(feedback)

    def _passes(self, event: Context | Feedback) -> None:
        """Rows are distinct, and their time never goes back."""
        assert len(set(event.rows.tolist())) == len(event.rows)
        assert (event.now >= self.clock[event.rows]).all()
        self.clock[event.rows] = event.now


class Waiting(Strategy):
    """Holds every request as long as it may, then takes the first server."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.in_flight = 0

    def select(self, context: Context) -> Action:
        last = context.deadline - 0.5
        arm = np.where(context.now < last, HOLD, 0)
        return Action(arm, last)

    def observe(self, feedback: Feedback) -> None: ...


def test_any_number_of_requests_may_be_in_flight() -> None:
    run = simulate(
        *(Waiting(), scenarios.find("T1"), Rules(10)), requests=300, rate=1000.0, replications=3
    )
    assert run.latency.count == 900
    assert run.latency.quantile(0.0) == pytest.approx(9.5, rel=0.03)


def test_progress_goes_up_to_the_end() -> None:
    told: list[float] = []
    simulate(
        *(RoundRobin(), scenarios.find("T1"), Rules(10)),
        requests=600,
        replications=2,
        passed=told.append,
    )
    assert told == sorted(told)
    assert 0 < told[0] < 0.5 < told[-1] <= 1
