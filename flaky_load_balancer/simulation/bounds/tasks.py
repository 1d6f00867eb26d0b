"""The task oracle: what the best choice of a server for each task would earn within the limits.

The programme of ``bound``, with tasks: x[a, i, t] is the number of a-th attempts at requests of
task t that are sent to server i, w_t the share of the task, u_it what an answer is worth less its
costs::

    maximise    sum x[a, i, t] (s_i u_it - penalty [a > free])
    subject to  sum_i x[1, i, t]    <= w_t N
                sum_i x[a+1, i, t]  <= sum_i x[a, i, t] (1 - s_i)
                sum_a,t x[a, i, t]  <= C_i,   x >= 0

A strategy that sees more of a request than its task can earn more: then it is no bound.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats, Rules
from flaky_load_balancer.simulation.bounds.bound import attempts_follow_failures, solve


def task_bound(  # noqa: PLR0917
    success: Floats, worth: Floats, weights: Floats, capacity: Floats, requests: int, rules: Rules
) -> float:
    """The best mean score of ``requests`` requests.

    ``success`` (K,) chances, ``worth`` (tasks, K) points, ``weights`` (tasks,) shares that add up
    to 1, ``capacity`` (K,) attempts.
    """
    attempts, (tasks, arms) = rules.max_attempts, worth.shape
    paid = np.arange(1, attempts + 1) > rules.free_attempts
    gain = (success * worth)[:, None, :] - rules.penalty * paid[None, :, None]  # (tasks, M, K)
    chain = attempts_follow_failures(success, attempts)
    each = capacity / requests
    limited = np.flatnonzero(each < attempts)
    begin = np.zeros((tasks, attempts))
    begin[:, 0] = weights
    return requests * solve(
        gain.ravel(),
        np.vstack(
            [np.kron(np.eye(tasks), chain), np.tile(np.eye(arms)[limited], tasks * attempts)]
        ),
        np.concatenate([begin.ravel(), each[limited]]),
    )
