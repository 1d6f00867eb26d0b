"""A log of attempts, read from CSV: which server, when, how it ended, how long it took.

What ``flb export --format csv`` writes is one; so is what most programs can be made to log.
Columns are found by name, others are ignored.
"""

import csv
import gzip
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from math import inf, isfinite, nan
from pathlib import Path
from typing import TextIO, TypeVar

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Bools, Floats, Ints, Outcome

T = TypeVar("T")

SERVER = ("server",)
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}  # seconds in a unit
TIME = {  # columns of times, and the unit that their names say
    f"{name}{'_' if unit else ''}{unit or ''}": unit
    for name in ("sent", "time", "timestamp")
    for unit in (None, *UNITS)
}
TIMES = "sent", "time", "timestamp", "time_ms", "time_us", "time_ns"  # for messages
EPOCH = 6.3e8, 4.1e9  # seconds since 1970: from 1990 to 2099
OUTCOME = "outcome", "status"
LATENCY = {"latency": 1.0} | {f"latency_{unit}": seconds for unit, seconds in UNITS.items()}
LONGEST = 60.0  # seconds: what a scenario takes for a median
CLIENT_GONE = 499, 460  # nginx' and AWS' status for a client that hung up: nobody's failure
GZIP = b"\x1f\x8b"
FARTHEST = 1e20  # seconds: nobody's clock, and differences can still be told
LABELS = {outcome.label: outcome for outcome in Outcome} | {"canceled": Outcome.CANCELLED}


class LogError(UserError):
    """What is wrong with a log: the file, the line, the column, and what was expected."""


@dataclass(frozen=True)
class Log:
    """n attempts in the order of their times; arrays are (n,)."""

    servers: tuple[str, ...]
    unit: str  # of its times: s, ms, us or ns
    start: float  # seconds of the first attempt on the log's own clock
    time: Floats  # seconds since ``start``
    tick: float  # seconds that its clock counts in; 0 where it is finer than can be told
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
    """The log in a file, plain or gzipped, ``-`` being standard input; a LogError if it is none."""
    source = "standard input" if str(path) == "-" else str(path)
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        text = gzip.decompress(content) if content.startswith(GZIP) else content
        return parse(StringIO(text.decode("utf-8-sig"), newline=""), source)
    except UnicodeDecodeError as error:
        raise LogError(f"{source}: not a CSV file: not UTF-8 (byte {error.start})") from None
    except csv.Error as error:
        raise LogError(f"{source}: not a CSV file: {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LogError(f"{source}: a gzip file that is broken: {error}") from None
    except OSError as error:
        raise LogError(f"{source}: cannot be read: {error.strerror}") from None


def parse(stream: TextIO | Iterable[str], source: str) -> Log:
    reader = csv.DictReader(stream)
    head = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = head
    names = [_column(head, wanted, source) for wanted in (SERVER, tuple(TIME), OUTCOME)]
    latency = next((name for name in LATENCY if name in head), None)
    for name in (*names, latency, "run"):
        if name is not None and head.count(name) > 1:
            raise LogError(
                f"{source}, line 1, column {name}: it is there {head.count(name)} times: expected"
                " it once; rename or leave out the others"
            )
    lines = [_line(row, names, latency, f"{source}, line {reader.line_num}") for row in reader]
    if not lines:
        raise LogError(f"{source}: no attempts: expected a line for each, below the head line")
    log = _sorted(lines, names[1], source)
    _check_latency(log, latency, source)
    return log


Line = tuple[str, float, Outcome, float, str]


def _line(row: Mapping[str, str | None], names: list[str], latency: str | None, at: str) -> Line:
    server, time, outcome = names
    return (
        _field(row, server, _text, "the name or URL of a server", at),
        _field(row, time, _time, MOMENT, at)
        if TIME[time] is None
        else _field(row, time, _number, "a number", at),
        _field(row, outcome, _outcome, f"one of {', '.join(LABELS)}, or an HTTP status", at),
        nan
        if latency is None
        else LATENCY[latency] * _field(row, latency, _duration, DURATION, at),
        row.get("run") or "",
    )


DURATION = "a number that is not negative, or nothing"
MOMENT = "seconds, or a time such as 2026-11-22T10:30:00.125Z"


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
    shown = TIMES if wanted == tuple(TIME) else wanted
    raise LogError(
        f"{source}, line 1: no column {' or '.join(shown)}: expected a head line with server,"
        f" {'|'.join(TIMES)}, {'|'.join(OUTCOME)} and perhaps {'|'.join(LATENCY)}, not {found:.200}"
    )


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _number(text: str) -> float:
    return _finite(text, FARTHEST)


def _time(text: str) -> float:
    """A number as it is, a moment as seconds since 1970."""
    try:
        return _number(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _unit(times: Floats, column: str, source: str) -> str:
    """The unit of a column of times: by its name, else by the years that they would be in."""
    named = TIME[column]
    if named is not None:
        return named
    size = np.abs(times)
    if size.max() < EPOCH[0]:
        return "s"  # since any moment
    fitting = [
        unit
        for unit, seconds in UNITS.items()
        if ((size * seconds >= EPOCH[0]) & (size * seconds < EPOCH[1])).all()
    ]
    if fitting:
        return fitting[0]
    strange = times[np.argmax(size)]
    raise LogError(
        f"{source}, column {column}: expected all times in one unit, s, ms, us or ns since 1970,"
        f" not {times[0]:.17g} and {strange:.17g}: name the column {column}_ms, {column}_us or"
        f" {column}_ns if they are in that unit"
    )


def _check_latency(log: Log, column: str | None, source: str) -> None:
    """Refuse latencies that nobody waits for."""
    if column is None or not np.isfinite(log.latency).any():
        return
    median = float(np.nanmedian(log.latency))
    if median > LONGEST:
        raise LogError(
            f"{source}, column {column}: expected seconds that somebody waits for, not a median of"
            f" {median:,.0f} s: name the column latency_ms, latency_us or latency_ns if they are in"
            " that unit"
        )


def _outcome(text: str) -> Outcome:
    label = text.lower()
    if label in LABELS:
        return LABELS[label]
    status = int(text)
    if not 100 <= status <= 599:
        raise ValueError
    if status == 429:
        return Outcome.RATE_LIMITED
    if status in CLIENT_GONE:
        return Outcome.CANCELLED
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


def _sorted(lines: list[Line], column: str, source: str) -> Log:
    """Servers are numbered as they come in the log; runs as well."""
    lines.sort(key=lambda line: line[1])
    servers, times, outcomes, latencies, runs = zip(*lines, strict=True)
    unit = _unit(np.array(times), column, source)
    names = tuple(sorted(dict.fromkeys(servers), key=_natural))
    place = {name: number for number, name in enumerate(names)}
    numbers = {run: n for n, run in enumerate(dict.fromkeys(runs))}
    return Log(
        servers=names,
        unit=unit,
        start=times[0] * UNITS[unit],
        time=(np.array(times) - times[0]) * UNITS[unit],
        tick=_tick(np.array(times)) * UNITS[unit],
        server=np.array([place[name] for name in servers]),
        outcome=np.array(outcomes, dtype=np.intp),
        latency=np.array(latencies),
        run=np.array([numbers[run] for run in runs]),
    )


def _tick(times: Floats) -> float:
    """The power of ten, from 1 down, that all times are whole multiples of; 0 if there is none."""
    since = times - np.floor(times.min())
    for digits in range(7):
        if np.abs(since * 10**digits - np.round(since * 10**digits)).max() < 1e-3:
            return 10.0**-digits
    return 0.0


def _natural(name: str) -> tuple[int, str]:
    """Ports of one host in the order of their numbers."""
    return len(name), name
