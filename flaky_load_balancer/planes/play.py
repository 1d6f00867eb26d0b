"""A few rounds of a strategy on a small fleet of given rates, for the strategies page."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from flaky_load_balancer.balancer import Balancer
from flaky_load_balancer.dispatcher import ROW
from flaky_load_balancer.strategy import Strategy
from flaky_load_balancer.types import HOLD, Feedback, Outcome, Rules

STEP = 0.1  # seconds from one request to the next
LATENCY = 0.001  # seconds that an attempt takes


def play(
    strategy: Strategy,
    rates: Sequence[float],
    history: Sequence[tuple[int, Outcome]],
    rounds: int,
    seed: int,
) -> dict[str, Any]:
    """Tell the strategy how some attempts ended, then let it play some requests.

    ``rates`` are the servers' chances of success, ``history`` pairs of a server and an outcome.
    Servers have no limits here.  The same arguments give the same rounds.
    """
    strategy_rng, fleet_rng = np.random.default_rng(seed).spawn(2)
    balancer = Balancer(strategy, Rules(len(rates)), strategy_rng, slots=1)
    now = 0.0
    for arm, outcome in history:
        now += STEP
        strategy.observe(_told(arm, outcome, now))
    played: list[dict[str, Any]] = []
    for _ in range(rounds):
        now += STEP
        played += _request(balancer, np.asarray(rates), fleet_rng, now)
    beliefs = strategy.beliefs(np.array([now]))
    return {"moves": played, "beliefs": {key: rows[0] for key, rows in beliefs.items()}}


def _request(
    balancer: Balancer, rates: np.ndarray, rng: np.random.Generator, now: float
) -> list[dict[str, Any]]:
    """One request from its arrival to its end; what was decided on the way."""
    moves: list[dict[str, Any]] = []
    balancer.arrive(ROW, ROW, np.array([now + 10.0]))
    while True:
        action = balancer.decide(ROW, ROW, np.array([now]))
        arm = int(action.arm[0])
        if arm == HOLD and action.until is not None:
            now = float(action.until[0])
            continue
        if arm < 0:
            return moves
        outcome = Outcome.SUCCEEDED if rng.random() < rates[arm] else Outcome.FAILED
        now += LATENCY
        ended = np.array([outcome]), np.array([now]), np.array([np.nan])
        balancer.complete(ROW, ROW, *ended)
        moves.append(
            {
                "attempt": int(balancer.attempts[0, 0]),
                "server": arm,
                "outcome": outcome.label,
                "index": None if action.index is None else action.index[0],
                "eligible": None if action.eligible is None else action.eligible[0],
            }
        )
        if outcome is Outcome.SUCCEEDED:
            return moves


def _told(arm: int, outcome: Outcome, now: float) -> Feedback:
    return Feedback(
        rows=ROW,
        now=np.array([now]),
        arm=np.array([arm]),
        outcome=np.array([outcome]),
        latency=np.array([LATENCY]),
        retry_after=np.array([np.nan]),
    )
