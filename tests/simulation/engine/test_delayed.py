"""Feedback that waits is told late, in order, in whole batches, and not twice."""

import numpy as np
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Rules
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.engine.delayed import delayed
from flaky_load_balancer.simulation.engine.queues import ROOM
from flaky_load_balancer.simulation.engine.simulator import Run, simulate


class Listening(Strategy):
    """Sends everything to the first server and writes down when it learnt of which end."""

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.learnt: list[list[float]] = [[] for _ in range(replications)]
        self.asked: list[list[tuple[float, int]]] = [[] for _ in range(replications)]

    def select(self, context: Context) -> Action:
        for row, now in zip(context.rows.tolist(), context.now.tolist(), strict=True):
            self.asked[row].append((now, len(self.learnt[row])))
        return Action(np.zeros(len(context.rows), dtype=np.intp))

    def observe(self, feedback: Feedback) -> None:
        assert len(set(feedback.rows.tolist())) == len(feedback.rows)
        for row, now in zip(feedback.rows.tolist(), feedback.now.tolist(), strict=True):
            self.learnt[row].append(now)


def play(strategy: Strategy, name: str = "T1", requests: int = 300) -> Run:
    scenario = scenarios.find(name)
    rules = Rules(scenario.servers)
    return simulate(strategy, scenario, rules, requests=requests, replications=5, rate=50.0)


@pytest.mark.parametrize(("delay", "batch"), [(0.5, 1), (0.0, 7), (3.0, 20)])
def test_it_is_told_late_in_order_and_in_whole_batches(delay: float, batch: int) -> None:
    at_once, late = Listening(), Listening()
    run = play(at_once)
    assert (play(delayed(late, delay, batch)).attempts == run.attempts).all()
    for prompt, learnt, asked in zip(at_once.learnt, late.learnt, late.asked, strict=True):
        assert learnt == prompt[: len(learnt)]
        assert len(learnt) % batch == 0
        assert len(learnt) > ROOM
        for now, known in asked:
            ripe = sum(end <= now - delay for end in prompt)
            assert known in {ripe // batch * batch, (ripe - 1) // batch * batch}


def test_without_delay_and_batches_it_is_the_strategy_itself() -> None:
    strategy = registry.parse("v4")
    assert delayed(strategy, 0.0, 1) is strategy


def test_learning_late_costs_points() -> None:
    prompt, late = (play(delayed(registry.parse("v4"), each, 1)).score for each in (0.0, 4.0))
    assert late.mean() < prompt.mean()


def test_the_oracle_has_nothing_to_learn() -> None:
    prompt, late = (play(delayed(registry.parse("oracle"), each, 3)).score for each in (0.0, 4.0))
    assert (prompt == late).all()
