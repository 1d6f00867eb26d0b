"""Replicas in virtual time: alone they forgo what is shared, and sharing gives most of it back."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.sharing.facts import Batch, Begun, Ended, Fact, encode
from flaky_load_balancer.simulation import scenarios, studies
from flaky_load_balancer.simulation.engine.replicas import (
    NEVER,
    Replicated,
    Sharing,
    replicated,
)
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.worlds.world import rules_of

WORLDS = Path(studies.__file__).parent / "worlds"


def play(strategy: Strategy, name: str, requests: int = 100, replications: int = 4) -> Run:
    scenario = scenarios.find(name)
    rules = Rules(scenario.servers)
    return simulate(strategy, scenario, rules, requests=requests, replications=replications)


@cache
def shared(spec: str, name: str, delay: float, loss: float = 0.0) -> Run:
    return play(Replicated(registry.parse(spec), Sharing(4, delay, loss)), name)


@pytest.mark.parametrize("spec", ["cascade", "v6", "p2c-ewma"])
def test_one_replica_is_the_plain_game_to_the_digit(spec: str) -> None:
    plain = play(registry.parse(spec), "T2-tight")
    one = play(Replicated(registry.parse(spec), Sharing(1)), "T2-tight")
    for name in ("score", "attempts", "paid_attempts", "rate_limited", "steady_score"):
        assert (getattr(one, name) == getattr(plain, name)).all()
    assert replicated(strategy := registry.parse(spec), Sharing(1)) is strategy


@pytest.mark.slow
def test_told_at_once_it_is_nearly_one_balancer() -> None:
    """50 ms late it may be as good: on 16 fleets the two cannot be told apart."""
    one = play(registry.parse("cascade"), "T2-tight", replications=16).score
    at_once, late, alone = (
        play(Replicated(registry.parse("cascade"), Sharing(4, delay)), "T2-tight", replications=16)
        for delay in (0.0, 0.05, NEVER)
    )
    brought = one.mean() - alone.score.mean()
    assert at_once.score.mean() - alone.score.mean() > 0.95 * brought > 3.0
    assert late.score.mean() - alone.score.mean() > 0.7 * brought
    lost = at_once.score - late.score
    assert lost.mean() > -3 * lost.std() / np.sqrt(len(lost))


@pytest.mark.slow
def test_what_is_lost_costs_points_but_less_than_sharing_brings() -> None:
    whole, half, alone = (
        shared("cascade", "T2-tight", 0.05, loss).score.mean() for loss in (0.0, 0.5, 1.0)
    )
    assert whole > half > alone == shared("cascade", "T2-tight", NEVER).score.mean()


def test_the_bytes_are_those_of_the_facts() -> None:
    assert not shared("v4", "T1", NEVER).shared_bytes.any()
    ended, begun = Ended(1, 1, "", 0, 0.0, 0.0), Begun(1, 1, "", 0.0)
    of_end, of_both = (size([ended]), size([begun, ended]))
    run = shared("v4", "T1", 0.01)  # which wants no notes: ends alone
    assert run.shared_bytes == pytest.approx(of_end * run.attempts / run.requests)
    both = shared("cascade", "T1", 0.01)  # no limit: no promise
    assert both.shared_bytes == pytest.approx(of_both * both.attempts / both.requests)


def size(facts: list[Fact]) -> int:
    """Bytes that facts add to a batch about the same server."""
    one = Begun(1, 1, "", 0.0)
    return len(encode(Batch(1, 0, 0.0, [one, *facts]))) - len(encode(Batch(1, 0, 0.0, [one])))


def test_each_replica_has_chance_of_its_own() -> None:
    strategy = Replicated(registry.parse("v4"), Sharing(3))
    strategy.reset(Rules(2), 1, np.random.default_rng(1))
    drawn = {copy.rng.random() for copy in strategy.copies}  # type: ignore[attr-defined]
    assert len(drawn) == 3


def test_the_oracle_has_replicas() -> None:
    run = play(replicated(registry.parse("oracle"), Sharing(2)), "T1")
    assert (run.delivered == play(registry.parse("oracle"), "T1").delivered).all()


@pytest.mark.parametrize("spec", ["per-task", "linucb", "budget-linucb"])
def test_rewards_and_features_are_shared(spec: str) -> None:
    scenario = scenarios.find(str(WORLDS / "llm-tasks.toml"))
    rules = rules_of(scenario, Rules(scenario.servers))
    worth = {
        delay: simulate(
            replicated(registry.parse(spec), Sharing(4, delay)),
            scenario,
            rules,
            requests=200,
            replications=20,
        ).score.mean()
        for delay in (0.01, NEVER)
    }
    assert worth[0.01] > worth[NEVER]
