"""What a scenario says of contexts: tasks, features, quality, cost and late rewards.

The tables ``[tasks]``, ``[quality]``, ``[cost]``, ``[delay]`` and ``[table]``, as frozen values and
read from a file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.scenarios.table import Table

LARGEST_D = 1024
TABLES = "tasks", "quality", "cost", "delay", "table", "preferences", "objective"
ONE_TASK = "any"  # the label where a scenario has qualities or costs, and no tasks


@dataclass(frozen=True, slots=True)
class Tasks:
    """Kinds of requests, how often each comes, and what strategies see of it.

    The features of a request are one mark for each task, plus normal noise, and after them normal
    numbers that mean nothing, ``d`` in all.  If they are ``binary`` there are digits of the task's
    number instead of marks, -1 or 1, lowest first: what a task is good for is told by no digit
    alone.
    """

    labels: tuple[str, ...]
    weights: tuple[float, ...]  # of arrival; their sum is 1
    d: int
    noise: float  # standard deviation of what is added to the marks or digits
    binary: bool = False

    @property
    def code(self) -> Floats:
        """(tasks, columns) what tells the tasks apart, without noise."""
        tasks = np.arange(len(self.labels))
        if not self.binary:
            return np.eye(len(tasks))
        return np.where(tasks[:, None] >> np.arange(digits(len(tasks))) & 1, 1.0, -1.0)

    @property
    def marks(self) -> tuple[int, int]:
        """The columns that mark the task; (0, 0): none."""
        return (0, 0) if self.binary else (0, len(self.labels))


@dataclass(frozen=True, slots=True)
class Quality:
    """The mean reward of a success: ``mean[task][server]``."""

    mean: tuple[tuple[float, ...], ...]
    spread: float | None = None  # concentration of a Beta distribution; None: Bernoulli


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars for an attempt that a server answered: lognormal, ``median[task][server]``."""

    median: tuple[tuple[float, ...], ...]
    sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A table of real answers, replayed in random order, another one for every replication."""

    file: Path
    features: tuple[str, ...] = ("task",)  # of each query: its label, or parts of ``features``


@dataclass(frozen=True, slots=True)
class Preferences:
    """Every question is asked twice, and people say which answer was better, but not how good.

    The chance that an answer is preferred is 1 / (1 + exp(-sharpness x its lead in quality)).
    """

    sharpness: float = 10.0


@dataclass(frozen=True, slots=True)
class Contexts:
    """All that a scenario says of what requests are about."""

    tasks: Tasks | None = None  # drawn, or
    recorded: Recorded | None = None  # from a table
    quality: Quality | None = None  # without: a success is worth 1
    cost: Cost | None = None
    reward_delay: float = 0.0  # seconds from the answer until its reward is known
    preferences: Preferences | None = None  # that are told instead of rewards
    usd: float = 0.0  # points that a dollar costs
    seconds: float = 0.0  # points that a second until the answer costs


def digits(tasks: int) -> int:
    """How many binary digits it takes to number so many tasks."""
    return max(1, (tasks - 1).bit_length())


def read_contexts(top: Table, servers: int) -> Contexts | None:
    """What the file says of contexts; None if nothing."""
    tables = {name: top.table(name) for name in TABLES}
    if not any(tables.values()):
        return None
    if tables["table"] is not None:
        for name in ("tasks", "quality", "cost"):
            if tables[name] is not None:
                raise top.error(name, "no such table beside [table], which has its own answers")
        return Contexts(recorded=_recorded(tables["table"]), **_told(top, tables))
    tasks = (
        Tasks((ONE_TASK,), (1.0,), 1, 0.0) if tables["tasks"] is None else _tasks(tables["tasks"])
    )
    return Contexts(
        tasks=tasks,
        quality=None if tables["quality"] is None else _quality(tables["quality"], tasks, servers),
        cost=None if tables["cost"] is None else _cost(tables["cost"], tasks, servers),
        **_told(top, tables),
    )


def _told(top: Table, tables: dict[str, Table | None]) -> dict[str, Any]:
    """How and when people say what answers were worth, and what costs count."""
    delay, table = _delay(tables["delay"]), tables["preferences"]
    objective = _objective(tables["objective"])
    if table is None:
        return {"reward_delay": delay} | objective
    if delay:
        raise top.error("delay", "no such table beside [preferences], which are told at once")
    sharpness = table.number("sharpness", 0.0, 1e3, default=Preferences().sharpness)
    table.finish()
    return {"preferences": Preferences(sharpness)} | objective


def _objective(table: Table | None) -> dict[str, float]:
    if table is None:
        return {}
    found = {name: table.number(name, 0.0, 1e9, default=0.0) for name in ("usd", "seconds")}
    table.finish()
    return found


def _tasks(table: Table) -> Tasks:
    features = table.table("features")
    labels = tuple(key for key in table.content if key != "features")
    if not labels:
        raise table.error("features", "at least one task with its weight beside the features")
    weights = [table.number(label, 0.0, 1e9) for label in labels]
    if not sum(weights):
        raise table.error(labels[0], "weights of arrival, not all of them 0")
    d, noise, binary = len(labels), 0.0, False
    if features is not None:
        binary = "code" in features and features.choice("code", ("marks", "binary")) == "binary"
        d = digits(len(labels)) if binary else d
        d = features.whole("d", d, LARGEST_D) if "d" in features else d
        noise = features.number("noise", 0.0, 1e3, default=0.0)
        features.finish()
    table.finish()
    return Tasks(labels, tuple(weight / sum(weights) for weight in weights), d, noise, binary)


def _quality(table: Table, tasks: Tasks, servers: int) -> Quality:
    spread = table.number("spread", 1e-3, 1e6) if "spread" in table else None
    quality = Quality(_by_task(table, tasks, servers, "mean", 1.0), spread)
    table.finish()
    return quality


def _cost(table: Table, tasks: Tasks, servers: int) -> Cost:
    sigma = table.number("sigma", 0.0, 3.0, default=0.0)
    cost = Cost(_by_task(table, tasks, servers, "usd", 1e6), sigma)
    table.finish()
    return cost


def _by_task(
    table: Table, tasks: Tasks, servers: int, every: str, most: float
) -> tuple[tuple[float, ...], ...]:
    """Numbers per server for each task; the key ``every`` has those of all that are not named."""
    usual = table.numbers(every, servers, 0.0, most) if every in table else None
    rows = []
    for label in tasks.labels:
        if usual is None or label in table:
            rows.append(table.numbers(label, servers, 0.0, most))
        else:
            rows.append(usual)
    return tuple(rows)


def _delay(table: Table | None) -> float:
    if table is None:
        return 0.0
    seconds = table.number("reward", 0.0, 1e6, default=0.0)
    table.finish()
    return seconds


def _recorded(table: Table) -> Recorded:
    file = Path(table.text("file"))
    if not file.is_absolute() and table.source:
        file = Path(table.source).parent / file
    if not file.is_file():
        raise table.error("file", "a file that is there", str(file))
    features: Any = table.content.get("features", ["task"])
    if "features" in table and not (
        isinstance(features, list) and all(isinstance(each, str) for each in features)
    ):
        raise table.error("features", 'a list of texts, as ["task", "hash:16"]', features)
    table.finish()
    return Recorded(file, tuple(features))
