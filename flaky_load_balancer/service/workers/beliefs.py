"""What a worker believes of servers, and its last decisions, as people see them at the parent."""

import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.request import Decision
from flaky_load_balancer.proxy.route import Reported, Route

NOT_BEFORE = "not before"  # beside the beliefs: until when each server sent us away


def believed(route: Route, now: float) -> bytes:
    """What a route believes: a head that names it all, and numbers as they are in memory."""
    arms = len(route.servers)
    beliefs = {key: np.broadcast_to(row, arms) for key, row in route.beliefs(now).items()}
    rows = [np.array(route.dispatcher.not_before), *beliefs.values()]
    head = orjson.dumps({"servers": list(route.servers), "keys": list(beliefs)})
    numbers = np.array(rows, dtype=np.float64)
    return struct.pack("<I", len(head)) + head + numbers.tobytes()


def believe(route: Route, report: memoryview) -> None:
    """Show these beliefs; those of servers that it had before a reload are dropped."""
    (length,) = struct.unpack_from("<I", report)
    head = orjson.loads(report[4 : 4 + length])
    if head["servers"] != list(route.servers):
        return
    rows = np.frombuffer(report[4 + length :], dtype=np.float64)
    not_before, *beliefs = rows.reshape(1 + len(head["keys"]), -1)
    route.dispatcher.not_before = not_before.tolist()
    route.reported = Reported(head["servers"], dict(zip(head["keys"], beliefs, strict=True)))


def decided(decisions: Iterable[Decision]) -> list[list[Any]]:
    """Decisions as JSON, all but their cursors in front."""
    return [
        [
            each.cursor,
            *(each.time, each.request, each.id, each.number, each.arm, each.server, each.until),
            None if each.index is None else each.index.tolist(),
            None if each.eligible is None else each.eligible.tolist(),
            each.probability,
            None if each.features is None else each.features.tolist(),
            None if each.most is None else each.most.tolist(),
            each.budget,
            None if each.answer is None else int(each.answer.outcome),
            each.latency,
        ]
        for each in decisions
    ]


class Decisions:
    """Of one route and worker, as far as the parent has shown them."""

    def __init__(self) -> None:
        self._open: dict[int, Decision] = {}  # by the worker's cursor: not answered yet
        self._last = 0

    @property
    def after(self) -> int:
        """Those behind this cursor are of interest."""
        return min(self._open, default=self._last + 1) - 1

    def take(self, rows: Iterable[list[Any]]) -> list[Decision]:
        """What is new among these; of what was open the ends are added."""
        new = []
        for cursor, *values, outcome, latency in rows:
            decision = self._open.get(cursor)
            if decision is None and cursor > self._last:
                decision = _decision(values)
                new.append(decision)
                self._last = cursor
                if decision.arm >= 0:
                    self._open[cursor] = decision
            if decision is not None and outcome is not None:
                decision.answer, decision.latency = Answer(Outcome(outcome)), latency
                self._open.pop(cursor, None)
        if self._open and self._last - min(self._open) > 256:
            del self._open[min(self._open)]
        return new


def _decision(values: list[Any]) -> Decision:
    *values, features, most, budget = values
    time, request, *what, server, until, index, eligible, probability = values
    request_id, number, arm = what
    return Decision(
        0,  # its place among those of all workers, which is not known yet
        *(time, request, request_id, number, arm, server, until),
        _numbers(index),
        None if eligible is None else np.array(eligible, dtype=bool),
        probability,
        features=_numbers(features),
        most=_numbers(most),
        budget=budget,
    )


def _numbers(values: list[float | None] | None) -> Any:
    """JSON has no infinity and no NaN."""
    return None if values is None else np.array(values, dtype=np.float64)
