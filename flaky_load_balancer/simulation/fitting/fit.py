"""A scenario fitted to a log, with what is uncertain about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from scipy.special import betaincinv

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.simulation.fitting.explanation import Explanation
from flaky_load_balancer.simulation.fitting.limiters import explanations
from flaky_load_balancer.simulation.fitting.log import EPOCH, Log
from flaky_load_balancer.simulation.fitting.search import Range
from flaky_load_balancer.simulation.scenarios import Latency

CLEAR = 10.0  # a difference in BIC that leaves little doubt (Kass and Raftery 1995)
MUCH = 0.1  # of the refusals: more that are not explained deserve a word
VAGUE = 1.25  # high over low: a limit of which that is more is known roughly
COARSE = 0.05  # of a window, or of the time of a token: a clock that counts in more is too coarse
UNIT_NAMES = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
FEW = 20  # attempts: fewer tell little of a failure rate


@dataclass(frozen=True)
class Fit:
    """What a log tells of its servers."""

    log: Log
    failure: Sequence[Range]  # per server, with 95 % intervals
    latency: Latency | None  # None where the log does not say
    explanations: Sequence[Explanation]  # the best first; none without a refusal

    @classmethod
    def of(cls, log: Log) -> "Fit":
        return cls(log, _failure(log), _latency(log), explanations(log))

    @property
    def best(self) -> Explanation | None:
        """What explains the refusals best, if anything does better than chance."""
        best = self.explanations[0] if self.explanations else None
        return None if best is None or best.kind == "none" else best

    @cached_property
    def limits(self) -> list[float]:
        """The limit of each server; one that never refused is taken to be as good as the best."""
        if self.best is None:
            return []
        known = [each.value for each in self.best.limits if np.isfinite(each.value)]
        return [
            each.value if np.isfinite(each.value) else max(*known, _finite(each.low))
            for each in self.best.limits
        ]

    @property
    def doubts(self) -> list[str]:
        """What is uncertain, in sentences."""
        return [*self._clock_doubts(), *self._limiter_doubts(), *self._rate_doubts()]

    def _clock_doubts(self) -> list[str]:
        log, best = self.log, self.best
        doubts = []
        if log.unit != "s":
            doubts.append(f"times are taken for {UNIT_NAMES[log.unit]}")
        elif abs(log.start) < EPOCH[0]:
            doubts.append(
                f"times are taken for seconds, {log.span:,.6g} from the first to the last: if they"
                " are not, name the column time_ms, time_us or time_ns"
            )
        if best is not None and log.tick > COARSE * _finest(best):
            doubts.append(
                f"the clock of the log is too coarse, it counts in {log.tick:g} s: what a limiter"
                " does in less cannot be seen, so kind, window and limits are guesses"
            )
        return doubts

    def _limiter_doubts(self) -> list[str]:
        if not self.explanations:
            most = _busiest(self.log)
            return [f"nothing was refused: limits above {most} attempts in a second are possible"]
        refused = int(self.log.refused.sum())
        if self.best is None:
            return [f"no limiter explains the {refused} refusals better than chance: left out"]
        doubts = _rivals(self.best, self.explanations)
        if not self.best.failures:
            doubts.append(
                "failures seem to use no admission, without them the limiter is wrong less than"
                " half as often; in a scenario they use one"
            )
        if self.best.unexplained > MUCH * refused:
            doubts.append(
                f"{self.best.unexplained} attempts are not as the limiter has it, next to {refused}"
                " refusals: limits may move, or other clients use them up"
            )
        return [*doubts, *_limits_known_badly(self.best), *_shapes_known_badly(self.best)]

    def _rate_doubts(self) -> list[str]:
        admitted = np.bincount(self.log.server[self.log.admitted], minlength=len(self.failure))
        few = np.flatnonzero(admitted < FEW).tolist()
        doubts = [f"fewer than {FEW} attempts admitted by servers {_list(few)}"] if few else []
        cancelled = int((self.log.outcome == Outcome.CANCELLED).sum())
        doubts += [f"{cancelled} cancelled attempts tell nothing"] if cancelled else []
        runs = int(self.log.run.max()) + 1
        doubts += [f"{runs} runs are taken as one fleet, limits beginning anew"] if runs > 1 else []
        return doubts if self.latency else [*doubts, "no latencies: those of the defaults"]

    def result(self) -> dict[str, Any]:
        """The fit as JSON."""
        log, best = self.log, self.best
        limit = None if best is None else {
            "kind": best.kind,
            "window": best.window._asdict(),
            "burst": best.burst._asdict(),
            "values": self.limits,
            "unexplained": best.unexplained,
            "failures_use_admissions": best.failures,
        }  # fmt: skip
        return {
            "attempts": len(log.time),
            "refused": int(log.refused.sum()),
            "seconds": log.span,
            "servers": list(log.servers),
            "failure": [each._asdict() for each in self.failure],
            "limit": limit,
            "explanations": [
                {"limiter": described(each), "bic": each.bic, "unexplained": each.unexplained}
                for each in self.explanations
            ],
            "doubts": self.doubts,
        }


def _finest(best: Explanation) -> float:
    """Seconds: the window, or the time in which the fastest bucket gets a token."""
    if best.kind != "token-bucket":
        return best.window.value
    return 1 / max(each.value for each in best.limits if np.isfinite(each.value))


def _rivals(best: Explanation, explanations: Sequence[Explanation]) -> list[str]:
    return [
        f"{described(other)} explains the refusals nearly as well as {described(best)}"
        f" (BIC {other.bic - best.bic:.1f} more)"
        for other in explanations
        if other is not best and other.bic - best.bic < CLEAR
    ]


def _limits_known_badly(best: Explanation) -> list[str]:
    never = [place for place, each in enumerate(best.limits) if np.isinf(each.value)]
    vague = [place for place, each in enumerate(best.limits) if inf > each.high > VAGUE * each.low]
    doubts = []
    if never:
        doubts.append(f"never refused, so limited at most as the best: servers {_list(never)}")
    if vague:
        doubts.append(f"limits known only roughly, see their intervals: servers {_list(vague)}")
    return doubts


def _shapes_known_badly(best: Explanation) -> list[str]:
    window, burst = best.window, best.burst
    doubts = []
    if np.isinf(window.high):
        least = f"{window.low:g} s or more"
        doubts.append(f"the log is too short to tell how long the window is: {least}")
    elif window.low < 0.99 * window.value or window.high > 1.01 * window.value:
        doubts.append(f"the window is from {window.low:.4g} to {window.high:.4g} s")
    if burst.low < burst.high:
        doubts.append(f"the burst is from {burst.low:g} to {burst.high:g}")
    return doubts


def described(explanation: Explanation) -> str:
    """A limiter in a few words."""
    match explanation.kind:
        case "none":
            return "chance alone"
        case "token-bucket":
            return f"token-bucket, burst {explanation.burst.value:g}"
        case kind:
            return f"{kind} of {explanation.window.value:.4g} s"


def _failure(log: Log) -> list[Range]:
    """Means and intervals of Jeffreys' posterior, Beta(failed + 1/2, succeeded + 1/2)."""
    size = len(log.servers)
    failed = np.bincount(log.server[log.outcome == Outcome.FAILED], minlength=size) + 0.5
    succeeded = np.bincount(log.server[log.outcome == Outcome.SUCCEEDED], minlength=size) + 0.5
    low, high = (betaincinv(failed, succeeded, end) for end in (0.025, 0.975))
    mean = failed / (failed + succeeded)
    return [Range(*each) for each in zip(mean.tolist(), low.tolist(), high.tolist(), strict=True)]


def _latency(log: Log) -> Latency | None:
    """Of all answers; from quantiles, so that a few that timed out change little."""
    known = log.latency[(log.outcome != Outcome.CANCELLED) & (log.latency > 0)]
    if not len(known):
        return None
    low, median, high = np.quantile(known, [0.1587, 0.5, 0.8413])
    sigma = float(np.log(high / low)) / 2
    return Latency(float(np.clip(median, 0, 60)), float(np.clip(sigma, 0, 5)))


def _busiest(log: Log) -> int:
    """The most attempts that one server got within a second."""
    times = [log.time[log.server == server] for server in range(len(log.servers))]
    return max(
        int((np.arange(len(t)) - np.searchsorted(t, t - 1, side="right")).max()) + 1 for t in times
    )


def _list(places: Sequence[int]) -> str:
    return ", ".join(map(str, places))


def _finite(value: float) -> float:
    return value if np.isfinite(value) else 0.0
