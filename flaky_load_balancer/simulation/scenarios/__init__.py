"""Scenarios: what a fleet of flaky servers is like, as data in TOML files.

The built-in ones lie beside this module, in the very format users write: to add one, add a file.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from flaky_load_balancer.simulation.scenarios.model import (
    Failure,
    Latency,
    Limit,
    Markov,
    Motion,
    PerServer,
    Scenario,
    Size,
    Stretch,
)
from flaky_load_balancer.simulation.scenarios.reader import parse, read
from flaky_load_balancer.simulation.scenarios.table import ScenarioError

__all__ = [
    "ALL",
    "Failure",
    "Latency",
    "Limit",
    "Markov",
    "Motion",
    "PerServer",
    "Scenario",
    "ScenarioError",
    "Size",
    "Stretch",
    "builtin",
    "find",
    "parse",
    "read",
]

ALL = ("T1", "T2", "T3")  # what "all" stands for: the three kinds of servers of the main race


@cache
def builtin() -> Mapping[str, Scenario]:
    """Every scenario that ships with the package, by name, in the order they are shown."""
    texts = [file for file in files(__name__).iterdir() if file.name.endswith(".toml")]
    found = [parse(text.read_text(encoding="utf-8"), source=text.name) for text in texts]
    return MappingProxyType({scenario.name: scenario for scenario in sorted(found, key=_order)})


def find(name_or_path: str) -> Scenario:
    """A built-in scenario by its name, in any case, or the one that a file describes."""
    known = {name.lower(): scenario for name, scenario in builtin().items()}
    scenario = known.get(name_or_path.lower())
    if scenario is not None:
        return scenario
    if name_or_path.lower().endswith(".toml") or "/" in name_or_path or "\\" in name_or_path:
        return read(Path(name_or_path))
    raise ScenarioError(_unknown(name_or_path))


def _order(scenario: Scenario) -> str:
    return scenario.name


def _unknown(name: str) -> str:
    names = {known.lower(): known for known in builtin()}
    close = [names[match] for match in get_close_matches(name.lower(), names, n=2)]
    meant = f" (did you mean {' or '.join(close)}?)" if close else ""
    return (
        f"unknown scenario {name!r}{meant}: expected one of {', '.join(builtin())},"
        " or the path of a .toml file"
    )
