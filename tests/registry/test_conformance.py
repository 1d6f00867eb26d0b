"""Every strategy keeps the rules, and every rule catches somebody who does not."""

from time import process_time
from typing import Any

import pytest

from flaky_load_balancer.registry.conformance import BrokenRule, check
from flaky_load_balancer.registry.conformance.promises import RULES
from strategies import STRATEGIES
from tests import broken

BREAKERS: dict[str, list[Any]] = {
    "it is a strategy": [broken.NoStrategy, broken.Undecorated, broken.Unfinished],
    "constructing only stores hyperparameters": [
        broken.AllocatesEarly,
        broken.NeverEqual,
        broken.ReprLies,
    ],
    "moves are legal": [
        broken.OneTooFar,
        broken.TooLow,
        broken.BareArray,
        broken.BesideBefore,
        broken.Floating,
        broken.EveryRow,
        broken.HoldsForEver,
        broken.HoldsInThePast,
        broken.HoldsInfinitely,
        broken.NeedsRetryAfter,
    ],
    "explanations cover every server": [
        broken.IndexOfOne,
        broken.IndexIsNaN,
        broken.EligibleIsNumbers,
        broken.SureOfZero,
    ],
    "hyperparameters stay as they are": [broken.Anneals],
    "reset forgets everything": [broken.Hoards],
    "what it is given stays as it is": [broken.MarksTried, broken.ForgivesRefusals],
    "chance comes only from rng": [broken.OwnChance, broken.FreshGenerator],
    "time comes only from now": [broken.ClockFromZero],
    "replications do not touch each other": [
        broken.TeachesAll,
        broken.ReadsTheFirst,
        broken.WritesInOrder,
    ],
    "feedback may come late and in any order": [broken.FewInFlight, broken.Idle],
    "beliefs are numbers for people": [
        broken.BelievesOneRow,
        broken.BelievesTooMuch,
        broken.BelievesNaN,
        broken.BelievesUpsideDown,
        broken.BelievesNothing,
        broken.GivesItsStateAway,
        broken.RollsWhenAsked,
    ],
    "it can be copied and stored": [broken.KeepsALambda, broken.SharesItsState],
    "it sends only to available servers, and only while attempts are left": [
        broken.IgnoresAvailability,
        broken.SendsOneMore,
    ],
    "what it has learnt can be kept and loaded": [broken.KeepsAList, broken.SavesNothing],
    "a state that does not fit is refused and changes nothing": [
        broken.LoadsAnything,
        broken.LoadsHalf,
    ],
    "servers come and go: it keeps what it knows of those that stay, and of no others": [
        broken.StartsAgain,
        broken.TakesOverFromTheFirst,
        broken.Loyal,
    ],
    "a promise is forgotten when its request leaves": [broken.PromisesForEver],
    "it learns from attempts that a replica made": [broken.LearnsFromItsOwn],
    "it may be told which of two answers was better, whoever gave them": [
        broken.KnowsNobodyElsesAnswers
    ],
    "a reward may come late, and be corrected": [
        broken.TakesNoLateReward,
        broken.RoundsRewards,
    ],
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_our_strategies_keep_the_rules(strategy: str, name: str) -> None:
    check(STRATEGIES[strategy], name)


@pytest.mark.parametrize("name", RULES)
def test_a_sound_one_keeps_the_rules(name: str) -> None:
    check(broken.Sound, name)


def test_every_rule_has_somebody_who_breaks_it() -> None:
    assert BREAKERS.keys() == RULES.keys()


@pytest.mark.parametrize(
    ("name", "breaker"), [(name, kind) for name, kinds in BREAKERS.items() for kind in kinds]
)
def test_who_breaks_a_rule_is_told_which(name: str, breaker: Any) -> None:
    with pytest.raises(BrokenRule) as broke:
        check(breaker, name)
    assert broke.value.name == name
    assert name in str(broke.value)
    assert broke.value.happened


@pytest.mark.parametrize("name", RULES)
def test_the_first_broken_rule_is_named(name: str) -> None:
    with pytest.raises(BrokenRule) as broke:
        check(BREAKERS[name][0])
    assert broke.value.name == name


def test_it_says_what_happened() -> None:
    with pytest.raises(BrokenRule, match=r"\[4\] is no server of 0 to 3|\[1\] is no server of 0"):
        check(broken.OneTooFar)
    with pytest.raises(BrokenRule, match=r"HOLD without Action\.until"):
        check(broken.HoldsForEver)
    with pytest.raises(BrokenRule, match=r"select changed Context\.tried"):
        check(broken.MarksTried)
    with pytest.raises(BrokenRule, match="OverflowError: too many requests in flight"):
        check(broken.FewInFlight)


def test_who_ends_the_program_breaks_a_rule() -> None:
    with pytest.raises(BrokenRule, match="SystemExit: 0"):
        check(broken.Exits)


def test_hyperparameters_may_be_any() -> None:
    check(lambda: broken.Sound(wander=0.9))


def test_it_is_quick() -> None:
    """A third of a second of a processor, whatever else the machine does."""
    start = process_time()
    check(STRATEGIES["v6"])
    assert process_time() - start < 3
