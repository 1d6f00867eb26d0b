"""The rules that every strategy must keep, by name: see ``conformance.py``, which asks for them.

A rule is a function that raises, preferably ``Unexpected`` with words for people, when the
strategies that ``make`` makes do not keep it.  Each one plays them through rehearsals.
"""

import pickle
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

import numpy as np

from flaky_load_balancer.core.state import State
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Preference, Reward, Rules
from flaky_load_balancer.registry.conformance.judge import (
    Echo,
    Wary,
    expect,
    explained,
    legal,
    plausible,
)
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


@rule("it sends only to available servers, and only while attempts are left")
def _scarce(make: Make) -> None:
    for replications, arms, free, most in SHAPES:
        rules = Rules(arms, free_attempts=free, max_attempts=most)
        wanting = Rehearsal(make(), rules=rules, replications=replications, scarce=True)
        wanting.judge = legal
        wanting.play(30)
        wanting.judge = explained
        wanting.play(10)


@rule("what it has learnt can be kept and loaded")
def _kept_and_loaded(make: Make) -> None:
    rehearsal = _rehearsed(make)
    state = rehearsal.strategy.state()
    expect(isinstance(state, State), f"state is {type(state).__name__}, not a State")
    other = make()
    again = rehearsal.with_another(other)
    other.load(State.from_bytes(state.to_bytes()))
    same = again.play(30) == rehearsal.play(30)
    expect(same, "with its state loaded it decides otherwise than before")


@rule("a state that does not fit is refused and changes nothing")
def _bad_states(make: Make) -> None:
    rehearsal = _rehearsed(make)
    state = rehearsal.strategy.state()
    bad = [replace(state, strategy="somebody else's")]
    for name, array in list(state.arrays.items())[-1:]:
        others = {key: value for key, value in state.arrays.items() if key != name}
        bad.append(replace(state, arrays=others))
        bad.append(replace(state, arrays=others | {name: array[None]}))
        bad.append(replace(state, arrays=others | {name: array.astype(str)}))
    tried = deepcopy(rehearsal)
    for wrong in bad:
        try:
            tried.strategy.load(wrong)
        except ValueError:
            continue
        expect(False, "it loaded a state that does not fit")
    expect(tried.play(10) == rehearsal.play(10), "a state that it refused changed its moves")


@rule("servers come and go: it keeps what it knows of those that stay, and of no others")
def _servers_come_and_go(make: Make) -> None:
    rehearsal = _rehearsed(make)
    changed = deepcopy(rehearsal)
    for keep in ([0, 1, 2, 3, -1], [0, 1, 2, 3]):
        changed.resize(np.array(keep))
    changed.rng.bit_generator.state = rehearsal.rng.bit_generator.state
    same = changed.play(20) == deepcopy(rehearsal).play(20)
    expect(same, "after a server has come and gone it plays differently")
    rehearsal.play(10)
    before, unknown = rehearsal.mean(), rehearsal.with_another(make()).mean()
    rehearsal.judge = legal
    rehearsal.resize(np.array([2, -1, 0]))
    after = rehearsal.mean()
    stayed = np.allclose(after[:, [0, 2]], before[:, [2, 0]])
    expect(stayed, "it believes something else of servers that stay after one has gone")
    new = np.allclose(after[:, 1], unknown[:, 1])
    expect(new, "it believes something of a new server, as if it were one that has gone")
    rehearsal.play(20)


@rule("a promise is forgotten when its request leaves")
def _withdrawn(make: Make) -> None:
    rehearsal = Rehearsal(make())
    rehearsal.play(100)
    if not rehearsal.held:
        return  # it promises nothing
    rehearsal.hang_up()
    for step in range(60):
        left = deepcopy(rehearsal)
        left.ask(np.array([step % 3]))
        if left.held:
            left.hang_up()
            left.rng.bit_generator.state = rehearsal.rng.bit_generator.state
            left.world = deepcopy(rehearsal.world)
            left.moves.clear()
            before = len(rehearsal.moves)
            moves = [
                [move.arms for move in left.play(4)],
                [move.arms for move in deepcopy(rehearsal).play(4)[before:]],
            ]
            expect(moves[0] == moves[1], "a request that was held and left changes its moves")
        rehearsal.play(1)
        rehearsal.hang_up()


@rule("it learns from attempts that a replica made")
def _replicas(make: Make) -> None:
    replica = make()
    rehearsal = Rehearsal(make())
    replica.reset(rehearsal.rules, rehearsal.replications, np.random.default_rng(1))
    rehearsal.strategy = Echo(rehearsal.strategy, replica)
    rehearsal.play(60)
    same = np.allclose(rehearsal.mean(), rehearsal.mean(replica))
    expect(same, "a replica that was told everything believes something else")
    rehearsal.strategy, rehearsal.judge = replica, legal
    rehearsal.play(20)


@rule("a reward may come late, and be corrected")
def _late_rewards(make: Make) -> None:
    rehearsal = _rehearsed(make)
    rehearsal.strategy = Wary(rehearsal.strategy)
    every = np.arange(rehearsal.replications)
    for previous, value in ((np.nan, 0.25), (0.25, 1.0)):
        rehearsal.strategy.reward(
            Reward(
                every,
                now=np.full(len(every), rehearsal.now),
                request=np.ones(len(every), dtype=np.int64),
                arm=every,
                value=np.full(len(every), value),
                previous=np.full(len(every), previous),
            )
        )
        rehearsal.judge = legal
        rehearsal.play(10)


@rule("it may be told which of two answers was better, whoever gave them")
def _preferences(make: Make) -> None:
    rehearsal = _rehearsed(make)
    rehearsal.strategy = Wary(rehearsal.strategy)
    every, arms = np.arange(rehearsal.replications), rehearsal.rules.arms
    rehearsal.judge = legal
    for step in range(6):
        now = np.full(len(every), rehearsal.now)
        better, worse = (every + step) % arms, (every + step + 1) % arms
        rehearsal.strategy.prefer(Preference(every, now, better, worse))
        rehearsal.play(5)
    expect(np.isfinite(rehearsal.mean()).all(), "preferences made its beliefs no numbers")


def _rehearsed(make: Make) -> Rehearsal:
    """A rehearsal in which much has happened, and nothing is under way."""
    rehearsal = Rehearsal(make())
    rehearsal.play(60)
    rehearsal.drain()
    rehearsal.hang_up()
    return rehearsal
