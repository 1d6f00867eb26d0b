"""How far a strategy has come on a route, in a few numbers: what people watch, and alerts go by."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Bools, Floats
from flaky_load_balancer.proxy.request import Decision

LATE = 60.0  # seconds for which a decision says how a strategy decides
DECISIONS = 100  # that are looked at, fewer of a pool of more than ENTRIES / DECISIONS servers
ENTRIES = 50_000


@dataclass(frozen=True)
class Learning:
    """The state of what a strategy learns; None or nothing where it has no such thing.

    ``exploration`` is the share of the last attempts that went to another server than the one with
    the highest believed chance of success, of those that were eligible; ``width`` the mean width of
    the 95 % intervals of that chance, over the servers that these attempts went to.  ``alarms`` and
    ``violations`` count since the start; ``changed`` is when the last alarm was seen.
    """

    exploration: float | None = None
    width: float | None = None
    alarms: int | None = None
    violations: Mapping[str, int] = field(default_factory=dict)  # by constraint
    changed: float | None = None  # seconds since the epoch

    @classmethod
    def of(
        cls,
        strategy: Strategy,
        beliefs: Mapping[str, Floats],
        decisions: Sequence[Decision],
        servers: Sequence[str],
        now: float,
    ) -> "Learning":
        """Of a strategy with these beliefs, (K,) each, that made these decisions."""
        alarms = strategy.alarms()
        violations = {name: int(counts[0]) for name, counts in strategy.violations().items()}
        mean, low, high = (beliefs.get(key) for key in ("mean", "low", "high"))
        chosen, eligible = _recent(decisions, servers, now)
        explored = None
        if mean is not None and len(chosen):
            best = np.where(eligible, mean, -np.inf).max(axis=1)
            explored = float(np.mean(best > mean[chosen]))
        width = None
        if low is not None and high is not None:
            wide = np.broadcast_to(high - low, len(servers))
            width = float(np.mean(wide[chosen] if len(chosen) else wide))
        return cls(explored, width, None if alarms is None else int(alarms[0].sum()), violations)

    @classmethod
    def together(cls, parts: Iterable["Learning"], ended: Mapping[str, int]) -> "Learning":
        """Of several processes that learn from each other, with the violations of others before."""
        parts = list(parts)
        violations = Counter(ended)
        for each in parts:
            violations.update(each.violations)
        alarms = [each.alarms for each in parts if each.alarms is not None]
        return cls(
            _mean([each.exploration for each in parts]),
            _mean([each.width for each in parts]),
            max(alarms, default=None),  # all of them see the same changes
            violations,
        )

    def shown(self) -> dict[str, Any]:
        """As frames have it, without what there is not."""
        rounded = {"exploration": 2, "width": 2, "changed": 1}
        numbers = {key: getattr(self, key) for key in rounded}
        return {
            **{k: round(x, rounded[k]) for k, x in numbers.items() if x is not None},
            **({"alarms": self.alarms} if self.alarms else {}),
            **({"violations": dict(self.violations)} if self.violations else {}),
        }


def _recent(
    decisions: Sequence[Decision], servers: Sequence[str], now: float
) -> tuple[list[int], Bools]:
    """(n,) and (n, K): servers that attempts were sent to of late, and which were eligible."""
    arms = len(servers)
    most = min(DECISIONS, ENTRIES // arms + 1)
    sent = [
        each
        for each in islice(reversed(decisions), most)
        if each.time > now - LATE and 0 <= each.arm < arms and servers[each.arm] == each.server
    ]
    everyone = np.ones(arms, dtype=bool)
    known = [each.eligible if _fits(each.eligible, arms) else everyone for each in sent]
    return [each.arm for each in sent], np.array(known).reshape(-1, arms)


def _fits(eligible: Bools | None, arms: int) -> bool:
    """Decisions from before a reload are about other servers."""
    return eligible is not None and len(eligible) == arms


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
