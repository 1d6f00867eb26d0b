"""One request, sent once to one server: a life with one outcome."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from flaky_load_balancer.proxy.outcomes import Answer, Worth

if TYPE_CHECKING:
    from flaky_load_balancer.proxy.pool import Server
    from flaky_load_balancer.proxy.request import Decision


class Phase(IntEnum):
    """How far an attempt has come.  It never goes back, and may end from everywhere."""

    BEGUN = 0  # a server was chosen
    SENT = 1  # some of the request may have reached it
    ANSWERED = 2  # the head of its answer is there
    ENDED = 3


class AttemptError(Exception):
    """Something happened to an attempt that cannot happen to it any more: a fault of ours."""


@dataclass(slots=True, eq=False)
class Attempt:
    """Times are seconds of the dispatcher's clock."""

    number: int  # 1 for the request's first
    arm: int  # the server, when it was chosen; a reload may renumber servers later
    index: int  # the server in the run's list
    began: float
    decision: "Decision"
    hedge: bool = False
    server: "Server | None" = None
    phase: Phase = Phase.BEGUN
    first_byte: float | None = None  # when the head of the answer came
    status: int | None = None
    answer: Answer | None = None
    cost: float | None = None  # dollars so far, where attempts cost any
    worth: Worth | None = None  # what the server says of its answer
    size: float | None = None  # tokens of request and answer, where they are counted
    output: float | None = None  # of these, the tokens of the answer
    answer_id: str | None = None  # what the server calls its answer
    estimated: bool = False  # tokens and cost, which nobody has counted

    def sent(self) -> None:
        self._advance(Phase.SENT)

    def answered(self, now: float, status: int) -> None:
        self._advance(Phase.ANSWERED)
        self.first_byte, self.status = now, status

    def end(self, answer: Answer) -> None:
        self._advance(Phase.ENDED)
        self.answer = answer

    def _advance(self, phase: Phase) -> None:
        if phase <= self.phase:
            raise AttemptError(f"attempt {self.number}: {phase.name} after {self.phase.name}")
        self.phase = phase
