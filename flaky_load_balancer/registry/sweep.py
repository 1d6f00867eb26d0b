"""Sweeps: one text that stands for a strategy with many values of its hyperparameters.

v6:cooldown=0.2..5:log8             eight values from 0.2 to 5, by equal factors
v6:cooldown=0.2..5:8                eight values in equal steps
v6:cooldown=0.5|1|2                 these three
v7:cooldown=0.5|1,memory=10..100:4  every combination of two and four values
"""

from collections.abc import Iterator
from itertools import product
from math import isfinite, nan

import numpy as np

from flaky_load_balancer import registry
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.registry import values

EXAMPLE = "as in v6:cooldown=0.2..5:log8 or v6:cooldown=0.5|1|2"
LARGEST = 500  # strategies of a sweep: a comparison plays each of them against all others
DIGITS = 2  # significant ones of the distance between neighbours


class SweepError(UserError, ValueError):
    """A text that is no sweep; the message says what one looks like."""


def expand(sweep: str) -> list[str]:
    """The canonical specs of all strategies that ``sweep`` stands for, each once."""
    head, equals, _ = sweep.partition("=")
    name, colon, _ = head.rpartition(":")
    if not equals or not colon:
        raise SweepError(f"no parameter has values to sweep, {EXAMPLE}")
    kind = registry.kind(name)
    choices = list(_choices(kind, sweep[len(name) + 1 :]))
    if np.prod([float(len(texts)) for _, texts in choices]) > LARGEST:
        raise SweepError(f"more than {LARGEST} combinations; give fewer values")
    combined = product(*([f"{each}={text}" for text in texts] for each, texts in choices))
    specs = [registry.canonical(f"{name}:{','.join(pairs)}") for pairs in combined]
    found = list(dict.fromkeys(specs))
    if len(found) < 2:
        raise SweepError(f"it stands for {found[0]} alone; give several values, {EXAMPLE}")
    return found


def _choices(kind: type, text: str) -> Iterator[tuple[str, list[str]]]:
    """The values of each parameter, as text."""
    whole = values.whole(kind)
    for part in text.split(","):
        name, _, wanted = (piece.strip() for piece in part.partition("="))
        if ".." in wanted:
            yield name, _between(wanted, whole=name in whole)
        else:
            yield name, [each.strip() for each in wanted.split("|")]


def _between(text: str, *, whole: bool) -> list[str]:
    """The values of a range; of whole numbers some may fall together."""
    low, high, factors, many = _range(text)
    points = np.geomspace(low, high, many) if factors else np.linspace(low, high, many)
    numbers = np.rint(points).tolist() if whole else _rounded(points)
    return list(dict.fromkeys(values.shown(number) for number in numbers))


def _range(text: str) -> tuple[float, float, bool, int]:
    """Both ends, whether by equal factors, and how many values."""
    ends, _, steps = text.partition(":")
    low, high = (_number(end) for end in ends.split("..", 1))
    factors, many = steps.startswith("log"), steps.removeprefix("log")
    if not low < high:
        raise SweepError(f"{ends} is no range from a number to a higher one, {EXAMPLE}")
    if not many.isdecimal() or not 2 <= int(many) <= LARGEST:
        raise SweepError(
            f"{text}: say how many values, 2 to {LARGEST}, in equal steps ({ends}:8)"
            f" or by equal factors ({ends}:log8)"
        )
    if factors and low <= 0:
        raise SweepError(f"{text}: equal factors need a range above 0; try {ends}:{many}")
    return low, high, factors, int(many)


def _number(text: str) -> float:
    """NaN where it is none that could end a range."""
    try:
        return float(text) if isfinite(float(text)) else nan
    except ValueError:
        return nan


def _rounded(points: Floats) -> list[float]:
    """Each as exact as it takes to tell it from its nearest neighbour."""
    gaps = np.diff(points)
    nearest = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    digits = (DIGITS - 1 - np.floor(np.log10(nearest))).astype(int).tolist()
    return [round(point, digit) for point, digit in zip(points.tolist(), digits, strict=True)]
