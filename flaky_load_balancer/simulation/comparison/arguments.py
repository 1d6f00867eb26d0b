"""What a notebook asks for, checked as the command line checks it; errors name the argument."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import is_dataclass, replace
from math import inf
from operator import index
from pathlib import Path
from typing import Any, TypeVar

from flaky_load_balancer import registry
from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.registry.conformance import BrokenRule, check
from flaky_load_balancer.simulation.scenarios import ALL, Scenario, find

One = TypeVar("One")

RATES = 0.001, 100_000


def whole(name: str, value: Any, least: int, most: float = inf) -> int:
    """A whole number in these limits."""
    expected = f"a whole number from {least} {'up' if most == inf else f'to {most}'}"
    try:
        number = index(value)
    except TypeError:
        raise SettingsError(f"{name} must be {expected}, not {value!r}") from None
    if not least <= number <= most:
        raise SettingsError(f"{name} must be {expected}, not {value!r}")
    return number


def checked_rate(value: float) -> float:
    low, high = RATES
    if not low <= value <= high:  # nor is NaN
        raise SettingsError(f"rate must be a number from {low} to {high}, not {value!r}")
    return value


def chosen_strategies(given: str | Strategy | Sequence[str | Strategy]) -> dict[str, Strategy]:
    """By the names that results show; objects that are not ours must keep the rules first."""
    found: dict[str, Strategy] = {}
    for each in _some("strategies", [given] if isinstance(given, str | Strategy) else given):
        if isinstance(each, Strategy):
            found[repr(each)] = _conforming(each)
        elif isinstance(each, str):
            found |= {name: registry.parse(name) for name in registry.chosen([each], oracle=True)}
        else:
            raise SettingsError(f"strategies: expected names or Strategy objects, not {each!r}")
    return found


def chosen_scenarios(
    given: str | Path | Scenario | Sequence[str | Path | Scenario],
) -> list[Scenario]:
    """Each scenario once; two of one name are refused."""
    found: dict[str, Scenario] = {}
    for each in _some("scenarios", [given] if isinstance(given, str | Path | Scenario) else given):
        for one in ALL if each == "all" else (each,):
            scenario = one if isinstance(one, Scenario) else find(str(one))
            if found.setdefault(scenario.name, scenario) != scenario:
                raise SettingsError(
                    f"scenarios: two are named {scenario.name!r}; give one of them another name"
                )
    return list(found.values())


def _some(name: str, given: Sequence[One]) -> Sequence[One]:
    if not len(given):
        raise SettingsError(f"{name}: there are none; name at least one, or leave it out for all")
    return given


def _conforming(strategy: Strategy) -> Strategy:
    """Checked are others made alike: this one may have played before, and its state is its own."""
    if registry.is_built_in(strategy):
        return strategy
    try:
        check(lambda: _alike(strategy))
    except BrokenRule as error:
        raise SettingsError(f"strategies: {strategy!r} {error}") from error
    return strategy


def _alike(strategy: Any) -> Strategy:
    made: Strategy = replace(strategy) if is_dataclass(type(strategy)) else strategy
    return deepcopy(made)
