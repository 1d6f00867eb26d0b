"""Which limiter explains the refusals best."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.simulation.fitting.buckets import token_bucket
from flaky_load_balancer.simulation.fitting.explanation import NEVER, Explanation
from flaky_load_balancer.simulation.fitting.log import Log
from flaky_load_balancer.simulation.fitting.received import Received, received_by
from flaky_load_balancer.simulation.fitting.windows import fixed_window, sliding_window

MUCH = 0.1  # of the refusals: if more are not explained, failures may use no admission


def explanations(log: Log) -> list[Explanation]:
    """The best of each kind, the best one first; none where nothing was refused.

    That failures use no admission is only thought of where much is not explained otherwise.
    """
    if not log.refused.any():
        return []
    found = _of_each_kind(log, received_by(log))
    much = min(each.unexplained for each in found) > MUCH * np.count_nonzero(log.refused)
    if much and (log.outcome == Outcome.FAILED).any():
        others = _of_each_kind(log, received_by(log, failures=False))
        if _mistakes(others) < _mistakes(found) / 2:
            found = [replace(each, failures=False) for each in others]
    return found


def _of_each_kind(log: Log, servers: Sequence[Received]) -> list[Explanation]:
    found = [
        _chance(servers),
        token_bucket(servers),
        fixed_window(servers, log.span, log.start, log.tick),
        sliding_window(servers, log.span, log.tick),
    ]
    return sorted(found, key=lambda each: each.bic)


def _mistakes(found: Sequence[Explanation]) -> float:
    """The share of attempts that the best one gets wrong; one half if that is chance."""
    best = found[0]
    return 0.5 if best.kind == "none" else best.unexplained / max(best.attempts, 1)


def _chance(servers: Sequence[Received]) -> Explanation:
    """Refusals come whenever they like."""
    table = sum(server.judged(np.zeros(len(server.t), bool)) for server in servers)
    return Explanation("none", [NEVER] * len(servers), np.asarray(table), 0)
