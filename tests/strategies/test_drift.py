"""Strategies for servers that change, against brute force over the whole history."""

from collections.abc import Callable
from math import e, exp, inf, log, sqrt
from typing import NamedTuple

import numpy as np
import pytest

from strategies import PUBLISHED
from strategies.exp3 import Exp3
from strategies.exp3_s import Exp3S
from strategies.glr_klucb import GLRKLUCB
from strategies.sw_ucb import SlidingWindowUCB
from tests.strategies.parts.test_kl import bisected, kl
from tests.strategies.table import Table, choices

ARMS = 3
LEARNT = "SFR"  # a cancelled attempt is no round


class Ended(NamedTuple):
    arm: int
    letter: str


History = list[Ended]


def history(length: int, seed: int, change: int = 10_000) -> History:
    """Attempts anywhere; from ``change`` on, what was good is bad."""
    world = np.random.default_rng(seed)
    ended = []
    for t in range(length):
        arm = int(world.integers(ARMS))
        good = [0.9, 0.5, 0.1][arm if t < change else ARMS - 1 - arm]
        letter = "S" if world.random() < good else "F"
        ended.append(Ended(arm, str(world.choice([letter, "R", "C"], p=[0.8, 0.1, 0.1]))))
    return ended


def weighed(past: History, weight: Callable[[int], float]) -> list[tuple[float, float]]:
    """Successes and attempts of every server; ``weight`` of a round by its age, 0 the latest."""
    rounds = [one for one in past if one.letter in LEARNT]
    table = []
    for arm in range(ARMS):
        mine = [
            (weight(len(rounds) - 1 - t), one.letter == "S")
            for t, one in enumerate(rounds)
            if one.arm == arm
        ]
        table.append((sum(w for w, won in mine if won), sum(w for w, _ in mine)))
    return table


def window(age: int) -> float:
    return float(age < 30)


def discount(age: int) -> float:
    return float(0.97**age)


def ucb(table: list[tuple[float, float]], scale: float, *, bound: str) -> list[float]:
    level = log(sum(n for _, n in table))
    if bound == "kl":
        return [bisected(won / n, level / n) if n else inf for won, n in table]
    return [won / n + scale * sqrt(0.6 * level / n) if n else inf for won, n in table]


def thompson(table: list[tuple[float, float]]) -> list[float]:
    return [(1 + won) / (2 + n) for won, n in table]


BRUTE = {
    "sw-ucb:hoeffding": lambda past: ucb(weighed(past, window), 1, bound="hoeffding"),
    "sw-ucb:kl": lambda past: ucb(weighed(past, window), 1, bound="kl"),
    "d-ucb:hoeffding": lambda past: ucb(weighed(past, discount), 2, bound="hoeffding"),
    "d-ucb:kl": lambda past: ucb(weighed(past, discount), 2, bound="kl"),
    "sw-ts": lambda past: thompson(weighed(past, window)),
    "d-ts": lambda past: thompson(weighed(past, discount)),
}


def made(name: str) -> Table:
    name, _, bound = name.partition(":")
    asked: dict[str, object] = {"bound": bound} if bound else {}
    asked |= {"memory": 30} if name.startswith("sw") else {"discount": 0.97}
    return Table(PUBLISHED[name](**asked), ARMS, means=name.endswith("ts"))


@pytest.mark.parametrize("name", BRUTE)
def test_the_index_is_that_of_the_whole_history_weighed(name: str) -> None:
    played, past = made(name), history(150, seed=4)
    for t, ended in enumerate(past):
        played.tell(ended.arm, ended.letter)
        if t > 10:
            assert played.index() == pytest.approx(BRUTE[name](past[: t + 1]), abs=1e-4)


def test_a_server_left_alone_is_unknown_again() -> None:
    played = Table(SlidingWindowUCB(memory=5), ARMS)
    played.tell(1, "SSSSS")
    played.tell(0, "FFFFF")
    assert played.index()[1] == inf
    played = Table(PUBLISHED["d-ts"](discount=0.5), 2, means=True)  # type: ignore[call-arg]
    played.tell(0, "SSSS")
    played.tell(1, "F" * 40)
    assert played.index()[0] == pytest.approx(0.5)


def test_cusum_begins_again_where_the_sums_of_the_whole_history_say_so() -> None:
    past = history(1500, seed=2, change=750)
    played = Table(PUBLISHED["cusum-ucb"](first=40, explore=0.0), ARMS)  # type: ignore[call-arg]
    own: dict[int, list[int]] = {arm: [] for arm in range(ARMS)}
    alarms = 0
    for arm, letter in past:
        played.tell(arm, letter)
        if letter in LEARNT:
            own[arm].append(int(letter == "S"))
            if cusum(own[arm]):
                own[arm], alarms = [], alarms + 1
    total = log(sum(map(len, own.values())))
    expected = [sum(x) / len(x) + sqrt(total / len(x)) if x else inf for x in own.values()]
    assert alarms >= 2
    assert played.index() == pytest.approx(expected)


def cusum(values: list[int], first: int = 40, tolerance: float = 0.1, threshold: float = 7) -> bool:
    up = down = 0.0
    mean = sum(values[:first]) / first
    for x in values[first:]:
        up = max(0.0, up + x - mean - tolerance)
        down = max(0.0, down + mean - x - tolerance)
    return max(up, down) >= threshold


@pytest.mark.parametrize("restart", ["local", "global"])
def test_glr_begins_again_where_the_ratio_over_the_whole_history_says_so(restart: str) -> None:
    past = history(900, seed=3, change=450)
    played = Table(GLRKLUCB(explore=0.0, restart=restart), ARMS)
    own: dict[int, list[int]] = {arm: [] for arm in range(ARMS)}
    born, rounds, alarms = dict.fromkeys(range(ARMS), 0), 0, 0
    for arm, letter in past:
        played.tell(arm, letter)
        if letter not in LEARNT:
            continue
        rounds += 1
        own[arm].append(int(letter == "S"))
        if changed(own[arm]):
            alarms += 1
            for each in range(ARMS) if restart == "global" else [arm]:
                own[each], born[each] = [], rounds
    expected = [
        bisected(sum(x) / len(x), log(rounds - born[arm]) / len(x)) if x else inf
        for arm, x in own.items()
    ]
    assert alarms >= 1
    assert played.index() == pytest.approx(expected, abs=1e-4)


def changed(values: list[int], delta: float = 0.01) -> bool:
    """Every tenth value, at every fifth split, by the definition."""
    n = len(values)
    if n % 10:
        return False
    mean = sum(values) / n
    ratios = []
    for s in range(5, n, 5):
        before, after = sum(values[:s]) / s, sum(values[s:]) / (n - s)
        if 0 < mean < 1:
            ratios.append(s * kl(before, mean) + (n - s) * kl(after, mean))
    return max(ratios, default=0.0) >= log(n**1.5 / delta)


def test_glr_chooses_every_server_in_turn_now_and_then() -> None:
    played = Table(GLRKLUCB(explore=0.3), ARMS)  # a period of 10 rounds
    for arm, letter in enumerate("SFF"):
        played.tell(arm, letter * 20)
    chosen = []
    for _ in range(20):
        chosen.append(played.arm())
        played.tell(chosen[-1], "S" if chosen[-1] == 0 else "F")
    assert [chosen.count(arm) for arm in range(ARMS)] == [16, 2, 2]


@pytest.mark.parametrize(("name", "share"), [("exp3", 0.0), ("exp3-s", 0.01)])
def test_exponential_weights_are_those_of_the_papers(name: str, share: float) -> None:
    strategy = Exp3(gamma=0.2) if name == "exp3" else Exp3S(gamma=0.2, share=share)
    played, weights = Table(strategy, ARMS), [1.0] * ARMS
    for t in range(200):
        chance = [0.8 * w / sum(weights) + 0.2 / ARMS for w in weights]
        assert played.beliefs()["probability"] == pytest.approx(chance)
        action = played.ask()
        arm = int(action.arm[0])
        assert action.probability == pytest.approx([chance[arm]])
        played.tell(arm, "S" if arm == t // 100 else "F")
        won = arm == t // 100
        total = sum(weights)
        weights[arm] *= exp(0.2 * won / chance[arm] / ARMS)
        weights = [w + e * share * total / ARMS for w in weights]


def test_exponential_weights_learn_by_the_chance_among_untried_servers() -> None:
    played = Table(Exp3(gamma=0.5), ARMS)
    action = played.ask(tried=(0,))
    assert action.probability == pytest.approx([0.5])
    arm = int(action.arm[0])
    played.tell(arm, "S")
    grown = exp(0.5 / 0.5 / ARMS)
    share = 0.5 * grown / (2 + grown) + 0.5 / ARMS
    assert played.beliefs()["probability"][arm] == pytest.approx(share)


def test_exponential_weights_draw_as_often_as_they_say() -> None:
    drawn = np.bincount([Table(Exp3(), ARMS, seed=seed).arm() for seed in range(600)])
    assert drawn / 600 == pytest.approx([1 / 3] * ARMS, abs=0.07)


def test_bayes_ucb_takes_a_quantile_of_the_posterior() -> None:
    played = Table(PUBLISHED["bayes-ucb"](), 2)
    played.tell(0, "FF")  # Beta(1, 3): F(x) = 1 - (1 - x)^3
    played.tell(1, "SSR")  # Beta(3, 2): F(x) = 4 x^3 - 3 x^4
    first, second = played.index()
    assert 1 - (1 - first) ** 3 == pytest.approx(1 - 1 / 5)
    assert 4 * second**3 - 3 * second**4 == pytest.approx(1 - 1 / 5)


def test_ucb_tuned_has_a_width_by_the_variance() -> None:
    played = Table(PUBLISHED["ucb-tuned"](), 2)
    played.tell(0, "S" * 19 + "F")
    played.tell(1, "SF")
    spread = log(22) / 20
    width = sqrt(spread * min(0.25, 0.95 * 0.05 + sqrt(2 * spread)))
    assert played.index() == pytest.approx([0.95 + width, 0.5 + sqrt(log(22) / 2 / 4)])


@pytest.mark.parametrize("name", ["sw-ucb", "d-ucb", "bayes-ucb", "ucb-tuned"])
def test_the_very_first_choice_is_uniform(name: str) -> None:
    assert choices(PUBLISHED[name]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("sw-ucb", {"memory": 0}, "memory must be a whole number at least 1"),
        ("sw-ucb", {"bound": "x"}, "bound must be hoeffding or kl"),
        ("d-ts", {"discount": 1.5}, "discount must be a number above 0 and at most 1"),
        ("cusum-ucb", {"first": 0.5}, "first must be a whole number"),
        ("glr-klucb", {"restart": "all"}, "restart must be local or global"),
        ("exp3", {"gamma": 0}, "gamma must be a number above 0"),
    ],
)
def test_hyperparameters_are_checked(name: str, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PUBLISHED[name](**wrong)
