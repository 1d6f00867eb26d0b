"""How flaky servers behave: the same for live HTTP servers (R = 1) and for the simulator.

An attempt first meets the fault of its server, if it is having one, then its limiter, then
chance.  A server that is down, hangs, resets or answers garbage is broken in front of its
limiter: nothing is admitted, nothing is counted.  Under ``error`` an attempt fails with the given
rate, or with the server's own where that is higher: trouble improves no server.  A failed attempt
uses an admission, a refused one does not; where limits count tokens it uses its size.
"""

from enum import IntEnum
from math import inf
from typing import Any, NamedTuple, TypeVar

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints, Outcome
from flaky_load_balancer.simulation.fleets.chance import Streams
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.joint import Joint
from flaky_load_balancer.simulation.fleets.limits import Limiter, Size
from flaky_load_balancer.simulation.scenarios import Stretch, providers

Array = TypeVar("Array", bound=np.ndarray[Any, Any])

FAILING = frozenset({"error", *providers.FAILING})
UNSEEN = frozenset({"quality", "price", *providers.HARMLESS})
LONGEST_WAIT = 3600.0  # seconds: a limit of 0 never admits, and still answers


class Fault(IntEnum):
    """How a server is broken, beyond what an HTTP answer says."""

    NONE = 0
    DOWN = 1  # the connection is refused
    HANG = 2  # never answered
    RESET = 3  # the connection is cut
    GARBAGE = 4  # answered with bytes that are not HTTP


class Response(NamedTuple):
    """What became of n attempts."""

    outcome: Ints  # (n,) Outcome values; FAILED for every fault
    latency: Floats  # (n,) seconds until the answer; infinite where there will be none
    retry_after: Floats  # (n,) whole seconds, as the HTTP header has them; NaN where not said
    fault: Ints  # (n,) Fault codes


class Servers:
    """The servers of R fleets, each with its own t = 0: the first attempt any of them receives."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.scenario = scenario = fleet.scenario
        self.replications, self.arms = fleet.shape
        self.origin = np.full(self.replications, np.nan)  # (R,) t = 0 on the caller's clock
        self.limiter = fleet.limiter()
        self._speaks = any(limit.retry_after for limit in scenario.limits)
        self._in_tokens = any(limit.in_tokens for limit in scenario.limits)
        self._spoken = self.limiter.speaking() if isinstance(self.limiter, Joint) else self.limiter
        self.failures = fleet.failures()
        self.latencies = fleet.latencies()
        self._luck = Streams(fleet.keys("outcome"), lambda _, number: number)
        self._latency = Streams(fleet.keys("latency"), self.latencies.seconds)
        self._members = [np.isin(np.arange(self.arms), fault.servers) for fault in scenario.faults]
        self._waiting = True  # for the first attempt of some replication
        self._unsaid = _constant(np.full(self.replications, np.nan))
        self._faultless = _constant(np.zeros(self.replications, dtype=np.intp))
        self._lanes = np.arange(self.replications * self.arms)

    def respond(self, rows: Ints, arm: Ints, now: Floats, size: Floats | None = None) -> Response:
        """What n attempts meet: at most one in each replication, at times that never go back.

        ``size`` (n,) is in tokens; where limits count them, an attempt without has mean size.
        """
        lane = rows * self.arms + arm
        t = self._since(rows, now)
        takes = self._taken(size, len(rows)) if self._in_tokens else 1.0
        if self.scenario.faults:
            return self._troubled(lane, t, takes)
        return self._sound(lane, t, self.failures.rate(lane, t), takes)

    @property
    def limiters(self) -> tuple[Limiter, ...]:
        """One for each limit of the scenario; ``limiter`` asks all of them."""
        if isinstance(self.limiter, Joint):
            return tuple(part.limiter for part in self.limiter.parts)
        return () if self.limiter is None else (self.limiter,)

    def joint(self) -> Joint:
        """All limits as one, also where there is one or none."""
        limits = zip(self.fleet.limits, self.limiters, strict=True)
        return Joint([limited.part(limiter) for limited, limiter in limits], self.fleet.mean_size)

    def _taken(self, size: Floats | None, n: int) -> Floats:
        mean = self.fleet.mean_size
        return np.full(n, mean) if size is None else np.nan_to_num(size, nan=mean)

    @property
    def admitted(self) -> Ints:
        """(R, K) how many attempts each server has admitted."""
        return self._luck.read.reshape(self.fleet.shape)

    @property
    def answered(self) -> Ints:
        """(R, K) how many attempts each server has answered, refusals included."""
        return self._latency.read.reshape(self.fleet.shape)

    def success(self, t: Floats | float, within: float = inf) -> Floats:
        """(R, K) as ``chance`` for every server, at t seconds since t = 0."""
        return self.chance(self._lanes, self._everywhere(t), within).reshape(self.fleet.shape)

    def best_success(self, start: float, end: float, within: float = inf) -> Floats:
        """(R, K) the most that ``success`` is between two times without a change of faults."""
        least = self.failures.least(self._lanes, *map(self._everywhere, (start, end)))
        best = self._promised(self._lanes, self._everywhere(start), least, within)
        return best.reshape(self.fleet.shape)

    def chance(self, lane: Ints, t: Floats, within: float) -> Floats:
        """(n,) the chance that an admitted attempt succeeds, with an answer ``within`` seconds."""
        return self._promised(lane, t, self.failures.rate(lane, t), within)

    def _promised(self, lane: Ints, t: Floats, failure: Floats, within: float) -> Floats:
        """(n,) as ``chance``, with a rate of failures (n,), faults apart."""
        fault, failure, delay = self.trouble(lane, t, failure)
        sound = np.where(fault == Fault.NONE, 1 - failure, 0.0)
        return sound if within == inf else sound * self.latencies.within(lane, within - delay)

    def admissions(self, start: Floats | float, end: Floats | float) -> Floats:
        """(R, K) the most attempts that each limiter can admit between two times since t = 0."""
        if self.limiter is None:
            return np.full(self.fleet.shape, np.inf)
        most = self.limiter.admissions(self._lanes, self._everywhere(start), self._everywhere(end))
        return most.reshape(self.fleet.shape)

    def remaining(self, now: Floats | float) -> Floats:
        """(R, K) admissions left in each limiter at ``now``, on the clock of ``respond``."""
        if self.limiter is None:
            return np.full(self.fleet.shape, np.inf)
        return self.limiter.remaining(self._lanes, self._elapsed(now)).reshape(self.fleet.shape)

    def rate(self, now: Floats | float) -> Floats:
        """(R, K) admissions per second that each limit gives at ``now``."""
        if self.limiter is None:
            return np.full(self.fleet.shape, np.inf)
        return self.limiter.rate(self._lanes, self._elapsed(now)).reshape(self.fleet.shape)

    def ails(self, arm: int, t: float) -> list[Stretch]:
        """The faults of a server at t seconds since t = 0, the last of them first."""
        faults = reversed(self.scenario.faults)
        return [f for f in faults if arm in f.servers and f.start <= t < f.end]

    def down(self, t: float) -> frozenset[int]:
        """The servers that refuse connections at t seconds since t = 0."""
        arms = np.arange(self.arms)
        fault, _, _ = self.trouble(arms, np.full(self.arms, t), np.zeros(self.arms))
        return frozenset(np.flatnonzero(fault == Fault.DOWN).tolist())

    def _since(self, rows: Ints, now: Floats) -> Floats:
        """(n,) seconds since t = 0, which is now where nothing came before."""
        if self._waiting:
            first = np.isnan(self.origin[rows])
            self.origin[rows[first]] = now[first]
            self._waiting = bool(np.isnan(self.origin).any())
        elapsed: Floats = now - self.origin[rows]
        return elapsed

    def _sound(self, lane: Ints, t: Floats, failure: Floats, size: Size) -> Response:
        """What attempts meet at servers that are not broken."""
        limiter = self.limiter
        latency = self._latency.next(lane)
        retry_after, fault = self._unsaid[: len(lane)], self._faultless[: len(lane)]
        if limiter is None:
            failed = self._luck.next(lane) < failure
            return Response(failed.astype(np.intp), latency, retry_after, fault)
        admitted = limiter.admit(lane, t, size)
        failed = self._luck.next(lane, admitted) < failure
        outcome = np.where(admitted, failed, Outcome.RATE_LIMITED)
        if self._speaks and np.count_nonzero(admitted) < len(lane):
            retry_after = np.where(admitted, np.nan, self._wait(lane, t, size))
        return Response(outcome, latency, retry_after, fault)

    def _wait(self, lane: Ints, t: Floats, size: Size) -> Floats:
        """(n,) whole seconds until the limits that say so admit; NaN where only others refuse."""
        assert self._spoken is not None
        wait = self._spoken.wait(lane, t, size)
        return np.where(wait > 0, np.clip(np.ceil(wait - 1e-6), 1, LONGEST_WAIT), np.nan)

    def _troubled(self, lane: Ints, t: Floats, size: Size) -> Response:
        """What attempts meet where some servers may be broken."""
        fault, failure, delay = self.trouble(lane, t, self.failures.rate(lane, t))
        if not np.count_nonzero(fault):
            response = self._sound(lane, t, failure, size)
            return response._replace(latency=response.latency + delay)
        sound = fault == Fault.NONE
        n = len(lane)
        outcome = np.full(n, Outcome.FAILED, dtype=np.intp)
        latency = np.where(fault == Fault.HANG, np.inf, 0.0)
        retry_after = np.full(n, np.nan)
        if sound.any():
            takes = size[sound] if isinstance(size, np.ndarray) else size
            some = self._sound(lane[sound], t[sound], failure[sound], takes)
            outcome[sound], retry_after[sound] = some.outcome, some.retry_after
            latency[sound] = some.latency + delay[sound]
        return Response(outcome, latency, retry_after, fault)

    def trouble(self, lane: Ints, t: Floats, failure: Floats) -> tuple[Ints, Floats, Floats]:
        """(n,) fault codes, chances of failing and seconds of delay; later faults win.

        ``failure`` (n,) are the chances of failing where there is no fault.
        """
        arm = lane % self.arms
        fault = np.zeros(len(lane), dtype=np.intp)
        delay = np.zeros(len(lane))
        first, last = t.min(), t.max()
        for stretch, members in zip(self.scenario.faults, self._members, strict=True):
            if stretch.kind in UNSEEN:
                continue  # what answers are worth and cost is the world's business
            if stretch.kind == "added":
                fault[members[arm] & ((t < stretch.start) | (stretch.end <= t))] = Fault.DOWN
                continue
            if last < stretch.start or stretch.end <= first:
                continue
            hit = members[arm] & (stretch.start <= t) & (t < stretch.end)
            if stretch.kind == "slow":
                delay += hit * stretch.delay
            elif stretch.kind in FAILING:
                failure = np.where(hit, np.maximum(failure, stretch.rate), failure)
            else:
                fault[hit] = (
                    Fault.DOWN if stretch.kind == "removed" else Fault[stretch.kind.upper()]
                )
        return fault, failure, delay

    def _everywhere(self, t: Floats | float) -> Floats:
        """(R x K,) a time, or one for each replication, for every lane."""
        each = np.broadcast_to(np.asarray(t, dtype=np.float64), (self.replications,))
        return np.repeat(each, self.arms)

    def _elapsed(self, now: Floats | float) -> Floats:
        """(R x K,) seconds since t = 0 for every lane; 0 before it."""
        return self._everywhere(np.nan_to_num(now - self.origin))


def _constant(array: Array) -> Array:
    """An array that many responses can share."""
    array.setflags(write=False)
    return array
