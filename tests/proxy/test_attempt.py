"""An attempt only goes forward, and ends exactly once, whatever happens to it."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.attempt import Attempt, AttemptError, Phase
from flaky_load_balancer.proxy.outcomes import Answer
from flaky_load_balancer.proxy.request import Decision

STEPS: dict[Phase, Callable[[Attempt], None]] = {
    Phase.SENT: lambda attempt: attempt.sent(),
    Phase.ANSWERED: lambda attempt: attempt.answered(1.0, 200),
    Phase.ENDED: lambda attempt: attempt.end(Answer(Outcome.SUCCEEDED)),
}


def attempt() -> Attempt:
    decision = Decision(1, 0.0, 1, "id", 1, 0, "a", None, None, None, None)
    return Attempt(1, 0, 0, 0.0, decision)


@given(st.lists(st.sampled_from(list(STEPS)), max_size=8))
def test_whatever_happens_phases_only_go_forward(steps: list[Phase]) -> None:
    one, ends = attempt(), 0
    for step in steps:
        before = one.phase
        with suppress(AttemptError):
            STEPS[step](one)
            ends += step is Phase.ENDED
        assert one.phase == max(before, step)
    assert ends == (Phase.ENDED in steps)
    assert (one.answer is not None) == (Phase.ENDED in steps)


def test_what_cannot_happen_any_more_is_a_fault() -> None:
    one = attempt()
    one.end(Answer(Outcome.CANCELLED))
    with pytest.raises(AttemptError, match="ENDED after ENDED"):
        one.end(Answer(Outcome.FAILED))
    with pytest.raises(AttemptError, match="SENT after ENDED"):
        one.sent()
