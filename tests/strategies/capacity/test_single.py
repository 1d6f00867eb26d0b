"""A single answer, learnt from numbers, leaves what an answer of many leaves, to the last bit."""

from typing import Any

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback, Floats, Outcome
from strategies.capacity.capacity import Capacity
from strategies.parts.time_left import TimeLeft

ROWS, ARMS, STEPS = 3, 4, 250


def arrays(part: Any, path: str = "") -> dict[str, Any]:
    """All arrays that a part has, and its parts."""
    found: dict[str, Any] = {}
    for name, value in vars(part).items():
        if isinstance(value, np.ndarray):
            found[f"{path}.{name}"] = value
        elif type(value).__module__.startswith("strategies."):
            found |= arrays(value, f"{path}.{name}")
    return found


def row_of(value: Floats, row: int) -> Floats:
    """What an array has of one row: one entry for each row, or for each of its servers."""
    each = len(value) // ROWS
    return value[row * each : (row + 1) * each]


@pytest.mark.parametrize("window", [0.3, 1.0])
def test_answers_one_by_one_are_learnt_as_answers_together(window: float) -> None:
    rng = np.random.default_rng(int(10 * window))
    together, latency = Capacity(ROWS, ARMS, drift=2.5), TimeLeft(ROWS)
    alone = [(Capacity(1, ARMS, drift=2.5), TimeLeft(1)) for _ in range(ROWS)]
    admitted = np.full((ROWS, ARMS, 2), -np.inf)
    rows, first, nan = np.arange(ROWS), np.zeros(1, dtype=np.intp), np.full(ROWS, np.nan)
    now, outcomes = np.zeros(ROWS), set()
    for step in range(STEPS):
        now += rng.exponential(0.08, ROWS)
        arm = rng.integers(ARMS, size=ROWS)
        refused = admitted[rows, arm, 0] > now - window * (1 + (step > STEPS // 2) * (arm == 0))
        other = rng.choice(
            [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED], ROWS, p=[0.7, 0.25, 0.05]
        )
        outcome = np.where(refused, Outcome.RATE_LIMITED, other).astype(np.intp)
        for row in rows[~refused]:
            admitted[row, arm[row]] = [admitted[row, arm[row], 1], now[row]]
        outcomes.update(outcome.tolist())
        taken, again = rng.exponential(0.01, ROWS), np.where(rng.random(ROWS) < 0.3, 1.0, nan)
        said = Feedback.of(rows, now + taken, arm, outcome, taken, again)
        together.enter(rows, arm, now, nan)
        together.learn(said)
        latency.learn(said)
        together.wait(rows, now + taken, nan)
        for row, (mine, mean) in enumerate(alone):
            here = slice(row, row + 1)
            each = said.take(np.array([row]))
            each.rows = first
            mine.enter(first, arm[here], now[here], nan[here])
            mine.learn(each)
            mean.learn(each)
            mine.wait(first, (now + taken)[here], nan[here])
    assert outcomes == set(map(int, Outcome))
    assert np.count_nonzero(together.model.limited) == ROWS * ARMS
    assert {".model.requests.intervals.low", ".model.calibration.held"} <= arrays(together).keys()
    singles: list[list[Any]] = [[mine for mine, _ in alone], [mean for _, mean in alone]]
    for part, ones in zip((together, latency), singles, strict=True):
        for name, value in arrays(part).items():
            if len(value) % ROWS == 0:  # others are of all fleets alike
                for row, one in enumerate(ones):
                    np.testing.assert_array_equal(arrays(one)[name], row_of(value, row), name)
