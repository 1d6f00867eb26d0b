"""What no strategy's mean score can beat: the fluid linear programme that knows every server.

x[a, i] is the number of a-th attempts sent to server i over a run of N requests, s_i the chance
that an admitted attempt succeeds, C_i the most attempts that i's limiter can admit::

    maximise    sum x[a, i] (s_i - penalty [a > free])
    subject to  sum_i x[1, i]    <= N
                sum_i x[a+1, i]  <= sum_i x[a, i] (1 - s_i)
                sum_a x[a, i]    <= C_i,   x >= 0

For any strategy, even one that knows the fleet, the expected numbers of admitted attempts satisfy
these constraints, and its expected score is the objective: only failures are attempted again,
successes are independent of the past given admission, and admissions keep to C_i path by path.
``kinds`` solves it, also where requests differ and limits are shared.
"""

from typing import Any, Literal

import numpy as np
from scipy.optimize import linprog

from flaky_load_balancer.core.types import Floats, Rules


def solve(gain: Floats, constraints: Any, limits: Floats) -> float:
    """The largest gain . x with constraints . x <= limits and x >= 0.

    The constraints may be a sparse matrix.  Where the first method gives up, the next may not.
    """
    methods: list[Literal["highs", "highs-ipm", "highs-ds"]] = ["highs", "highs-ipm", "highs-ds"]
    for method in methods:
        result = linprog(-gain, A_ub=constraints, b_ub=limits, method=method)
        if result.success:
            return -float(result.fun or 0.0)
    raise ArithmeticError(f"the linear programme of the bound failed: {result.message}")


def unlimited(success: float, requests: int, rules: Rules) -> float:
    """The bound without limits, in closed form, for the chance of the best server."""
    failing = 1 - success
    free, paid = rules.free_attempts, rules.max_attempts - rules.free_attempts
    if free >= rules.max_attempts:
        return requests * (1 - failing**rules.max_attempts)
    worth = max(0.0, success - rules.penalty)
    later = sum(failing**k for k in range(paid))
    return requests * (1 - failing**free + failing**free * worth * later)


def attempts_follow_failures(success: Floats, attempts: int) -> Floats:
    """(M, M x K): every a-th attempt needs a request that (a - 1) attempts did not deliver."""
    arms = len(success)
    rows = np.zeros((attempts, attempts, arms))
    for a in range(attempts):
        rows[a, a] = 1.0
        if a:
            rows[a, a - 1] = -(1 - success)
    return rows.reshape(attempts, attempts * arms)
