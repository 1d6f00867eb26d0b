"""The one fold that turns events into numbers: live stream, saved run, tests and export use it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from flaky_load_balancer.core.events import Attempt, Delivery, Ending, Event, Rewarded
from flaky_load_balancer.core.histogram import Histogram
from flaky_load_balancer.core.types import Floats, Outcome, Rules

RECENT = 10  # seconds over which shares of choices are taken
BILLION = 10**9
TOKENS = 1e4  # so many are 1 in a histogram, which was made for seconds

Bound = Callable[[int], float | None]  # the best mean score with this many requests, where known


class Failure(NamedTuple):
    """Why the last attempt failed that did, and when that was (seconds since the epoch)."""

    reason: str
    time: float


class ModelTally:
    """What is counted of a server that is a language model; sizes in units of ``TOKENS``."""

    __slots__ = (
        *("cost", "estimated", "first_token", "input", "output", "pace", "reward", "rewards"),
    )

    def __init__(self) -> None:
        self.input, self.output = Histogram(), Histogram()
        self.first_token = Histogram()  # seconds
        self.pace = Histogram()  # seconds for each token after the first
        self.cost = self.estimated = 0  # billionths of dollars; estimated ones are no part of cost
        self.reward = self.rewards = 0  # billionths, and answers of which it is known

    def add(self, attempt: Attempt, output: float) -> None:
        self.input.add(((attempt.size or 0.0) - output) / TOKENS)
        cost = _billionths(attempt.cost)
        if attempt.estimated:
            self.estimated += cost
        else:
            self.cost += cost
        if attempt.outcome != Outcome.SUCCEEDED:
            return
        self.output.add(output / TOKENS)
        if attempt.first_byte is not None:
            self.first_token.add(attempt.first_byte)
            if output > 1:
                self.pace.add((attempt.latency - attempt.first_byte) / (output - 1))

    def judge(self, reward: Rewarded) -> None:
        """What an answer was worth."""
        self.rewards += reward.previous is None
        self.reward += _billionths(reward.value) - _billionths(reward.previous)


class Tally:
    """Everything that is counted of one run, from nothing but its events.

    Its size depends on the number of servers, not on the length of the run.
    """

    def __init__(self, rules: Rules, bound: Bound | None = None) -> None:
        self.rules = rules
        self.bound = bound
        self.requests = self.delivered = self.attempts = self.paid_attempts = 0
        self.possibly_twice = self.retries = self.hedges = 0
        self.rewards = 0  # requests of which it is known what their answer was worth
        self._reward = self._cost = 0  # billionths, of dollars too: exact in any order of events
        self.codes: Counter[int] = Counter()  # requests by the HTTP status that the client got
        self.failures: list[Failure | None] = [None] * rules.arms  # the last one of each server
        self._attempts_of_ended = 0
        self.endings = dict.fromkeys(Ending, 0)
        self.outcomes = [[0] * rules.arms for _ in Outcome]  # [outcome][server]
        self.latency = Histogram()
        self.models: list[ModelTally | None] = [None] * rules.arms  # of language models
        self.tasks: dict[tuple[int, int], ModelTally] = {}  # of them, by server and task
        self.attempt_latency = [Histogram() for _ in range(rules.arms)]
        self.first_arrival = self.last_arrival = self.last_end = 0.0
        self._recent = [[0] * rules.arms for _ in range(RECENT)]  # attempts per second and server
        self._recent_sum = [0] * rules.arms
        self._second = 0

    @classmethod
    def of(cls, events: Iterable[Event], rules: Rules, bound: Bound | None = None) -> "Tally":
        tally = cls(rules, bound)
        for event in events:
            tally.add(event)
        return tally

    def add(self, event: Event) -> None:
        if isinstance(event, Attempt):
            self._add_attempt(event)
        elif isinstance(event, Delivery):
            self._add_delivery(event)
        elif isinstance(event, Rewarded):
            self._add_reward(event)

    def grow(self, arms: int) -> None:
        """Make room for servers that came; those that there were keep their numbers."""
        more = arms - self.rules.arms
        self.rules = replace(self.rules, arms=arms)
        for counts in (*self.outcomes, *self._recent, self._recent_sum):
            counts.extend([0] * more)
        self.attempt_latency += [Histogram() for _ in range(more)]
        self.failures += [None] * more
        self.models += [None] * more

    def _add_attempt(self, attempt: Attempt) -> None:
        self.attempts += 1
        self.paid_attempts += attempt.number > self.rules.free_attempts
        self.hedges += attempt.hedge
        self.retries += attempt.number > 1 and not attempt.hedge
        if attempt.cost is not None:
            self._cost += _billionths(attempt.cost)
        if attempt.output is not None:
            self._add_tokens(attempt, attempt.output)
        self.outcomes[attempt.outcome][attempt.server] += 1
        self.attempt_latency[attempt.server].add(attempt.latency)
        second = int(attempt.sent + attempt.latency)
        if second > self._second:
            self._forget(second)
        if second > self._second - RECENT:
            self._recent[second % RECENT][attempt.server] += 1
            self._recent_sum[attempt.server] += 1
        if attempt.reason is not None:
            self._add_failure(attempt)

    def _add_tokens(self, attempt: Attempt, output: float) -> None:
        for model in self._models(attempt.server, attempt.task):
            model.add(attempt, output)

    def _models(self, server: int, task: int | None) -> Iterator[ModelTally]:
        """What is counted of a server, of all tasks and of this one."""
        model = self.models[server]
        if model is None:
            model = self.models[server] = ModelTally()
        yield model
        if task is not None:
            if (server, task) not in self.tasks:
                self.tasks[server, task] = ModelTally()
            yield self.tasks[server, task]

    def _add_failure(self, attempt: Attempt) -> None:
        last, time = self.failures[attempt.server], attempt.sent + attempt.latency
        if last is None or time >= last.time:
            self.failures[attempt.server] = Failure(attempt.reason or "", time)

    def _add_delivery(self, delivery: Delivery) -> None:
        if not self.requests or delivery.arrived < self.first_arrival:
            self.first_arrival = delivery.arrived
        self.last_arrival = max(self.last_arrival, delivery.arrived)
        self.last_end = max(self.last_end, delivery.ended)
        self.requests += 1
        self.delivered += delivery.ending is Ending.DELIVERED
        self.endings[delivery.ending] += 1
        self.possibly_twice += delivery.possibly_twice
        if delivery.code is not None:
            self.codes[delivery.code] += 1
        self._attempts_of_ended += delivery.attempts
        self.latency.add(delivery.ended - delivery.arrived)

    def _add_reward(self, reward: Rewarded) -> None:
        self.rewards += reward.previous is None
        self._reward += _billionths(reward.value) - _billionths(reward.previous)
        if self.models[reward.server] is not None:
            for model in self._models(reward.server, reward.task):
                model.judge(reward)

    def _forget(self, second: int) -> None:
        for passed in range(max(self._second + 1, second - RECENT + 1), second + 1):
            gone = self._recent[passed % RECENT]
            if any(gone):
                pairs = zip(self._recent_sum, gone, strict=True)
                self._recent_sum = [count - old for count, old in pairs]
                self._recent[passed % RECENT] = [0] * self.rules.arms
        self._second = second

    @property
    def score(self) -> float:
        """A delivered request counts as 1 until it is known what its answer was worth.

        Dollars count as much as the rules say.
        """
        worth = self.delivered - self.rewards + self._reward / BILLION
        return self.rules.score(worth, self.paid_attempts) - self.rules.usd * self._cost / BILLION

    def share(self, now: float) -> Floats:
        """(K,) each server's share of the attempts that ended in the seconds before ``now``."""
        if int(now) > self._second:
            self._forget(int(now))
        recent = np.array(self._recent_sum, dtype=np.float64)
        share: Floats = recent / max(1.0, recent.sum())
        return share

    def run(self) -> dict[str, Any]:
        """The numbers of a run, under the names of the contract."""
        bound = None if self.bound is None else self.bound(self.requests)
        span = self.last_arrival - self.first_arrival
        return {
            "requests": self.requests,
            "delivered": self.delivered,
            "given_up": self.requests - self.delivered,
            "attempts": self.attempts,
            "paid_attempts": self.paid_attempts,
            "effort": self._attempts_of_ended / self.requests if self.requests else None,
            "rate_limited": sum(self.outcomes[Outcome.RATE_LIMITED]),
            "hedges": self.hedges,
            "cost": self._cost / BILLION,
            "reward": self._reward / BILLION / self.rewards if self.rewards else None,
            "score": self.score,
            "bound": bound,
            "regret": None if bound is None else bound - self.score,
            "latency_ms": {
                "p50": _milliseconds(self.latency.quantile(0.50)),
                "p99": _milliseconds(self.latency.quantile(0.99)),
            },
            "offered_rate": (self.requests - 1) / span if span > 0 else None,
            "seconds": self.last_end - self.first_arrival if self.requests else 0.0,
        }


def interpolated(grid: Sequence[tuple[int, float]]) -> Bound:
    """A bound from some of its points (requests, score): straight in between, unknown beyond."""
    counts, values = zip(*grid, strict=True)

    def bound(requests: int) -> float | None:
        return None if requests > counts[-1] else float(np.interp(requests, counts, values))

    return bound


def _billionths(amount: float | None) -> int:
    return round(BILLION * amount) if amount else 0


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
