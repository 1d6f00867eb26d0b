"""Shadow prices: what one admission of each server is worth, and a request before each attempt.

The dual of the bound's linear programme, per request.  With prices eta_i and values V_k of a
request before attempt k (0 after the last)::

    V_k = max(0, max_i [s_i (1 - V_k+1) + V_k+1 - c_k - eta_i])

where c_k is 0 while attempts are free, else the penalty.  The right prices make each server used
as often as it admits, or are 0.  They are found by balancing: where the best replies to the
prices, slightly softened, use a server more often than it admits, its price rises by the logarithm
of the ratio (the fixed point of a logit demand, as in iterative proportional fitting).
"""

import numpy as np

from flaky_load_balancer.core.types import Context, Floats, Rules

DEEPEST = 7  # attempts that are looked at: later ones matter to nobody
RARE = 1e-4  # admissions per request that everybody is taken to have and to use


def values(success: Floats, price: Floats, rules: Rules) -> Floats:
    """(n, M + 1) V_k for k = 1 .. M and 0 after it, given ``success`` and ``price`` (n, K)."""
    depth = min(rules.max_attempts, DEEPEST)
    value = np.zeros((len(success), depth + 1))
    for k in reversed(range(depth)):
        bracket = _brackets(success, price, value[:, k + 1], rules, k)
        value[:, k] = np.maximum(bracket.max(axis=1), 0.0)
    return value


def value(success: Floats, price: Floats, context: Context, rules: Rules) -> Floats:
    """(n,) V_k+1 after the attempt k to be decided, quickly: paid ones are all on one server.

    So V = (1 - (c + eta) / s) (1 - (1 - s)^m) with m paid attempts left.
    """
    if len(success) == 1:
        attempts = context.attempt.item(), context.left.item()
        return np.array([_value_of_one(success[0], price.reshape(-1), *attempts, rules)])
    each, attempt = np.arange(len(success)), context.attempt
    last = np.minimum(rules.max_attempts, attempt + context.left - 1)
    margin = 1.0 - (rules.penalty + price) / np.maximum(success, RARE)
    best = margin.argmax(axis=1)
    paid = np.maximum(last - np.maximum(attempt, rules.free_attempts), 0)
    fails = (1.0 - success[each, best]) ** paid
    worth: Floats = np.maximum(margin[each, best], 0.0) * (1.0 - fails)
    free = np.minimum(rules.free_attempts, last) - attempt
    for step in range(int(free.max())):
        bracket = (success * (1.0 - worth)[:, None] - price).max(axis=1)
        worth = np.where(step < free, worth + np.maximum(bracket, 0.0), worth)
    return worth


def _value_of_one(success: Floats, price: Floats, attempt: int, left: int, rules: Rules) -> float:
    """The same of a single request, as live; ``success`` (K,), ``price`` (K,) or of all (1,)."""
    last = min(rules.max_attempts, attempt + left - 1)
    paid = max(last - max(attempt, rules.free_attempts), 0)
    worth = 0.0
    if paid:
        margin = 1.0 - (rules.penalty + price) / np.maximum(success, RARE)
        best = margin.argmax()
        fails = np.power(1.0 - success[best, None], [paid]).item()
        worth = max(margin.item(best), 0.0) * (1.0 - fails)
    for _ in range(min(rules.free_attempts, last) - attempt):
        worth += max(0.0, *(success * (1.0 - worth) - price).tolist())
    return worth


def balance(
    success: Floats, price: Floats, supply: Floats, rules: Rules, *, softness: float
) -> Floats:
    """(n, K) prices one step nearer to where use meets ``supply``, admissions per request."""
    use = _use(success, price, rules, softness)
    step = softness * np.log((use + RARE) / (np.minimum(supply, DEEPEST) + RARE))
    return np.clip(price + step, 0.0, 1.0)


def _use(success: Floats, price: Floats, rules: Rules, softness: float) -> Floats:
    """(n, K) how often a request uses each server, if it replies softly to the prices."""
    depth = min(rules.max_attempts, DEEPEST)
    value = np.zeros(len(success))
    shares: list[Floats] = []
    for k in reversed(range(depth)):
        bracket = _brackets(success, price, value, rules, k)
        top = np.maximum(bracket.max(axis=1), 0.0)
        weight = np.exp((bracket - top[:, None]) / softness)
        total = weight.sum(axis=1) + np.exp(-top / softness)
        shares.append(weight / total[:, None])
        value = top
    use, alive = np.zeros_like(success), np.ones(len(success))
    for share in reversed(shares):
        sent = alive[:, None] * share
        use += sent
        alive = (sent * (1 - success)).sum(axis=1)
    return use


def _brackets(success: Floats, price: Floats, later: Floats, rules: Rules, k: int) -> Floats:
    """(n, K) what sending attempt k (from 0) to each server is worth; ``later`` (n,) is V."""
    cost = rules.penalty if k >= rules.free_attempts else 0.0
    worth: Floats = success * (1 - later)[:, None] + (later - cost)[:, None] - price
    return worth
