"""The null arm of bandits with knapsacks: not to send is a choice too.

Source: Badanidiyuru, Kleinberg and Slivkins (arXiv 1305.2545), section 2, where it gives nothing
and costs nothing.  Here a request that is given up on a paid attempt is just that; on a free
attempt, which costs no point, the least hopeless server is asked instead.
"""

import numpy as np

from flaky_load_balancer.core.strategy import best, candidates, stuck
from flaky_load_balancer.core.types import GIVE_UP, Action, Bools, Context, Floats
from strategies.parts.cooldown import Rest


def best_or_null(
    context: Context,
    paid: Bools,
    index: Floats,
    rest: Rest,
    payable: Bools,
    *,
    probability: float | None = None,
) -> Action:
    """The highest index (n, K) among servers that do not rest; the null arm where there is none.

    On free attempts the candidates are the untried servers, or all once every one was tried; on
    ``paid`` (n,) attempts they are those that are ``payable``, (n, K) or (n, 1).  The null arm is
    to give up a paid attempt, and to send a free one where a candidate was refused longest ago.
    """
    among = np.where(paid[:, None], payable, candidates(context))
    among &= context.available
    eligible = among & rest.over(context.rows, context.now)
    null = stuck(eligible)
    if not null.size:
        return best(context, index, eligible, probability=probability)
    free = null[~paid[null]]
    index[free] = rest.since(context.rows, context.now)[free]
    eligible[free] = among[free]
    action = best(context, index, eligible, probability=probability)
    action.arm[null[paid[null]]] = GIVE_UP
    return action
