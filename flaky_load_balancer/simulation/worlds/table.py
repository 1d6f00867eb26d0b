"""Tables of real answers: how well and how dearly each model answered each query.

    qid, task, text, q:<model>, cost:<model>        CSV, also .gz; any of them optional but one q

or one of the formats in ``formats``.  Everything is read as text and numbers; nothing is ever
unpickled.
"""

import csv
import gzip
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.features import Features
from flaky_load_balancer.simulation.worlds.formats import FormatError, rows_in

UNKNOWN = ""  # the task of queries that have none
LARGEST_TEXT = 10_000_000  # characters of a field


class AnswersError(UserError, ValueError):
    """What is wrong with a table of answers: the file, the line or column, and the fix."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Q queries and K models: ``quality`` (Q, K) in [0, 1] and ``cost`` (Q, K) in dollars.

    ``task`` (Q,) is an index into ``labels``; ``text`` has Q texts, empty where there are none.
    """

    models: tuple[str, ...]
    labels: tuple[str, ...]
    task: Ints
    text: tuple[str, ...]
    quality: Floats
    cost: Floats

    def __len__(self) -> int:
        return len(self.quality)

    def features(self, specification: Iterable[str]) -> tuple[Floats, tuple[int, int]]:
        """(Q, d) features, and which of their columns are marks of the task.

        ``task`` marks the label that the table has; all other parts are made of the text.
        """
        parts = list(specification)
        columns = [np.ones((len(self), 1))]
        marks = (0, 0)
        if "task" in parts and len(self.labels) > 1:
            columns.append(np.eye(len(self.labels))[self.task])
            marks = 1, 1 + len(self.labels)
        others = [part for part in parts if part != "task"]
        if others:
            columns.append(Features(others).of_all(self.text)[:, 1:])
        return np.hstack(columns), marks

    def take(self, those: Ints) -> "Answers":
        """Some of the queries."""
        return Answers(
            self.models,
            self.labels,
            self.task[those],
            tuple(self.text[place] for place in those),
            self.quality[those],
            self.cost[those],
        )


def read_answers(path: Path) -> Answers:
    """The table in a file, which may be compressed; AnswersError says what is wrong."""
    return _answers(str(path), *rows_of(path))


def rows_of(path: Path) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table in a file, which may be compressed, as texts."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except OSError as error:
        raise AnswersError(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, EOFError) as error:
        raise AnswersError(f"{path}: not a text file in UTF-8: {error}") from None
    return _rows(text, str(path))


def parse_answers(text: str, source: str) -> Answers:
    """The table in a text; ``source`` names it in errors."""
    return _answers(source, *_rows(text, source))


def _rows(text: str, source: str) -> tuple[list[str], list[list[str]]]:
    csv.field_size_limit(min(sys.maxsize, LARGEST_TEXT))
    try:
        head, rows = rows_in(text)
    except FormatError as error:
        raise AnswersError(f"{source}: {error}") from None
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise AnswersError(
                f"{source}: row {number} has {len(row)} fields, the head {len(head)}: expected a"
                " field for each column"
            )
    return head, rows


def _answers(source: str, head: list[str], rows: list[list[str]]) -> Answers:
    places = {name: place for place, name in enumerate(head)}
    if len(places) < len(head):
        twice = next(name for name in places if head.count(name) > 1)
        raise AnswersError(f"{source}: the column {twice!r} is there twice; keep one of them")
    models = tuple(name[2:] for name in places if name.startswith("q:"))
    if not models:
        raise AnswersError(
            f"{source}: no column q:<model> with the quality of its answers, from 0 to 1; the"
            f" columns are {', '.join(places) or 'none'}"
        )
    if not rows:
        raise AnswersError(f"{source}: no query; expected a line for each")
    labels, task = _labels(rows, places.get("task"))
    place = places.get("text")
    quality = [_numbers(source, rows, places, f"q:{m}", 1.0) for m in models]
    cost = [_numbers(source, rows, places, f"cost:{m}", np.inf) for m in models]
    texts = tuple("" if place is None else row[place] for row in rows)
    return Answers(models, labels, task, texts, np.array(quality).T, np.array(cost).T)


def _labels(rows: list[list[str]], place: int | None) -> tuple[tuple[str, ...], Ints]:
    if place is None:
        return (UNKNOWN,), np.zeros(len(rows), dtype=np.intp)
    labels, task = np.unique([row[place] for row in rows], return_inverse=True)
    return tuple(map(str, labels)), task.astype(np.intp)


def _numbers(
    source: str, rows: list[list[str]], places: dict[str, int], name: str, most: float
) -> Floats:
    """(Q,) a column; costs that the table has none of are 0."""
    if name not in places:
        return np.zeros(len(rows))
    numbers = np.empty(len(rows))
    for line, row in enumerate(rows):
        field = row[places[name]]
        try:
            numbers[line] = float(field)
        except ValueError:
            numbers[line] = np.nan
        if not 0 <= numbers[line] <= most or np.isinf(numbers[line]):
            wanted = "from 0 to 1" if most == 1 else "of at least 0"
            raise AnswersError(
                f"{source}: row {line + 2}, {name}: expected a number {wanted}, not {field[:40]!r}"
            )
    return numbers
