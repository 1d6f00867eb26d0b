"""How late a program is: nothing that was missed is left out."""

import asyncio
import time
from contextlib import suppress

import pytest

from flaky_load_balancer.lateness import Lateness, report_loop, watch_loop


def test_delays_are_summed_up_in_milliseconds() -> None:
    lateness = Lateness([0.001] * 98 + [0.5, 2.0])
    lateness.add(-0.001)  # timers may fire a little early
    assert lateness.milliseconds() == {
        "p50": pytest.approx(1, rel=0.05),
        "p99": pytest.approx(500, rel=0.05),
        "max": 2000,
    }
    assert Lateness().milliseconds() == {"p50": 0, "p99": 0, "max": 0}


def test_merged_delays_are_those_of_both() -> None:
    lateness = Lateness([0.1, 0.1, 0.1])
    lateness.merge(Lateness([0.3]))
    assert lateness.longest == 0.3
    assert lateness.quantile(0.5) == pytest.approx(0.1, rel=0.05)


async def test_a_loop_that_stands_still_is_late_at_every_moment_that_it_missed() -> None:
    delays: list[float] = []
    watching = asyncio.create_task(watch_loop(delays.append))
    await asyncio.sleep(0)
    time.sleep(0.5)
    while not delays:
        await asyncio.sleep(0.01)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    assert len(delays) >= 20
    assert max(delays) >= 0.4
    assert delays == sorted(delays, reverse=True)


async def test_reports_have_every_delay_once() -> None:
    reports: list[list[float]] = []
    reporting = asyncio.create_task(report_loop(reports.append))
    while len(reports) < 2:
        await asyncio.sleep(0.01)
    reporting.cancel()
    assert all(reports)
    assert all(delay == round(delay, 4) >= 0 for report in reports for delay in report)
