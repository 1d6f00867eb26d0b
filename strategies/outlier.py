"""outlier: round-robin over servers that are not ejected for failing too often in a row.

What a service mesh does in most installations.

Source: Envoy's outlier detection (``consecutive_5xx``, ``interval``, ``base_ejection_time``,
``max_ejection_time``, ``max_ejection_percent``, whose default is 0.1).

    failed: row + 1;  succeeded: row = 0;  refused: row = 0, + 1 or as it was (``refusals``)
    row = ``failures``:  row = 0, and if (ejected + 1) / K <= max_ejected, ejected for
                         min(base m, most), m = its ejections so far, this one included
    every ``interval``, counted from the first event: servers whose time is over return, and m
    falls by 1 for each that has been back for an interval

No sweep is ever run.  An ejection that is decided fixes the number of the sweep that ends it, and
from how many sweeps have passed since follows how far m has fallen.
Untried servers come first, ejected ones last; one that is ejected already is not ejected anew.
"""

from dataclasses import dataclass

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, best, stuck
from flaky_load_balancer.core.types import Action, Bools, Context, Feedback, Floats, Ints, Rules
from strategies.parts.counts import FAILED, REFUSED, SUCCEEDED
from strategies.parts.numbers import require, require_one_of
from strategies.parts.stopwatch import Stopwatch
from strategies.parts.turn import Turn


@dataclass
class Outlier(Strategy):
    """Take servers in turn, leaving out those that failed several times in a row."""

    failures: int = 5
    max_ejected: float = 0.5
    base: float = 30.0  # seconds
    most: float = 300.0  # seconds
    interval: float = 10.0  # seconds
    refusals: str = "reset"

    def __post_init__(self) -> None:
        require("failures", self.failures, least=1, whole=True)
        require("max_ejected", self.max_ejected, least=0, most=1)
        require("base", self.base, least=0)
        require("most", self.most, least=0)
        require("interval", self.interval, above=0)
        require_one_of("refusals", self.refusals, ("reset", "fail", "ignore"))

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        shape = replications, rules.arms
        self.turn = Turn(replications, rules.arms)
        self.watch = Stopwatch(replications)
        self.in_a_row = np.zeros(shape, dtype=np.intp)
        self.ejections: Floats = np.zeros(shape)  # m when the last ejection began
        self.returns: Floats = np.zeros(shape)  # the number of the sweep that ends it

    def select(self, context: Context) -> Action:
        sweep = self._sweep(self.watch.elapsed(context.rows, context.now))
        eligible = _preferred(context, self.returns.take(context.rows, 0) > sweep[:, None])
        action = best(context, self.turn.nearness(context.rows), eligible, probability=1.0)
        self.turn.pass_on(context.rows, action.arm)
        return action

    def observe(self, feedback: Feedback) -> None:
        elapsed = self.watch.elapsed(feedback.rows, feedback.now)
        fails, clears = self._judge(feedback.outcome)
        self.in_a_row[feedback.rows[clears], feedback.arm[clears]] = 0
        if np.count_nonzero(fails):
            self._fail(feedback.rows[fails], feedback.arm[fails], elapsed[fails])

    def resize(self, keep: Ints) -> None:
        super().resize(keep)
        self.turn.resize(keep)

    def retry_at(self, now: Floats) -> Floats:
        left = self.returns * self.interval - self.watch.peek(now)[:, None]
        until: Floats = now[:, None] + np.maximum(left, 0.0)
        return until

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return {"until": self.retry_at(now), "failures_in_a_row": self.in_a_row.astype(float)}

    def _judge(self, outcome: Ints) -> tuple[Bools, Bools]:
        """(n,) each: what counts as a failure, and what ends a row of them."""
        refused = outcome == REFUSED
        fails, clears = outcome == FAILED, outcome == SUCCEEDED
        if self.refusals == "fail":
            fails |= refused
        elif self.refusals == "reset":
            clears |= refused
        return fails, clears

    def _fail(self, rows: Ints, arm: Ints, elapsed: Floats) -> None:
        self.in_a_row[rows, arm] += 1
        full = self.in_a_row[rows, arm] >= self.failures
        if np.count_nonzero(full):
            self.in_a_row[rows[full], arm[full]] = 0
            self._eject(rows[full], arm[full], elapsed[full])

    def _eject(self, rows: Ints, arm: Ints, elapsed: Floats) -> None:
        sweep = self._sweep(elapsed)
        ejected = self.returns.take(rows, 0) > sweep[:, None]
        room = (ejected.sum(axis=1) + 1) / ejected.shape[1] <= self.max_ejected
        may = room & (self.returns[rows, arm] <= sweep)
        at = rows[may], arm[may]
        been_back = sweep[may] - self.returns[at]
        m = np.maximum(self.ejections[at] - been_back, 0.0) + 1.0
        ends = elapsed[may] + np.minimum(self.base * m, self.most)
        self.ejections[at] = m
        self.returns[at] = np.ceil(ends / self.interval)

    def _sweep(self, elapsed: Floats) -> Floats:
        """(n,) how many sweeps there have been."""
        return np.floor(elapsed / self.interval)


def _preferred(context: Context, ejected: Bools) -> Bools:
    """(n, K) untried servers that are not ejected; failing these, any that is not; then untried."""
    tried, ejected = context.tried | ~context.available, ejected | ~context.available
    eligible = ~(tried | ejected)
    none_left = stuck(eligible)
    if none_left.size:
        eligible[none_left] = ~ejected[none_left]
        all_ejected = none_left[ejected[none_left].all(axis=1)]
        eligible[all_ejected] = ~tried[all_ejected]
    return eligible
