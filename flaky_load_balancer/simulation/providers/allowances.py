"""What is left of a provider's limits, as OpenAI's headers say it."""

from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints
from flaky_load_balancer.simulation.fleets.limits import Limiter
from flaky_load_balancer.simulation.fleets.servers import Servers


class _Limit(NamedTuple):
    """One limit of one server: ``lane`` (1,) of its limiter."""

    limiter: Limiter
    lane: Ints
    unit: str  # requests or tokens
    most: float  # in a window
    full: Floats  # (1,) when nothing of it is used


class Allowances:
    """The limits of one server of the first fleet."""

    def __init__(self, servers: Servers, arm: int) -> None:
        self._limits = []
        for limited, part in zip(servers.fleet.limits, servers.joint().parts, strict=True):
            those, lane = part.of(np.array([arm]))
            if those.size:
                unit = "tokens" if part.in_tokens else "requests"
                most = float(limited.base.ravel()[lane[0]])
                kept = min(most, limited.spec.burst or most) if limited.bucket else most
                full = np.full(1, max(kept, 1.0))
                self._limits.append(_Limit(part.limiter, lane, unit, most, full))

    def headers(self, t: Floats) -> list[str]:
        """x-ratelimit-limit, -remaining and -reset of each unit, of the scarcest limit of it."""
        scarcest: dict[str, tuple[float, _Limit]] = {}
        for limit in self._limits:
            left = float(limit.limiter.remaining(limit.lane, t)[0])
            if limit.unit not in scarcest or left < scarcest[limit.unit][0]:
                scarcest[limit.unit] = left, limit
        lines = []
        for unit, (left, limit) in scarcest.items():
            reset = float(limit.limiter.wait(limit.lane, t, limit.full)[0])
            lines += [
                f"x-ratelimit-limit-{unit}: {limit.most:.0f}",
                f"x-ratelimit-remaining-{unit}: {max(0.0, left):.0f}",
                f"x-ratelimit-reset-{unit}: {lasting(reset)}",
            ]
        return lines

    def refusing(self, t: Floats, size: float) -> str:
        """The unit of the limit that refuses an attempt of so many tokens."""
        for limit in self._limits:
            need = size if limit.unit == "tokens" else 1.0
            if limit.limiter.remaining(limit.lane, t)[0] < need:
                return limit.unit
        return "requests"


def lasting(seconds: float) -> str:
    """As OpenAI writes it: 12ms, 1.5s, 6m0s; a day where it never ends."""
    seconds = min(seconds, 86_400.0)
    if seconds < 1:
        return f"{1000 * seconds:.0f}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
