"""What an answer of a provider means: the one place that knows its statuses and codes."""

import math
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from flaky_load_balancer.core.balancer import LONGEST_WAIT
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.gateway import limits
from flaky_load_balancer.gateway.errors import error_of
from flaky_load_balancer.proxy import outcomes
from flaky_load_balancer.proxy.http1 import Headers
from flaky_load_balancer.proxy.outcomes import Answer

KEY_REFUSED = {401, 403}
UNPAID = 402
CONTEXT = {400, 413, 422}  # statuses with which a request can be too long for a model
TOO_LONG = re.compile(
    r"context.?(length|window|size)|maximum context|prompt is too long|too many (input )?tokens"
    r"|input is too long|reduce the length",
    re.IGNORECASE,
)
QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
RATE = re.compile(r"rate.?limit|too many requests|429", re.IGNORECASE)


class Fate(Enum):
    """What becomes of an answer."""

    FINAL = auto()  # the client's, good or not
    LARGER = auto()  # too long for this model: another one may have more room
    LEAVE_OUT = auto()  # the server does not take our key
    ELSEWHERE = auto()  # another server may do better


@dataclass(slots=True)
class Verdict:
    answer: Answer
    fate: Fate
    quota: bool = False  # the account behind the key is empty


def of_answer(
    status: int,
    headers: Headers,
    document: Any,
    now: float,
    failed: frozenset[int],
    *,
    wanted: str | None,
    ours: bool,
) -> Verdict:
    """Of a whole answer, which is this JSON, None for none; ``now`` since the epoch.

    ``wanted`` is the list that it has to have to be an answer, None where a stream was asked for;
    ``ours``: the server was sent a key of ours.
    """
    error = error_of(document)
    if status in outcomes.SUCCESS:
        return _of_success(document, error, wanted)
    code = str(error.get("code") or error.get("type"))
    if status == UNPAID or (status == outcomes.TOO_MANY and code in QUOTA):
        return _unpaid(status)
    if status in KEY_REFUSED and ours:
        answer = Answer(
            Outcome.FAILED, processed=False, reason="key refused", detail=f"status {status}"
        )
        return Verdict(answer, Fate.LEAVE_OUT)
    if status in CONTEXT and too_long(error):
        answer = Answer(Outcome.CANCELLED, processed=False, detail="the context is too long")
        return Verdict(answer, Fate.LARGER)
    answer = outcomes.of_http(status, headers, now, failed)
    if answer.outcome is Outcome.RATE_LIMITED or status == outcomes.UNAVAILABLE:
        answer = _refused(answer, limits.wait(headers, now))
    if 300 <= status < 400:
        answer = Answer(Outcome.FAILED, reason="redirect", detail=f"status {status}")
    return Verdict(answer, Fate.FINAL if answer.outcome is Outcome.SUCCEEDED else Fate.ELSEWHERE)


def of_event(error: dict[str, Any], reason: str) -> Answer:
    """Of a stream that broke off; ``error`` is what the server said in it."""
    said = f"{error.get('code')} {error.get('type')}"
    if RATE.search(said):
        return Answer(Outcome.RATE_LIMITED, processed=False, detail=reason)
    return Answer(Outcome.FAILED, unclear=True, reason=reason)


def too_long(error: dict[str, Any]) -> bool:
    """Whether the request has more tokens than the model takes."""
    if error.get("code") == "context_length_exceeded":
        return True
    return TOO_LONG.search(str(error.get("message", ""))) is not None


def _of_success(document: Any, error: dict[str, Any], wanted: str | None) -> Verdict:
    if error:
        return Verdict(of_event(error, "error"), Fate.ELSEWHERE)
    if wanted is None:
        detail = "the answer is not streamed"
    elif not isinstance(document, dict):
        detail = "the answer is no JSON object"
    elif not isinstance(document.get(wanted), list):
        detail = f"the answer has no list {wanted!r}"
    else:
        return Verdict(Answer(Outcome.SUCCEEDED), Fate.FINAL)
    return Verdict(Answer(Outcome.FAILED, reason="malformed", detail=detail), Fate.ELSEWHERE)


def _refused(answer: Answer, wait: float) -> Answer:
    """A refusal with what it says of the time in any shape; a 503 is one only if it does."""
    if math.isnan(wait) and answer.outcome is not Outcome.RATE_LIMITED:
        return answer
    return Answer(Outcome.RATE_LIMITED, _bounded(wait), processed=False, detail=answer.detail)


def _unpaid(status: int) -> Verdict:
    """Nothing but money mends this, and nobody tells when: ask again, as seldom as can be."""
    answer = Answer(
        Outcome.RATE_LIMITED,
        LONGEST_WAIT,
        processed=False,
        detail=f"status {status}: no quota left",
    )
    return Verdict(answer, Fate.ELSEWHERE, quota=True)


def _bounded(wait: float) -> float:
    return wait if math.isnan(wait) else min(LONGEST_WAIT, wait)
