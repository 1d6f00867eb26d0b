"""Servers that come and go while requests are sent: faults of the kinds ``added`` and ``removed``.

They are drained and made ready at the balancer, as whoever runs them would do it.
"""

import asyncio
import time
from collections.abc import Iterator

from flaky_load_balancer.harness.plan import Run
from flaky_load_balancer.harness.stage import Stage

Change = tuple[float, int, bool]  # seconds since the first attempt, the server, is it there


def changes(run: Run) -> list[Change]:
    """When servers of a run come and go, in order."""
    return sorted(_changes(run))


async def follow(stage: Stage, run: Run, start: float) -> None:
    """Tell the balancer of every change at its time; ``start`` on the monotonic clock."""
    for time_due, server, there in changes(run):
        await asyncio.sleep(max(0.0, start + time_due - time.monotonic()))
        await stage.membership(run, server, there=there)


def _changes(run: Run) -> Iterator[Change]:
    for fault in run.scenario.faults:
        if fault.kind not in {"added", "removed"}:
            continue
        for server in fault.servers:
            added = fault.kind == "added"
            if added and fault.start > 0:
                yield float("-inf"), server, False
            yield fault.start, server, added
            if fault.end < float("inf"):
                yield fault.end, server, not added
