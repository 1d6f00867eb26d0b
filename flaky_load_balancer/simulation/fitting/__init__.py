"""From a log of attempts to a scenario: what the servers in it are like, as far as it can tell."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from flaky_load_balancer.simulation.fitting.fit import Fit
from flaky_load_balancer.simulation.fitting.log import read
from flaky_load_balancer.simulation.fitting.text import toml
from flaky_load_balancer.simulation.scenarios import parse


class Fitted(NamedTuple):
    """A scenario file, what is uncertain about it, and both as JSON."""

    toml: str
    doubts: list[str]
    result: dict[str, Any]


def fit(path: Path, name: str | None = None) -> Fitted:
    """Fit a scenario to the log in a file, or ``-``; a ``UserError`` for what is wrong with it."""
    made = Fit.of(read(path))
    source = "standard input" if str(path) == "-" else path.name
    text = toml(made, _named(path) if name is None else name, source)
    parse(text, source="--name" if name is not None else str(path))
    return Fitted(text, made.doubts, made.result())


def _named(path: Path) -> str:
    """The file's name, as far as a scenario may have it."""
    stem = Path(path.name.removesuffix(".gz")).stem
    return re.sub(r"[^A-Za-z0-9._-]+|^[._-]+", "-", stem).lstrip("._-")[:64] or "fitted"
