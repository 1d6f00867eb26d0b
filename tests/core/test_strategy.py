"""A strategy around another one passes everything on, also what is added to the interface later."""

from typing import ClassVar

import numpy as np

from flaky_load_balancer import registry
from flaky_load_balancer.core.strategy import Strategy, Wrapped, notes
from flaky_load_balancer.core.types import Floats, Rules
from strategies.v4_thompson import Thompson


class Counted(Thompson):
    """Says that it holds no constraint."""

    broken: ClassVar = {"share_min": np.array([7.0])}

    def violations(self) -> dict[str, Floats]:
        return self.broken


def test_every_method_of_the_interface_is_passed_on() -> None:
    methods = {name for name, each in vars(Strategy).items() if callable(each) and name[0] != "_"}
    assert {"select", "violations", "prefer"} <= methods
    assert methods <= vars(Wrapped).keys()


def test_violations_are_those_of_the_strategy_within() -> None:
    assert Wrapped(Wrapped(Counted())).violations() is Counted.broken


def test_who_wants_notes_is_asked_through_all_that_is_around_it() -> None:
    for spec, wants in (("cascade", True), ("v4", False)):
        for around in (spec, f"{spec}:share_min=0.05"):
            strategy = registry.parse(around)
            strategy.reset(Rules(3), 1, np.random.default_rng(0))
            assert notes(Wrapped(strategy)) is wants
