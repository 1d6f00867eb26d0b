"""What may be tried of each parameter: as somebody says, or around its default.

cooldown=0.1..5:log     by equal factors, from 0.1 to 5
memory=5..60            in equal steps
fallback=published|untried
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.registry import hyperparameters

AROUND = 5.0  # times the default, and a fifth of it
HALVINGS = 20  # to find where a parameter begins to be refused
DIGITS = 4  # significant ones of a number that is tried
EXAMPLE = "as in --range cooldown=0.1..5:log or --range fallback=published|untried"


@dataclass(frozen=True)
class Range:
    """The values of one parameter: ``choices``, or from ``low`` to ``high``."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: Any) -> Any:
        """The value that Optuna wants to try."""
        if self.choices:
            return trial.suggest_categorical(self.name, list(self.choices))
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        value = trial.suggest_float(self.name, self.low, self.high, log=self.log)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def __contains__(self, value: Any) -> bool:
        return value in self.choices if self.choices else self.low <= value <= self.high

    def __str__(self) -> str:
        if self.choices:
            return f"{self.name}={'|'.join(map(str, self.choices))}"
        return f"{self.name}={self.low:g}..{self.high:g}{':log' if self.log else ''}"


def ranges(strategy: Strategy, asked: Sequence[str]) -> list[Range]:
    """What is asked for; if nothing is, numbers around their defaults, and yes or no."""
    usual = hyperparameters(strategy)
    found = [_asked(strategy, usual, text) for text in asked] if asked else _around(strategy, usual)
    if not found:
        raise SettingsError("this strategy has no parameter to tune; name another one")
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"--range {name}: given twice; give it once")
    return found


def _asked(strategy: Strategy, usual: dict[str, Any], text: str) -> Range:
    name, _, wanted = (piece.strip() for piece in text.partition("="))
    if name not in usual:
        raise SettingsError(f"--range {text}: no such parameter; there are {', '.join(usual)}")
    if ".." in wanted:
        made = _between(text, name, wanted, whole=type(usual[name]) is int)
        ends: tuple[Any, ...] = (made.low, made.high)
        ends = tuple(map(int, ends)) if made.whole else ends
    else:
        values = [_read(text, usual[name], each.strip()) for each in wanted.split("|")]
        made, ends = Range(name, choices=tuple(values)), tuple(values)
        if len(values) < 2:
            raise SettingsError(f"--range {text}: give several values, {EXAMPLE}")
    for end in ends:
        if (why := _refused(strategy, name, end)) is not None:
            raise SettingsError(f"--range {text}: {why}")
    return made


def _between(text: str, name: str, wanted: str, *, whole: bool) -> Range:
    ends, _, scale = wanted.partition(":")
    try:
        low, high = map(float, ends.split("..", 1))
    except ValueError:
        low = high = 0.0
    if not (isfinite(low) and isfinite(high) and low < high) or scale not in {"", "log"}:
        raise SettingsError(
            f"--range {text}: a range goes from a number to a higher one, {EXAMPLE}"
        )
    if scale and low <= 0:
        raise SettingsError(f"--range {text}: equal factors need a range above 0")
    if whole and not (low.is_integer() and high.is_integer()):
        raise SettingsError(f"--range {text}: {name} is a whole number; give whole ends")
    return Range(name, low, high, bool(scale), whole)


def _read(text: str, usual: Any, value: str) -> Any:
    try:
        if isinstance(usual, bool):
            return {"true": True, "false": False}[value]
        return value if usual is None or isinstance(usual, str) else type(usual)(value)
    except (KeyError, ValueError):
        raise SettingsError(f"--range {text}: {value!r} is no value of it, {EXAMPLE}") from None


def _around(strategy: Strategy, usual: dict[str, Any]) -> list[Range]:
    found = []
    for name, value in usual.items():
        if isinstance(value, bool):
            found.append(Range(name, choices=(False, True)))
        elif isinstance(value, int | float) and isfinite(value) and value > 0:
            low, high = (_allowed(strategy, name, value, value * by) for by in (1 / AROUND, AROUND))
            if low < high:
                found.append(Range(name, low, high, log=True, whole=isinstance(value, int)))
    return found


def _allowed(strategy: Strategy, name: str, usual: float, end: float) -> float:
    """The end, or the value nearest to it that the strategy takes, with three digits."""
    kind = type(usual)
    good, bad = usual, float(f"{end:.3g}")
    if _refused(strategy, name, kind(bad)) is None:
        return kind(bad)
    for _ in range(HALVINGS):
        middle = kind((good + bad) / 2)
        good, bad = (middle, bad) if _refused(strategy, name, middle) is None else (good, middle)
    return good


def _refused(strategy: Strategy, name: str, value: Any) -> str | None:
    """Why the strategy does not take this value, if it does not."""
    try:
        replace(strategy, **{name: value})  # type: ignore[type-var]
    except ValueError as error:
        return str(error)
    return None
