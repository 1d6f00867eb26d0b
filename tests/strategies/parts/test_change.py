"""Detectors of change."""

import numpy as np

from strategies.parts.change import SPLITS, Cusum, LikelihoodRatio


def fed(detector: Cusum | LikelihoodRatio, rates: np.ndarray, lanes: int, seed: int) -> np.ndarray:
    """(T, lanes) the alarms of one server in each replication, whose rate at t is ``rates[t]``."""
    rows, arm, world = np.arange(lanes), np.zeros(lanes, dtype=np.intp), np.random.default_rng(seed)
    return np.array([detector.learn(rows, arm, world.random(lanes) < rate) for rate in rates])


def test_glr_is_seldom_alarmed_where_nothing_changes() -> None:
    alarms = fed(LikelihoodRatio((300, 1), 0.05), np.full(400, 0.6), 300, seed=1)
    assert alarms.any(axis=0).mean() <= 0.05


def test_glr_sees_a_change_soon() -> None:
    rates = np.repeat([0.8, 0.3], 300)
    alarms = fed(LikelihoodRatio((100, 1), 0.05), rates, 100, seed=2)
    delay = alarms[300:].argmax(axis=0)
    assert alarms[300:].any(axis=0).all()
    assert delay.mean() < 60


def test_glr_keeps_no_more_splits_than_it_has_room_for() -> None:
    detector = LikelihoodRatio((2, 1), 1e-9, every=10, stride=1)
    rates = np.repeat([0.9, 0.1], [3 * SPLITS, SPLITS])
    alarms = fed(detector, rates, 2, seed=3)
    assert not alarms[: 3 * SPLITS].any()
    assert alarms[3 * SPLITS :].any(axis=0).all()
    assert detector.marks.shape == (2, 1, SPLITS)


def test_cusum_is_alarmed_after_what_the_size_of_a_change_says() -> None:
    rates = np.repeat([0.8, 0.3], [200, 300])
    alarms = fed(Cusum((200, 1), 100, 0.1, 8.0), rates, 200, seed=4)
    delay = alarms[200:].argmax(axis=0)
    assert 10 < delay.mean() < 30  # threshold / (change - tolerance) = 20
