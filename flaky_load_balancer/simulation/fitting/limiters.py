"""Which limiter explains the refusals best."""

from collections.abc import Sequence

import numpy as np

from flaky_load_balancer.simulation.fitting.buckets import token_bucket
from flaky_load_balancer.simulation.fitting.explanation import NEVER, Explanation
from flaky_load_balancer.simulation.fitting.lanes import Lane, lanes_of
from flaky_load_balancer.simulation.fitting.log import Log
from flaky_load_balancer.simulation.fitting.windows import fixed_window, sliding_window


def explanations(log: Log) -> list[Explanation]:
    """The best of each kind, the best one first; none where nothing was refused."""
    if not log.refused.any():
        return []
    lanes = lanes_of(log)
    found = [
        _chance(lanes),
        token_bucket(lanes),
        fixed_window(lanes, log.span, log.start),
        sliding_window(lanes, log.span),
    ]
    return sorted(found, key=lambda each: each.bic)


def _chance(lanes: Sequence[Lane]) -> Explanation:
    """Refusals come whenever they like."""
    table = sum(lane.judged(np.zeros(len(lane.t), bool)) for lane in lanes)
    return Explanation("none", [NEVER] * len(lanes), np.asarray(table), 0)
