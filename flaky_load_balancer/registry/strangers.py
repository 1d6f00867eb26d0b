"""Strategies that are not ours: classes in somebody's module, and entry points of packages."""

import inspect
import sys
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from flaky_load_balancer.core.errors import located
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.registry.conformance import BrokenRule
from flaky_load_balancer.registry.values import UnknownStrategyError

GROUP = "flaky_load_balancer.strategies"


def imported(module: str, attribute: str) -> type[Strategy]:
    """The class ``module:attribute``, looked for among what is installed, then in this folder."""
    return _strategy(f"{module}:{attribute}", _attribute(_module(module), attribute))


@cache
def offered() -> dict[str, EntryPoint]:
    """What installed packages offer, by name, not imported before somebody asks for it."""
    return {point.name.lower(): point for point in entry_points(group=GROUP)}


def taken(point: EntryPoint) -> type[Strategy]:
    """The class that a package offers."""
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise UnknownStrategyError(
            f"{point.name} (entry point {point.value}) cannot be imported: {located(error)}"
        ) from error
    return _strategy(point.value, found)


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # for good: the processes of --jobs must find it too
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:
        raise UnknownStrategyError(f"{name} cannot be imported: {located(error)}") from error


def _attribute(module: ModuleType, name: str) -> object:
    if hasattr(module, name):
        return getattr(module, name)
    there = [key for key, value in vars(module).items() if _is_strategy(value)]
    close = get_close_matches(name, there, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UnknownStrategyError(
        f"{module.__name__} has no {name!r}; {hint}Its strategies are: {', '.join(there) or 'none'}"
    )


def _strategy(spec: str, found: object) -> type[Strategy]:
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        reason = f"{spec} is no class derived from flaky_load_balancer.core.strategy.Strategy"
        raise BrokenRule("it is a strategy", reason)
    return found


def _is_strategy(value: object) -> bool:
    derived = isinstance(value, type) and issubclass(value, Strategy)
    return derived and not inspect.isabstract(value)
