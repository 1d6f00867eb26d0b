"""Typed access to the tables of a config file: every refusal names file, key and fix."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from math import inf
from pathlib import Path
from sys import float_info
from typing import Any

from flaky_load_balancer.core.errors import UserError, shown

ENVIRONMENT = "env:"


class SettingsError(UserError):
    """Something that a user wrote is wrong; the message names where and how to mend it."""


class FromEnvironment(str):
    """A value of the environment.  Messages, which say ``!r``, show where it comes from instead."""

    _written: str

    def __new__(cls, value: str, written: str) -> "FromEnvironment":
        made = super().__new__(cls, value)
        made._written = written
        return made

    def __reduce__(self) -> tuple[type["FromEnvironment"], tuple[str, str]]:
        """What a copy in another process is made of."""
        return FromEnvironment, (str(self), self._written)

    def __repr__(self) -> str:
        return repr(self._written)


class Table:
    """One table of the file.

    Values are taken by name and type.  ``finish`` refuses the keys that nobody took, so the keys
    that exist are those that the reader asks for.
    """

    def __init__(
        self,
        file: str,
        key: str,
        values: object,
        folder: Path = Path(),
        *,
        private: bool = True,
    ) -> None:
        self.file = file  # as messages name it
        self.folder = folder  # that relative names of other files start from
        self.private = private  # others cannot read the file
        self.key = key
        self._taken: set[str] = set()
        if not isinstance(values, Mapping):
            raise SettingsError(f"{file}: {key}: expected a table, not {shown(values)}")
        self._values: Mapping[str, Any] = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def dotted(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name

    def wrong(self, name: str, expected: str) -> SettingsError:
        return SettingsError(f"{self.file}: {self.dotted(name)}: expected {expected}")

    def value(self, name: str) -> Any:
        """The value as the file has it, None if it has none."""
        self._taken.add(name)
        return self._values.get(name)

    def text(self, name: str, default: str | None = None) -> str | None:
        """A text, or None; ``env:NAME`` stands for a variable of the environment."""
        value = self.value(name)
        return default if value is None else self._text(name, value)

    def required(self, name: str) -> str:
        return self._text(name, self.value(name))

    def texts(self, name: str, expected: str) -> tuple[str, ...] | None:
        """A list of at least one text, or None."""
        values = self.value(name)
        if values is None:
            return None
        if not isinstance(values, list) or not values:
            raise self.wrong(name, f"a list of {expected}")
        return tuple(self._text(name, value) for value in values)

    def switch(self, name: str, default: bool) -> bool:
        value = self.value(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, f"true or false, not {shown(value)}")
        return default if value is None else value

    def whole(self, name: str, default: int, low: int = 0, high: int = 2**63 - 1) -> int:
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            span = f"from {low} up" if high >= 2**63 - 1 else f"from {low} to {high}"
            raise self.wrong(name, f"a whole number {span}, not {shown(value)}")
        return value

    def number(self, name: str, default: float, low: float = 0.0, high: float = inf) -> float:
        value = self.value(name)
        if value is None:
            return default
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= min(high, float_info.max):
            span = f"from {low:g} up" if high == inf else f"from {low:g} to {high:g}"
            raise self.wrong(name, f"a number {span}, not {shown(value)}")
        return float(value)

    def seconds(self, name: str, default: float) -> float:
        return self.number(name, default, 1e-3, 1e6)

    def percent(self, name: str, default: float) -> float:
        return self.number(name, default, 0, 100)

    def within(self, name: str, values: object) -> "Table":
        """These values as a table that messages call by its place in this one."""
        return Table(self.file, self.dotted(name), values, self.folder, private=self.private)

    def table(self, name: str) -> "Table | None":
        """A table within this one, or None."""
        value = self.value(name)
        return None if value is None else self.within(name, value)

    def optional(self, name: str) -> "Table":
        """A table within this one, empty where there is none."""
        return self.table(name) or self.within(name, {})

    def tables(self, name: str) -> dict[str, "Table"]:
        """The tables [name.X] by X; at least one."""
        value = self.value(name)
        if not isinstance(value, dict) or not value:
            raise self.wrong(name, f"at least one table [{self.dotted(name)}.NAME]")
        return {key: self.within(f"{name}.{key}", each) for key, each in value.items()}

    def list_of_tables(self, name: str) -> Iterator["Table"]:
        value = self.value(name)
        if not isinstance(value, list):
            raise self.wrong(name, f"a list of tables, not {shown(value)}")
        for number, each in enumerate(value):
            yield self.within(f"{name}[{number}]", each)

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that there are."""
        return tuple(self._values)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """All entries, as texts."""
        for name in self._values:
            yield name, self.required(name)

    def finish(self) -> None:
        """Refuse what nobody took."""
        for name in self._values:
            if name not in self._taken:
                near = get_close_matches(name, self._taken, 1)
                hint = f"did you mean {near[0]}? " if near else ""
                there = ", ".join(sorted(self._taken))
                raise SettingsError(
                    f"{self.file}: {self.dotted(name)}: no such key; {hint}use {there}"
                )

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self.wrong(name, f"a text in quotes, not {shown(value)}")
        return from_environment(value, f"{self.file}: {self.dotted(name)}")


def from_environment(value: str, called: str) -> str:
    """The value, or what ``env:NAME`` stands for; SettingsError if the environment has none."""
    if not value.startswith(ENVIRONMENT):
        return value
    variable = value.removeprefix(ENVIRONMENT)
    found = os.environ.get(variable)
    if not found:
        raise SettingsError(
            f"{called}: the environment has no {variable};"
            f" set it, or write the value instead of {shown(value)}"
        )
    return FromEnvironment(found, value)
