"""The rules that every strategy must keep, by name: see ``conformance.py``, which asks for them.

A rule is a function that raises, preferably ``Unexpected`` with words for people, when the
strategies that ``make`` makes do not keep it.  Each one plays them through rehearsals.
"""

import pickle
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.registry.conformance.judge import Wary, expect, explained, legal, plausible
from flaky_load_balancer.registry.conformance.rehearsal import Move, Rehearsal

Make = Callable[[], Strategy]
Rule = Callable[[Make], None]

RULES: dict[str, Rule] = {}
SHAPES = [(1, 1, 3, 10), (3, 2, 0, 4), (5, 10, 3, 10)]  # replications, arms, free, most attempts


def rule(name: str) -> Callable[[Rule], Rule]:
    """Enter a rule under the name that its breakers are told."""

    def enter(keeps: Rule) -> Rule:
        RULES[name] = keeps
        return keeps

    return enter


@rule("it is a strategy")
def _is_a_strategy(make: Make) -> None:
    strategy = make()
    expect(isinstance(strategy, Strategy), f"{type(strategy).__name__} is not a Strategy")
    expect(is_dataclass(strategy), f"{type(strategy).__name__} lacks the decorator @dataclass")


@rule("constructing only stores hyperparameters")
def _only_stores(make: Make) -> None:
    strategy: Any = make()
    kind = type(strategy)
    extra = vars(strategy).keys() - {field.name for field in fields(strategy)}
    expect(not extra, f"there is more than hyperparameters before reset: {sorted(extra)}")
    expect(make() == strategy, "two that are made alike are not equal")
    text = repr(strategy).replace(kind.__qualname__, kind.__name__, 1)
    expect(
        eval(text, {kind.__name__: kind, "inf": np.inf}) == strategy,
        f"its repr does not make it: {text}",
    )


@rule("moves are legal")
def _moves_are_legal(make: Make) -> None:
    for replications, arms, free, most in SHAPES:
        rules = Rules(arms, free_attempts=free, max_attempts=most)
        Rehearsal(make(), rules=rules, replications=replications, judge=legal).play(30)


@rule("explanations cover every server")
def _explanations(make: Make) -> None:
    for replications, arms, free, most in SHAPES:
        rules = Rules(arms, free_attempts=free, max_attempts=most)
        Rehearsal(make(), rules=rules, replications=replications, judge=explained).play(30)


@rule("hyperparameters stay as they are")
def _hyperparameters_stay(make: Make) -> None:
    strategy: Any = make()
    other: Any = make()
    Rehearsal(strategy).play(30)
    expect(asdict(strategy) == asdict(other), f"playing made it {strategy!r}")


@rule("what it is given stays as it is")
def _given_stays(make: Make) -> None:
    Rehearsal(Wary(make())).play(30)


@rule("chance comes only from rng")
def _chance_from_rng(make: Make) -> None:
    moves = []
    ours = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        for seed in (1, 2):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            moves.append(Rehearsal(make()).play(60))
    finally:
        random.setstate(ours[0])
        np.random.set_state(ours[1])  # noqa: NPY002
    expect(moves[0] == moves[1], "the same seed gave different moves")


@rule("time comes only from now")
def _time_from_now(make: Make) -> None:
    played = [Rehearsal(make(), start=start).play(60) for start in (0.0, 2.0**30)]
    arms = [[move.arms for move in moves] for moves in played]
    expect(arms[0] == arms[1], "another zero of the clock gave different moves")


@rule("reset forgets everything")
def _reset_forgets(make: Make) -> None:
    strategy = make()
    fresh = Rehearsal(strategy).play(30)
    Rehearsal(strategy, rules=Rules(arms=7), replications=5, seed=2).play(20)
    expect(Rehearsal(strategy).play(30) == fresh, "after another reset it plays differently")


@rule("it can be copied and stored")
def _copied(make: Make) -> None:
    rehearsal = Rehearsal(make())
    rehearsal.play(30)
    for copied in (deepcopy(rehearsal), pickle.loads(pickle.dumps(rehearsal))):
        expected = deepcopy(rehearsal).play(20)
        expect(copied.play(20) == expected, "a copy plays on differently")


@rule("replications do not touch each other")
def _apart(make: Make) -> None:
    for taught, asked in ((0, 1), (1, 0), (2, 1)):
        untold = Rehearsal(make())
        untold.play(30, ending=0.0)
        told = deepcopy(untold)
        while told.unfinished[taught]:
            told.end(np.array([taught]))
        told.world = deepcopy(untold.world)
        same = _answers(told, asked) == _answers(untold, asked)
        expect(same, f"feedback to replication {taught} changed the moves of {asked}")


def _answers(rehearsal: Rehearsal, row: int) -> list[Move]:
    for _ in range(30):
        rehearsal.ask(np.array([row]))
    return rehearsal.moves[-30:]


@rule("feedback may come late and in any order")
def _late(make: Make) -> None:
    rehearsal = Rehearsal(make(), replications=2, judge=legal)
    rehearsal.play(200, ending=0.0)
    expect(sum(map(len, rehearsal.unfinished)) > 0, "it never sends anything")
    rehearsal.drain()
    rehearsal.play(20)


@rule("beliefs are numbers for people")
def _beliefs(make: Make) -> None:
    for steps in (0, 1, 60):
        rehearsal = Rehearsal(make())
        rehearsal.play(steps)
        unasked = deepcopy(rehearsal)
        beliefs = rehearsal.strategy.beliefs(np.full(3, rehearsal.now))
        expect(isinstance(beliefs, dict), f"beliefs are {type(beliefs).__name__}, not a dict")
        plausible(beliefs, 3, 4)
        for value in beliefs.values():
            if value.flags.writeable:
                value.fill(0.5)  # they are the caller's now
        expect(rehearsal.play(20) == unasked.play(20), "asking for beliefs changed its moves")
