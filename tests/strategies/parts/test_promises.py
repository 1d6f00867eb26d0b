"""Promises to held requests: each is given once and taken once."""

import numpy as np

from strategies.parts.promises import Promises

ROW = np.array([0])


def test_a_promise_is_taken_once() -> None:
    promises = Promises(2)
    promises.give(np.array([1]), np.array([12]), np.array([3]), np.array([2.5]), np.array([1.5]))
    rows, request = np.array([0, 1]), np.array([12, 12])
    holding, arm, time, since = promises.take(rows, request)
    assert (holding.tolist(), arm.tolist()) == ([1], [3])
    assert (time.tolist(), since.tolist()) == ([2.5], [1.5])
    assert not promises.take(rows, request)[0].size


def test_there_is_a_promise_for_everybody() -> None:
    promises = Promises(1)
    for k in range(40):
        promises.give(
            ROW, np.array([100 + k]), np.array([k % 3]), np.array([1.0 + k]), np.array([float(k)])
        )
    found = [promises.take(ROW, np.array([100 + k]))[2][0] for k in range(40)]
    assert found == [1.0 + k for k in range(40)]
