"""A table of a scenario file that is read key by key, and knows which keys nobody read."""

from collections.abc import Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

from flaky_load_balancer.core.errors import UserError, shown


class ScenarioError(UserError):
    """What is wrong with a scenario: the file, the key and what was expected."""


class Table:
    """One table: its values by key, each checked as it is read.

    Reading a missing, ill-typed or out-of-range value raises a ``ScenarioError``.
    """

    def __init__(self, source: str, path: str, content: dict[str, Any]) -> None:
        self.source = source
        self.path = path
        self.content = content
        self.read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self.read.add(key)
        return key in self.content

    def error(self, key: str, expected: str, *found: Any) -> ScenarioError:
        """The error about one key; ``found`` is its value, where it has one."""
        instead = f", not {shown(found[0])}" if found else ""
        return ScenarioError(f"{self.source}: {self._dotted(key)}: expected {expected}{instead}")

    def finish(self) -> None:
        """Refuse the keys that were never read."""
        for key in sorted(self.content.keys() - self.read)[:1]:
            close = get_close_matches(key, self.read, n=1)
            known = ", ".join(sorted(self.read))
            raise ScenarioError(
                f"{self.source}: {self._dotted(key)}: unknown key, "
                + (f"did you mean {close[0]}?" if close else f"expected one of {known}")
            )

    def text(self, key: str, default: str | None = None) -> str:
        if key not in self and default is not None:
            return default
        value = self._value(key, "a text")
        if not isinstance(value, str):
            raise self.error(key, "a text", value)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.content[key] if key in self else default
        if not isinstance(value, bool):
            raise self.error(key, "true or false", value)
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str:
        expected = "one of " + ", ".join(f'"{choice}"' for choice in choices)
        value = self._value(key, expected)
        if not isinstance(value, str) or value not in choices:
            raise self.error(key, expected, value)
        return value

    def number(self, key: str, low: float, high: float, *, default: float | None = None) -> float:
        if key not in self and default is not None:
            return default
        expected = f"a number {_between(low, high)}"
        value = self._value(key, expected)
        if not _fits(value, low, high):
            raise self.error(key, expected, value)
        return float(value)

    def whole(self, key: str, low: int, high: int) -> int:
        expected = f"a whole number {_between(low, high)}"
        value = self._value(key, expected)
        if not _fits(value, low, high) or not isinstance(value, int):
            raise self.error(key, expected, value)
        return value

    def pair(
        self, key: str, low: float, high: float, *, whole: bool = False
    ) -> tuple[float, float]:
        """``[least, most]``."""
        numbers = "whole numbers" if whole else "numbers"
        expected = f"[least, most], two {numbers} {_between(low, high)}"
        value = self._value(key, expected)
        if not isinstance(value, list) or len(value) != 2:
            raise self.error(key, expected, value)
        if not all(_fits(each, low, high) and (not whole or each == int(each)) for each in value):
            raise self.error(key, expected, value)
        if value[0] > value[1]:
            raise self.error(key, expected + " in this order", value)
        return float(value[0]), float(value[1])

    def number_or_pair(self, key: str, low: float, high: float) -> tuple[float, float]:
        """A range, or one number for a range without width."""
        value = self._value(key, f"a number {_between(low, high)} or [least, most]")
        if isinstance(value, list):
            return self.pair(key, low, high)
        number = self.number(key, low, high)
        return number, number

    def numbers(self, key: str, count: int, low: float, high: float) -> tuple[float, ...]:
        expected = f"a list of {count} numbers {_between(low, high)}, one for each server"
        value = self._value(key, expected)
        if not isinstance(value, list):
            raise self.error(key, expected, value)
        if len(value) != count:
            raise self.error(key, expected, f"{len(value)} of them")
        for each in value:
            if not _fits(each, low, high):
                raise self.error(key, expected, each)
        return tuple(float(each) for each in value)

    def texts(self, key: str, count: int) -> tuple[str, ...]:
        expected = f"a list of {count} different texts, one for each server"
        value = self._value(key, expected)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.error(key, expected, value)
        if len(value) != count or len(set(value)) < count:
            raise self.error(key, expected, value)
        return tuple(value)

    def indices(self, key: str, servers: int) -> tuple[int, ...]:
        expected = f"a list of different servers, from 0 to {servers - 1}"
        value = self._value(key, expected)
        if not isinstance(value, list) or not value:
            raise self.error(key, expected, value)
        for each in value:
            if not _fits(each, 0, servers - 1) or not isinstance(each, int):
                raise self.error(key, expected, each)
        if len(set(value)) < len(value):
            raise self.error(key, expected, value)
        return tuple(value)

    def table(self, key: str) -> "Table | None":
        return self.required_table(key) if key in self else None

    def required_table(self, key: str) -> "Table":
        value = self._value(key, f"a table [{self._dotted(key)}]")
        if not isinstance(value, dict):
            raise self.error(key, f"a table [{self._dotted(key)}]", value)
        return Table(self.source, self._dotted(key), value)

    def tables(self, key: str) -> list["Table"]:
        value = self.content[key] if key in self else []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.error(key, f"tables [[{self._dotted(key)}]]", value)
        return [
            Table(self.source, f"{self._dotted(key)}[{place}]", each)
            for place, each in enumerate(value)
        ]

    def _value(self, key: str, expected: str) -> Any:
        if key not in self:
            raise ScenarioError(f"{self.source}: {self._dotted(key)}: missing, expected {expected}")
        return self.content[key]

    def _dotted(self, key: str) -> str:
        plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
        name = key if plain else shown(key)
        return f"{self.path}.{name}" if self.path else name


def _fits(value: Any, low: float, high: float) -> bool:
    """Whether a value is a number of this range; true and false are not numbers here."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return low <= float(value) <= high
    except OverflowError:  # an integer of more than 308 digits
        return False


def _between(low: float, high: float) -> str:
    return f"from {low:.12g} to {high:.12g}" if isfinite(high) else f"of at least {low:.12g}"
