"""Quality by hand: posteriors, alarms, and what fades after one."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Feedback, Outcome
from strategies.parts.quality import Quality

CODES = {"S": Outcome.SUCCEEDED, "F": Outcome.FAILED, "R": Outcome.RATE_LIMITED}
ROW = np.array([0])


def told(outcomes: str, arm: int = 0, quality: Quality | None = None) -> Quality:
    quality = quality or Quality(1, 2, 2.0, 1.0)
    nothing, code = np.array([np.nan]), {k: int(v) for k, v in CODES.items()}
    for k, outcome in enumerate(outcomes):
        now = np.array([float(k)]) / 10
        heard = np.array([code[outcome]])
        quality.learn(Feedback.of(ROW, now, np.array([arm]), heard, nothing * 0, nothing))
    return quality


def shapes(quality: Quality, now: float) -> list[list[float]]:
    found: list[list[float]] = quality.shapes(ROW, np.array([now]))[0].tolist()
    return found


def test_successes_and_failures_are_counted_and_refusals_are_not() -> None:
    assert shapes(told("SSFRRS"), 1.0) == [[5.0, 2.0], [2.0, 1.0]]


def test_without_change_nothing_fades() -> None:
    quality = told("SSSSFSSS" * 5)
    assert shapes(quality, 5.0) == shapes(quality, 1e4)


@pytest.mark.parametrize(("before", "after"), [("S" * 40, "F" * 6), ("F" * 40, "S" * 6)])
def test_a_change_is_noticed_and_what_was_before_it_forgotten(before: str, after: str) -> None:
    a, b = np.array(shapes(told(before + after), 4.6))[:, 0]
    assert a + b < 15
    assert (a > b) == (after[0] == "S")


def test_after_an_alarm_what_is_known_fades() -> None:
    quality = told("S" * 40 + "F" * 6)
    later = np.array(shapes(quality, 1e4))
    assert later[:, 0] == pytest.approx([2.0, 1.0])


def test_false_alarms_are_rare() -> None:
    luck = np.random.default_rng(5)
    alarms = 0
    for rate in np.linspace(0.3, 0.96, 30):
        outcomes = "".join(np.where(luck.random(300) < rate, "S", "F"))
        alarms += told(outcomes).changed
    assert alarms <= 3


def test_one_alone_learns_what_it_learns_in_a_batch_to_the_last_bit() -> None:
    luck = np.random.default_rng(6)
    alone, both = Quality(1, 2, 2.0, 1.0), Quality(2, 2, 2.0, 1.0)
    for k in range(400):
        arm, failed = int(luck.integers(2)), int(luck.random() < (0.1 if k < 200 else 0.8))
        for quality, rows in ((alone, ROW), (both, np.arange(2))):
            same = [np.full(len(rows), each) for each in (0.1 * k, arm, failed, 0.0, np.nan)]
            quality.learn(Feedback.of(rows, *same))
    assert alone.changed
    for name in ("counts", "recent", "fades", "heard_at"):
        assert np.array_equal(getattr(alone, name), getattr(both, name)[:2])
