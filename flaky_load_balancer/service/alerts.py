"""Tells people when what a route learns crosses a threshold of theirs, and when that is over.

A line in the log, and a POST to a webhook.  Neither holds up requests: nothing here is waited for.
What a route learns is found for each frame (``admin/stream``), twice a second whoever watches.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from flaky_load_balancer.config import Alerts, Thresholds
from flaky_load_balancer.proxy.http1 import Client
from flaky_load_balancer.proxy.learning import Learning
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.service.webhook import Webhook

EVERY = 0.5  # seconds between two looks
MINUTE = 60.0
COUNTED = "alarms", "violations"  # of the last minute
BELOW = "since_change"
log = logging.getLogger(__name__)


@dataclass
class Crossing:
    """A threshold that people are told of: it has to be crossed, or kept, for a while first."""

    since: float | None = None  # when it was first as nobody has been told yet

    def turned(self, crossed: bool, firing: bool, now: float, lasting: float) -> bool:
        """Whether that has lasted long enough to tell people."""
        if crossed == firing:
            self.since = None
            return False
        self.since = now if self.since is None else self.since
        return now - self.since >= lasting


class LastMinute:
    """How much a count that grows from 0 has grown within the last minute."""

    def __init__(self) -> None:
        self._counts = deque([(-inf, 0.0)])  # times, and what was counted from then on

    def grown(self, count: float, now: float) -> float:
        if count < self._counts[-1][1]:  # it began anew
            self._counts = deque([(-inf, 0.0)])
        if count > self._counts[-1][1]:
            self._counts.append((now, count))
        while len(self._counts) > 1 and self._counts[1][0] <= now - MINUTE:
            self._counts.popleft()
        return count - self._counts[0][1]


class Watch:
    """One route, with the thresholds that it has now."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self._crossings: dict[str, Crossing] = {}
        self._minutes = {name: LastMinute() for name in COUNTED}

    def look(self, thresholds: Thresholds, now: float, lasting: float) -> Iterator[dict[str, Any]]:
        """What there is to tell of what the last frame said."""
        values = self._values(self.route.learnt, now)
        for measure, threshold in asdict(thresholds).items():
            value = values[measure]
            crossed = False
            if threshold is not None and value is not None:
                crossed = value < threshold if measure == BELOW else value > threshold
            firing = measure in self.route.firing
            patience = lasting if threshold is not None else 0.0
            crossing = self._crossings.setdefault(measure, Crossing())
            if crossing.turned(crossed, firing, now, patience):
                yield self._turn(measure, value, threshold, crossing.since or now)
                crossing.since = None

    def _values(self, learning: Learning, now: float) -> dict[str, float | None]:
        violations = sum(learning.violations.values())
        counts = {"alarms": learning.alarms or 0, "violations": violations}
        return {
            "exploration": learning.exploration,
            "width": learning.width,
            **{name: self._minutes[name].grown(count, now) for name, count in counts.items()},
            BELOW: None if learning.changed is None else now - learning.changed,
        }

    def _turn(
        self, measure: str, value: float | None, threshold: float | None, since: float
    ) -> dict[str, Any]:
        """Turn an alert on or off; what there is to tell."""
        firing = self.route.firing.pop(measure, None) is None
        if firing:
            self.route.firing[measure] = since
        return {
            "status": "firing" if firing else "resolved",
            "route": self.route.name,
            "measure": measure,
            "value": None if value is None else round(value, 3),
            "threshold": threshold,
            "since": round(since, 3),
        }


class Watching:
    """Looks at ``routes``, one list for as long as the program runs."""

    def __init__(
        self, alerts: Alerts, routes: Sequence[Route], clock: Callable[[], float], client: Client
    ) -> None:
        self.alerts = alerts
        self._routes, self._clock, self._client = routes, clock, client
        self._watches: dict[int, Watch] = {}
        self._webhook: Webhook | None = None

    def load(self, alerts: Alerts) -> None:
        """From now on by these settings; what still waits for another webhook is dropped."""
        if self._webhook is None or alerts.webhook != self.alerts.webhook:
            self._close()
            if alerts.webhook is not None:
                self._webhook = Webhook(alerts.webhook, self._client)
        self.alerts = alerts

    async def run(self) -> None:
        """Until it is cancelled."""
        self.load(self.alerts)
        try:
            while True:
                await asyncio.sleep(EVERY)
                self.look()
        finally:
            self._close()

    def look(self) -> None:
        """Once, at all routes."""
        now, known = self._clock(), self._watches
        self._watches = {id(each): known.get(id(each)) or Watch(each) for each in self._routes}
        for watch in self._watches.values():
            base = watch.route.name.partition("~")[0]
            thresholds = self.alerts.routes.get(base, self.alerts.thresholds)
            for alert in watch.look(thresholds, now, self.alerts.lasting):
                self._say(alert)
                if self._webhook is not None:
                    self._webhook.send(alert)

    def _close(self) -> None:
        if self._webhook is not None:
            self._webhook.close()
            self._webhook = None

    def _say(self, alert: dict[str, Any]) -> None:
        say = log.warning if alert["status"] == "firing" else log.info
        bound = "below" if alert["measure"] == BELOW else "above"
        threshold = alert["threshold"]
        limit = "not watched any more" if threshold is None else f"{bound} {threshold:g}"
        if alert["status"] == "resolved" and threshold is not None:
            limit = f"not {limit} any more"
        value = "unknown" if alert["value"] is None else f"{alert['value']:g}"
        say("route %s: %s is %s, %s", alert["route"], alert["measure"], value, limit)
