from dataclasses import replace

import numpy as np
import pytest

from flaky_load_balancer.core.types import Floats, Preference
from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.scenarios import ScenarioError
from flaky_load_balancer.simulation.studies.play import Setting
from strategies.rucb import RUCB
from tests.strategies.contexts import ROW, RULES, Desk

X = np.ones(4)
WORLD = """
name = "pairs"
servers = 4
[quality]
any = [0.4, 0.8, 0.5, 0.3]
[preferences]
sharpness = 4.0
"""


def prefer(strategy: RUCB, better: int, worse: int) -> None:
    strategy.prefer(Preference(ROW, np.zeros(1), np.array([better]), np.array([worse])))


def plain(pairs: list[tuple[int, int]], alpha: float, arms: int) -> Floats:
    """u_ij, counted pair by pair as the paper writes it."""
    bounds = np.full((arms, arms), 0.5)
    for i in range(arms):
        for j in range(arms):
            won, lost = pairs.count((i, j)), pairs.count((j, i))
            if i != j:
                n = won + lost
                bounds[i, j] = won / n + np.sqrt(alpha * np.log(len(pairs)) / n) if n else 2.0
    return bounds


@pytest.mark.parametrize("seed", range(5))
def test_bounds_champions_and_challengers_are_those_of_the_paper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strategy = RUCB(alpha=0.6)
    desk = Desk(strategy, RULES, seed)
    pairs: list[tuple[int, int]] = []
    for _ in range(150):
        one, two = map(int, rng.permutation(3)[:2])
        better, worse = (one, two) if rng.random() < 0.5 + 0.15 * (two - one) else (two, one)
        pairs.append((better, worse))
        prefer(strategy, better, worse)
        bounds = plain(pairs, 0.6, 3)
        assert np.allclose(strategy.bounds(ROW)[0], bounds)
        candidates = np.flatnonzero((bounds >= 0.5).all(axis=1))
        champion, challenger = desk.ask(X).arm.item(), desk.ask(X).arm.item()
        assert champion in candidates or not candidates.size
        others = [arm for arm in range(3) if arm != champion]
        best = max(bounds[arm, champion] for arm in others)
        assert challenger in {champion, *others}
        if best > 0.5:
            assert challenger != champion
            assert bounds[challenger, champion] == pytest.approx(best)
        else:
            assert challenger == champion


@pytest.mark.slow
def test_it_finds_the_server_that_people_like_best() -> None:
    setting = Setting(scenarios.parse(WORLD, source="test"), runs=6, queries=1500)
    chosen = {name: setting.play(name).arm[:, -500:] for name in ("rucb", "random")}
    assert np.mean(chosen["rucb"] == 1) > 0.8
    assert np.mean(chosen["random"] == 1) < 0.3


@pytest.mark.slow
def test_strategies_that_learn_rewards_learn_from_preferences_as_well() -> None:
    """If chance lets them ask two servers; linucb asks one twice, and hears nothing."""
    setting = Setting(scenarios.parse(WORLD, source="test"), runs=6, queries=1000)
    assert np.mean(setting.play("thompson-gauss").arm[:, -300:] == 1) > 0.5
    assert np.mean(setting.play("linucb").arm == 0) == 1


def test_per_task_it_knows_who_is_liked_for_what() -> None:
    strategy = parse("per-task:inner=rucb")
    rules = replace(RULES, tasks=(0, 2))
    strategy.reset(rules, 1, np.random.default_rng(0))
    for _ in range(200):
        for task, better in ((0, 0), (1, 2)):
            for worse in {0, 1, 2} - {better}:
                x = np.eye(4)[[task]]
                pair = np.array([better]), np.array([worse])
                strategy.prefer(Preference(ROW, np.zeros(1), *pair, x))
    desk = Desk.__new__(Desk)
    desk.strategy, desk.rules, desk.count = strategy, rules, 0
    assert [desk.ask(np.eye(4)[task]).arm.item() for task in (0, 1)] == [0, 2]


@pytest.mark.parametrize("name", ["rucb", "linucb", "thompson-gauss", "per-task:inner=rucb"])
def test_what_is_said_of_two_answers_can_be_corrected(name: str) -> None:
    """As if only the last word had been said."""
    beliefs = []
    for said in ([(0, 1, False), (1, 0, True)], [(1, 0, False)]):
        strategy = parse(name)
        strategy.reset(RULES, 1, np.random.default_rng(0))
        for better, worse, corrects in [(2, 0, False), *said]:
            pair = np.array([better]), np.array([worse])
            strategy.prefer(Preference(ROW, np.zeros(1), *pair, X[None, :], np.array([corrects])))
        beliefs.append(strategy.beliefs(np.zeros(1)))
    assert all(np.allclose(beliefs[0][key], beliefs[1][key]) for key in beliefs[0])
    assert not np.allclose(beliefs[0]["mean"], beliefs[0]["mean"][0, 0])


def test_preferences_are_not_told_late() -> None:
    with pytest.raises(ScenarioError, match=r"delay.*\[preferences\]"):
        scenarios.parse(WORLD + "[delay]\nreward = 1.0\n", source="test")
