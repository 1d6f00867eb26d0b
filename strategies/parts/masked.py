"""Choose among servers that have rested long enough; know what to do when there is none.

V6-V8 differ in what they remember of refusals, not in what they do with it.
"""

from flaky_load_balancer.core.strategy import best, stuck
from flaky_load_balancer.core.types import Action, Context, Floats

FALLBACKS = "published", "untried"


def best_rested(
    context: Context, index: Floats, rested: Floats, enough: float, fallback: str
) -> Action:
    """The highest index among untried servers with ``rested >= enough``, both (n, K).

    Where a request has no such server, the one that has rested longest is taken instead (never
    refused is longest): among all servers, tried ones too, as the ``published`` code does, or
    among the ``untried`` ones.
    """
    eligible = rested >= enough
    eligible &= ~context.tried & context.available
    none_left = stuck(eligible)
    if none_left.size:
        index[none_left] = rested[none_left]
        eligible[none_left] = True if fallback == "published" else ~context.tried[none_left]
    return best(context, index, eligible)
