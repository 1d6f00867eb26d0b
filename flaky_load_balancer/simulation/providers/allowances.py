"""What is left of a provider's limits, as OpenAI's headers say it."""

from collections.abc import Iterator

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.fleets.servers import Servers


class Allowances:
    """The headers of every server of the first fleet."""

    def __init__(self, servers: Servers) -> None:
        limits = servers.fleet.limits
        parts = servers.joint().parts
        self._parts = list(zip(limits, parts, strict=True))
        self._lanes = [np.array([arm]) for arm in range(servers.arms)]

    def headers(self, arm: int, t: Floats) -> Iterator[tuple[str, str]]:
        """x-ratelimit-limit, -remaining and -reset of each unit, of the scarcest limit of it."""
        scarcest: dict[str, tuple[float, float, float]] = {}
        for limited, part in self._parts:
            those, lane = part.of(self._lanes[arm])
            if not those.size:
                continue
            limit = float(limited.base.ravel()[lane[0]])
            left = float(part.limiter.remaining(lane, t)[0])
            unit = "tokens" if part.in_tokens else "requests"
            if unit not in scarcest or left < scarcest[unit][1]:
                most = min(limit, limited.spec.burst or limit) if limited.bucket else limit
                full = part.limiter.wait(lane, t, np.full(1, max(most, 1.0)))
                scarcest[unit] = limit, left, float(full[0])
        for unit, (limit, left, reset) in scarcest.items():
            yield f"x-ratelimit-limit-{unit}", f"{limit:.0f}"
            yield f"x-ratelimit-remaining-{unit}", f"{max(0.0, left):.0f}"
            yield f"x-ratelimit-reset-{unit}", lasting(reset)

    def refusing(self, arm: int, t: Floats, size: Floats) -> str:
        """The unit of the limit that refuses an attempt of this size."""
        for _, part in self._parts:
            those, lane = part.of(self._lanes[arm])
            if those.size and part.limiter.remaining(lane, t)[0] < part.need(size)[0]:
                return "tokens" if part.in_tokens else "requests"
        return "requests"


def lasting(seconds: float) -> str:
    """As OpenAI writes it: 12ms, 1.5s, 6m0s; a day where it never ends."""
    seconds = min(seconds, 86_400.0)
    if seconds < 1:
        return f"{1000 * seconds:.0f}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
