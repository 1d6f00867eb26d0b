"""Tables of answers in the formats that people have, as the head and rows of our own.

    RouterBench    csv     prompt, eval_name, <model>, <model>|total_cost
    RouteLLM       csv     prompt, <model> with True and False
    LLMRouter      json    [{"question", "scores": {<model>: quality}}]
    ParetoBandit   jsonl   {"prompt", "source", "arms": {<model>: {"reward", "cost"}}}

Each is known by what is in it; a file that is none of them is read as our own.  Nothing is ever
unpickled: RouterBench has its tables as pickles, too, which are not read.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

Rows = tuple[list[str], list[list[str]]]  # head and rows, as texts
COST = "|total_cost"
FLAGS = {"true": "1", "false": "0"}


class FormatError(ValueError):
    """A table is broken; the message names the line, the field and what was expected."""


def rows_in(text: str) -> Rows:
    """Head and rows of a table of any of the formats; FormatError says where it is broken."""
    start = text[:64].lstrip()
    if start.startswith("["):
        return _from_records(_json(text), _llmrouter)
    if start.startswith("{"):
        lines = [line for line in text.splitlines() if line.strip()]
        return _from_records([_json(line, n) for n, line in enumerate(lines, 1)], _paretobandit)
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        head, rows = [name.strip() for name in next(reader, [])], [row for row in reader if row]
    except csv.Error as error:
        raise FormatError(f"line {reader.line_num}: not CSV: {error}") from None
    if any(name.startswith("q:") for name in head) or "prompt" not in head:
        return head, rows
    return _wide(head, rows)


def _wide(head: list[str], rows: list[list[str]]) -> Rows:
    """RouterBench and RouteLLM: a column for each model, called by its name."""
    priced = [name.removesuffix(COST) for name in head if name.endswith(COST)]
    models = priced or [name for name in head if _flags(head.index(name), rows)]
    found = {"text": "prompt", "task": "eval_name"}
    found |= {f"q:{model}": model for model in models}
    found |= {f"cost:{model}": model + COST for model in priced}
    places = {ours: head.index(theirs) for ours, theirs in found.items() if theirs in head}
    every = [[row[p] if p < len(row) else "" for p in places.values()] for row in rows]
    return list(places), [[FLAGS.get(field.lower(), field) for field in row] for row in every]


def _flags(place: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column has nothing but true and false."""
    return bool(rows) and all(place < len(row) and row[place].lower() in FLAGS for row in rows)


def _json(text: str, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"line {line}: not JSON: {error}") from None


Record = tuple[str, str, dict[str, tuple[Any, Any]]]  # text, task, quality and cost by model


def _from_records(records: Sequence[Any], read: Callable[[Any], Record]) -> Rows:
    found: list[Record] = []
    for number, record in enumerate(records, start=1):
        try:
            found.append(read(record))
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError(
                f"record {number}: {error} is missing or not of its type; expected the fields of"
                f" {read.__name__.removeprefix('_')}, see docs/routing.md"
            ) from None
    models = sorted({model for _, _, answers in found for model in answers})
    head = ["text", "task", *(f"q:{m}" for m in models), *(f"cost:{m}" for m in models)]
    nothing = ("", "")
    return head, [
        [text, task, *(str(answers.get(m, nothing)[side]) for side in (0, 1) for m in models)]
        for text, task, answers in found
    ]


def _llmrouter(record: Any) -> Record:
    scores = record["scores"].items()
    task = str(record.get("task_name", ""))
    return str(record["question"]), task, {str(model): (score, 0.0) for model, score in scores}


def _paretobandit(record: Any) -> Record:
    arms = {str(m): (arm["reward"], arm["cost"]) for m, arm in record["arms"].items()}
    return str(record["prompt"]), str(record.get("source", "")), arms
