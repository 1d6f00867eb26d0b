"""A/B tests as people see them: what each strategy came to, and whether they differ."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from flaky_load_balancer.admin.sequences import LEVEL, Interval, difference, share
from flaky_load_balancer.proxy.split import Arm, Came, Split

METHOD = (
    "95 % intervals that hold for all pairs together and at every moment at once: look as often,"
    " and stop when you like (confidence sequences, Waudby-Smith et al. 2024). They are about the"
    " chance of single requests, not about what the strategies might have learnt on another day."
)


def shown(split: Split) -> dict[str, Any]:
    """One test, as JSON; the arm that delivers most is the first of each pair."""
    came = [(arm, arm.came) for arm in split.arms]
    ordered = sorted(
        came, key=lambda each: share(each[1].delivered, each[1].requests), reverse=True
    )
    level = 1 - (1 - LEVEL) / (
        len(came) * (len(came) - 1) / 2
    )  # Bonferroni: all pairs hold at once
    pairs = [(a, b, _difference(a[1], b[1], level)) for a, b in combinations(ordered, 2)]
    return {
        "route": split.name,
        "began": split.began,
        "arms": [_arm(*each) for each in came],
        "differences": [
            {"more": a.route.name, "less": b.route.name, "success": _json(found)}
            for (a, _), (b, _), found in pairs
        ],
        "verdict": _verdict(came, [(a[0], b[0], found) for a, b, found in pairs]),
        "method": METHOD,
    }


def _arm(arm: Arm, came: Came) -> dict[str, Any]:
    p50, p99 = (came.latency.quantile(q) for q in (0.50, 0.99))
    return {
        "route": arm.route.name,
        "strategy": arm.route.strategy,
        "percent": round(100 * arm.share, 6),
        "requests": came.requests,
        "delivered": came.delivered,
        "success": _json(share(came.delivered, came.requests)) if came.requests else None,
        "latency_ms": {"p50": p50 and 1000 * p50, "p99": p99 and 1000 * p99},
    }


def _difference(a: Came, b: Came, level: float) -> Interval:
    return difference((a.delivered, a.requests), (b.delivered, b.requests), level)


def _json(found: Interval) -> dict[str, Any]:
    return {"mean": found.mean, "ci95": [found.low, found.high]}


def _verdict(came: Sequence[tuple[Arm, Came]], pairs: Sequence[tuple[Arm, Arm, Interval]]) -> str:
    """The pairs that differ, or that none is shown to."""
    waiting = [arm.route.strategy for arm, each in came if not each.requests]
    if waiting:
        return f"No request has come to {' and '.join(waiting)} yet."
    apart = [_says(a, b, found) for a, b, found in pairs if found.low > 0]
    if apart:
        return f"{'; '.join(apart)}."
    a, b, found = pairs[0]
    return (
        f"No difference shown yet: what {a.route.strategy} delivers less what {b.route.strategy}"
        f" does is {_points(found.low)} to {_points(found.high)} percentage points"
        f"{'' if len(pairs) == 1 else ', and no other pair is told apart either'}."
    )


def _says(a: Arm, b: Arm, found: Interval) -> str:
    return (
        f"{a.route.strategy} delivers {_points(found.mean)} percentage points more than"
        f" {b.route.strategy} ({_points(found.low)} to {_points(found.high)})"
    )


def _points(share: float) -> str:
    value = 100 * share
    return f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}"
