"""A batch taken apart and put together is the batch."""

import numpy as np

from flaky_load_balancer.core.types import HOLD, Action, Context
from strategies.parts.batches import together

BATCH = Context.of(
    rows=np.array([4, 5, 6]),
    now=np.array([1.0, 2.0, 3.0]),
    attempt=np.array([1, 2, 3]),
    tried=np.array([[False, False], [True, False], [True, True]]),
    deadline=np.array([11.0, 12.0, 13.0]),
    request=np.array([7, 8, 9]),
    left=np.array([10, 1, 2]),
    available=np.array([[True, True], [True, False], [False, True]]),
    size=np.array([100.0, np.nan, 300.0]),
    features=np.array([[0.1], [0.2], [0.3]]),
)
OUTER, INNER = np.array([0, 2]), np.array([1])


def test_a_part_has_everything_of_its_decisions() -> None:
    some = BATCH.take(OUTER)
    assert (some.rows.tolist(), some.now.tolist()) == ([4, 6], [1.0, 3.0])
    assert (some.attempt.tolist(), some.deadline.tolist()) == ([1, 3], [11.0, 13.0])
    assert some.tried.tolist() == [[False, False], [True, True]]
    assert (some.request.tolist(), some.left.tolist()) == ([7, 9], [10, 2])
    assert some.available.tolist() == [[True, True], [False, True]]
    assert some.size.tolist() == [100.0, 300.0]
    assert some.features is not None
    assert some.features.tolist() == [[0.1], [0.3]]


def test_what_was_decided_apart_is_put_where_it_belongs() -> None:
    index, eligible = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[True, False], [False, True]])
    sent = Action(np.array([1, 0]), None, index, eligible)
    held = Action(np.array([HOLD]), np.array([2.5]), index[:1] + 10, ~eligible[:1])
    action = together(BATCH, (OUTER, INNER), (sent, held))
    assert action.arm.tolist() == [1, HOLD, 0]
    assert action.until is not None
    assert action.until[1] == 2.5
    assert action.index is not None
    assert action.index.tolist() == [[1.0, 2.0], [11.0, 12.0], [3.0, 4.0]]
    assert action.eligible is not None
    assert action.eligible.tolist() == [[True, False], [False, True], [False, True]]
