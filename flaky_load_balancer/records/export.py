"""Recorded runs for other programs: CSV and JSON, and the list that ``flb runs`` shows.

Texts are made a page at a time, so that a run of millions of attempts fits through a little memory.
"""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any, Literal, TextIO

import orjson

from flaky_load_balancer.records import Records

Format = Literal["csv", "json"]

PAGE = 1000  # attempts read at once
COLUMNS = ("request", "id", "number", "server", "outcome", "sent", "latency_ms")
PLAYED = {"strategy": "strategies", "scenario": "scenarios"}
RUNS = ("session", "kind", "run", "strategy", "scenario", "seed", "requests", "score", "started")


def export(records: Records, names: Iterable[str], form: Format, stream: TextIO) -> None:
    """Write the runs meant by these ids of runs and sessions; RecordsError if one is unknown."""
    runs = list(dict.fromkeys(run for name in names for run in records.resolve(name)))
    stream.writelines((csv_lines if form == "csv" else json_pieces)(records, runs))


def csv_lines(records: Records, runs: Iterable[int]) -> Iterator[str]:
    """A head line, then a line for every attempt, many at a time; ``sent`` in ISO 8601, UTC."""
    yield _csv([["run", "strategy", "scenario", *COLUMNS]])
    for run in _found(records, runs):
        names = [run["run"], run["strategy"], run["scenario"]]
        for page in pages(records, run["run"]):
            yield _csv([*names, *_fields(attempt)] for attempt in page)


def json_pieces(records: Records, runs: Iterable[int]) -> Iterator[str]:
    """Pieces of ``{"runs": [{the fields of a run, "attempts": [...]}, ...]}``."""
    yield '{"runs":['
    for index, run in enumerate(_found(records, runs)):
        head = orjson.dumps(run).decode()
        yield f'{"," if index else ""}\n{head[:-1]},"attempts":['
        for place, page in enumerate(pages(records, run["run"])):
            rows = orjson.dumps(page).decode()
            yield f"{',' if place else ''}\n{rows[1:-1]}"
        yield "]}"
    yield "\n]}\n"


def pages(records: Records, run: int) -> Iterator[list[dict[str, Any]]]:
    """All attempts of a run, as ``Records.attempts`` describes them, some at a time."""
    after = 0
    while page := records.attempts(run, after, PAGE):
        yield page
        after = page[-1]["cursor"]


def listed(records: Records) -> list[dict[str, Any]]:
    """What ``flb runs`` shows, newest first: runs, and comparisons, which have none."""
    sessions = records.sessions()
    facts = {each["session"]: {key: each[key] for key in ("kind", "valid")} for each in sessions}
    unknown = {"kind": None, "valid": None}  # deleted meanwhile
    rows = [{**run, **facts.get(run["session"], unknown)} for run in records.runs()]
    rows += [_compared(session) for session in sessions if session["kind"] == "compare"]
    rows.sort(key=lambda row: row["started"], reverse=True)
    return [{name: row[name] for name in (*RUNS, "state", "valid")} for row in rows]


def _compared(session: dict[str, Any]) -> dict[str, Any]:
    """A comparison as if it were one run of all its strategies; its scores are means of many."""
    names = {key: ", ".join(session[plural]) for key, plural in PLAYED.items()}
    requests = session["settings"].get("requests")
    return {**session, **names, "run": None, "requests": requests, "score": None}


def iso(seconds: float) -> str:
    """Seconds since the epoch as ``2026-11-22T10:30:00.123456Z``."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def _found(records: Records, runs: Iterable[int]) -> Iterator[dict[str, Any]]:
    return (found for run in runs if (found := records.run(run)) is not None)


def _fields(attempt: dict[str, Any]) -> list[Any]:
    return [iso(attempt["sent"]) if name == "sent" else attempt[name] for name in COLUMNS]


def _csv(rows: Iterable[list[Any]]) -> str:
    lines = StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()
