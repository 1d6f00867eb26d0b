"""Decisions of which somebody may still say what their answers were worth."""

import re
from collections import OrderedDict
from dataclasses import dataclass

from flaky_load_balancer.core.types import Floats

MOST = 100_000  # decisions that are remembered, half a kilobyte each
RECENT = 10_000  # of them where all are recorded
OLDEST = 86_400.0  # seconds for which they are
Key = tuple[str, int, int]  # the route, or the part of it that decided, run and request
DECISION = re.compile(r"dec-([0-9a-f]{1,15})-([0-9a-f]{1,15})-[0-9a-f]{16}")


@dataclass(slots=True, eq=False)
class Decided:
    """Which server answered a request, what was seen of it, and what its answer was worth."""

    route: str  # or the part of it that decided
    run: int
    request: int
    server: str  # its name
    index: int  # in the run's list of servers
    features: Floats | None  # (1, d)
    time: float  # seconds since the epoch
    value: float | None = None
    beaten: frozenset[Key] = frozenset()  # by this answer

    @property
    def key(self) -> Key:
        """Of which there is one for each answer, whatever it is called."""
        return self.route, self.run, self.request


class Ledger:
    """Decisions by their ids and by the ids of the answers, the ``most`` newest ones."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self._decisions: OrderedDict[str, Decided] = OrderedDict()
        self._answers: OrderedDict[str, str] = OrderedDict()

    def remember(self, decision: str, answer: str | None, decided: Decided) -> None:
        self._decisions[decision] = decided
        if len(self._decisions) > self.most:
            self._decisions.popitem(last=False)
        if answer is not None:
            self._answers[answer] = decision
            if len(self._answers) > self.most:
                self._answers.popitem(last=False)

    def forget(self, decision: str) -> None:
        """There was no answer, after all."""
        self._decisions.pop(decision, None)

    def find(self, id: str) -> Decided | None:  # noqa: A002
        """By the id of a decision or of an answer; None if it is not remembered here."""
        return self._decisions.get(self._answers.get(id, id))


def place(decision: str) -> tuple[int, int] | None:
    """The run and the number of the request that a decision's id names."""
    found = DECISION.fullmatch(decision)
    return None if found is None else (int(found[1], 16), int(found[2], 16))


def decision_id(run: int, request: int, chance: str) -> str:
    """``chance``: 16 hexadecimal digits, so that nobody can rate the answers of others."""
    return f"dec-{run:x}-{request:x}-{chance}"
