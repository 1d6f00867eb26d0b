"""A log of attempts, read from CSV: which server, when, how it ended, how long it took.

What ``flb export --format csv`` writes is one; so is what most programs can be made to log.
Columns are found by name, others are ignored.
"""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, isfinite, nan
from pathlib import Path
from typing import TextIO, TypeVar

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Bools, Floats, Ints, Outcome

T = TypeVar("T")

SERVER = ("server",)
TIME = "sent", "time", "timestamp"
OUTCOME = "outcome", "status"
LATENCY = {"latency_ms": 1e-3, "latency": 1.0, "latency_s": 1.0}  # seconds in a unit
FARTHEST = 1e20  # seconds: nobody's clock, and differences can still be told
LABELS = {outcome.label: outcome for outcome in Outcome}


class LogError(UserError):
    """What is wrong with a log: the file, the line, the column, and what was expected."""


@dataclass(frozen=True)
class Log:
    """n attempts in the order of their times; arrays are (n,)."""

    servers: tuple[str, ...]
    start: float  # of the first attempt, in the log's own seconds
    time: Floats  # seconds since ``start``
    server: Ints
    outcome: Ints
    latency: Floats  # seconds; NaN where the log does not say
    run: Ints  # numbered from 0: limits begin anew with each run

    @property
    def admitted(self) -> Bools:
        """Whether the server tried."""
        tried: Bools = (self.outcome == Outcome.SUCCEEDED) | (self.outcome == Outcome.FAILED)
        return tried

    @property
    def refused(self) -> Bools:
        refused: Bools = self.outcome == Outcome.RATE_LIMITED
        return refused

    @property
    def span(self) -> float:
        """Seconds from the first to the last attempt."""
        return float(self.time[-1])

    @property
    def since(self) -> Floats:
        """(n,) seconds since the first attempt of the same run."""
        first = np.full(int(self.run.max()) + 1, np.inf)
        np.minimum.at(first, self.run, self.time)
        since: Floats = self.time - first[self.run]
        return since


def read(path: Path) -> Log:
    """The log in a file; a ``LogError`` if it is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return parse(stream, str(path))
    except UnicodeDecodeError as error:
        raise LogError(f"{path}: not a CSV file: not UTF-8 (byte {error.start})") from None
    except csv.Error as error:
        raise LogError(f"{path}: not a CSV file: {error}") from None
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror}") from None


def parse(stream: TextIO | Iterable[str], source: str) -> Log:
    reader = csv.DictReader(stream)
    head = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = head
    names = [_column(head, wanted, source) for wanted in (SERVER, TIME, OUTCOME)]
    latency = next((name for name in LATENCY if name in head), None)
    lines = [_line(row, names, latency, f"{source}, line {reader.line_num}") for row in reader]
    if not lines:
        raise LogError(f"{source}: no attempts: expected a line for each, below the head line")
    return _sorted(lines)


Line = tuple[str, float, Outcome, float, str]


def _line(row: Mapping[str, str | None], names: list[str], latency: str | None, at: str) -> Line:
    server, time, outcome = names
    return (
        _field(row, server, _text, "the name or URL of a server", at),
        _field(row, time, _seconds, "seconds, or a time such as 2026-11-22T10:30:00.125Z", at),
        _field(row, outcome, _outcome, f"one of {', '.join(LABELS)}, or an HTTP status", at),
        nan
        if latency is None
        else LATENCY[latency] * _field(row, latency, _duration, DURATION, at),
        row.get("run") or "",
    )


DURATION = "a number that is not negative, or nothing"


def _field(
    row: Mapping[str, str | None], name: str, read: Callable[[str], T], expected: str, at: str
) -> T:
    text = row[name]
    if text is None:
        raise LogError(f"{at}, column {name}: missing, expected {expected}; the line is too short")
    try:
        return read(text.strip())
    except ValueError:
        shown = ascii(text) if len(text) <= 40 else f"{text[:40]!a}..."
        raise LogError(f"{at}, column {name}: expected {expected}, not {shown}") from None


def _column(head: list[str], wanted: tuple[str, ...], source: str) -> str:
    for name in wanted:
        if name in head:
            return name
    found = ", ".join(head) or "nothing"
    raise LogError(
        f"{source}, line 1: no column {' or '.join(wanted)}: expected a head line with server,"
        f" {'|'.join(TIME)}, {'|'.join(OUTCOME)} and perhaps {'|'.join(LATENCY)}, not {found:.200}"
    )


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _seconds(text: str) -> float:
    try:
        return _finite(text, FARTHEST)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _outcome(text: str) -> Outcome:
    label = text.lower()
    if label in LABELS:
        return LABELS[label]
    status = int(text)
    if not 100 <= status <= 599:
        raise ValueError
    if status == 429:
        return Outcome.RATE_LIMITED
    return Outcome.SUCCEEDED if 200 <= status < 300 else Outcome.FAILED


def _duration(text: str) -> float:
    if not text:
        return nan
    value = _finite(text)
    if value < 0:
        raise ValueError
    return value


def _finite(text: str, most: float = inf) -> float:
    value = float(text)
    if not isfinite(value) or abs(value) > most:
        raise ValueError
    return value


def _sorted(lines: list[Line]) -> Log:
    """Servers are numbered as they come in the log; runs as well."""
    lines.sort(key=lambda line: line[1])
    servers, times, outcomes, latencies, runs = zip(*lines, strict=True)
    names, numbers = (
        tuple(dict.fromkeys(servers)),
        {run: n for n, run in enumerate(dict.fromkeys(runs))},
    )
    names = tuple(sorted(names, key=_natural))
    place = {name: number for number, name in enumerate(names)}
    return Log(
        servers=names,
        start=times[0],
        time=np.array(times) - times[0],
        server=np.array([place[name] for name in servers]),
        outcome=np.array(outcomes, dtype=np.intp),
        latency=np.array(latencies),
        run=np.array([numbers[run] for run in runs]),
    )


def _natural(name: str) -> tuple[int, str]:
    """Ports of one host in the order of their numbers."""
    return len(name), name
