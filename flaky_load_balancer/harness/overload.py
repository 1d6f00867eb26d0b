"""Whether this machine kept up with a session: only then do its numbers compare strategies.

On a busy machine requests are sent late, answers come late or not at all, and attempts time out
that the servers answered in time.  Which strategy suffers most is chance, so nobody is ranked.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from flaky_load_balancer.harness.client import Sent
from flaky_load_balancer.lateness import Lateness

# What is late in seconds beyond which a session is invalid: one in a hundred moments, or any.  The
# limits of the built-in scenarios have windows of 1 s, and attempts time out after 2 s.
LATE_P99 = 0.05
LATE_MAX = 0.5
ENOUGH = 100  # moments of which one in a hundred can be told

PROBE = 0.3  # seconds that are spent on finding out what the machine can do
PROBES_AT_ONCE = 32
# One request of a race costs as much as this many of the probe's, in all processes together: with
# all strategies on T1, T2 and T3, two quiet cores did 2,000 of these and 12,000 of those a second.
PROBES_PER_REQUEST = 6


@dataclass(frozen=True)
class Verdict:
    """``why`` has a sentence for each thing that went wrong; none: the session is valid."""

    why: list[str]
    late_ms: dict[str, float]  # of sending, behind the time due

    @property
    def valid(self) -> bool:
        return not self.why

    def result(self) -> dict[str, Any]:
        return {"valid": self.valid, "why": self.why, "late_ms": self.late_ms}


def judge(
    sent: Mapping[str, Sent], loops: Mapping[str, Lateness], tolerance: float = 1.0
) -> Verdict:
    """``sent`` by the name of the run, ``loops`` (lateness of event loops) by the program's.

    ``tolerance`` multiplies what may be late.
    """
    sending = Lateness()
    for each in sent.values():
        sending.merge(each.lateness)
    why = _late("requests were sent", sending, tolerance)
    for program, lateness in loops.items():
        why += _late(f"the event loop of {program} woke", lateness, tolerance)
    return Verdict(why + _missing(sent), sending.milliseconds())


def _late(what: str, lateness: Lateness, tolerance: float) -> list[str]:
    p99, longest = lateness.quantile(0.99), lateness.longest
    usual, worst = tolerance * LATE_P99, tolerance * LATE_MAX
    if longest <= worst and (p99 <= usual or lateness.count < ENOUGH):
        return []
    return [
        f"{what} late: 1 in 100 by more than {1000 * p99:.0f} ms (limit {1000 * usual:.0f}),"
        f" at worst {1000 * longest:.0f} ms (limit {1000 * worst:.0f})"
    ]


def _missing(sent: Mapping[str, Sent]) -> list[str]:
    lost = {name: each.unanswered + each.turned_away for name, each in sent.items()}
    total = sum(lost.values())
    if not total:
        return []
    worst = max(lost, key=lost.__getitem__)
    return [
        f"{total} of {sum(each.requests for each in sent.values())} requests were not answered,"
        f" most of {worst}: {lost[worst]} of {sent[worst].requests}"
    ]


async def capacity(url: str) -> float:
    """Requests per second of a race that this machine can do now, about: asked of the balancer.

    ``url`` is one that the balancer answers from the event loop that its strategies run in.
    """
    answered, start = 0, time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def ask() -> None:
            nonlocal answered
            while time.monotonic() < start + PROBE:
                async with client.get(url) as response:
                    await response.read()
                answered += 1

        await asyncio.gather(*(ask() for _ in range(PROBES_AT_ONCE)))
    return answered / (time.monotonic() - start) / PROBES_PER_REQUEST


def advice(can_do: float, rate: float, runs: int) -> str | None:
    """What to ask for instead where ``runs`` at once, each of this rate, are too many; or None."""
    if can_do >= rate * runs:
        return None
    ways = [f"--rate {max(0.1, can_do / runs):.1g}"]
    if can_do >= rate:
        ways += [f"at most {int(can_do / rate)} runs (--strategy, --scenario)", "--sequential"]
    return (
        f"this machine can do about {can_do:.0f} requests per second now, and {runs} runs of"
        f" {rate:g} take {rate * runs:.0f}. If the session turns out invalid, try"
        f" {' or '.join(ways)}, or wait until the machine is quiet"
    )
