"""The one interface a strategy implements, and the helper that most of them need."""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from flaky_load_balancer.core.types import Action, Bools, Context, Feedback, Floats, Ints, Rules


class Strategy(ABC):
    """Chooses a server for each attempt and learns from how it ended.

    A strategy is a dataclass: constructing it only stores its hyperparameters.  ``reset``
    allocates its state as numpy arrays with a leading replications axis.  Calls are synchronous
    and never overlap.  Time comes in as ``now`` and chance as ``rng``: a strategy reads no clock
    and no other generator.

    The loop that a driver plays, for each request::

        strategy.reset(rules, replications, rng)
        action = strategy.select(context)       # a server, HOLD until a time, or GIVE_UP
        strategy.observe(feedback)              # once per attempt sent, in any order

    ``select`` is only asked for attempts that may be made (never beyond ``max_attempts``), so
    every server it names is sent an attempt, and every attempt is observed exactly once, after
    any number of other decisions.
    """

    @abstractmethod
    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        """Forget everything; make room for this many independent replications."""

    @abstractmethod
    def select(self, context: Context) -> Action:
        """Say what to do next with each of n requests."""

    @abstractmethod
    def observe(self, feedback: Feedback) -> None:
        """Learn how n attempts ended."""

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        """What the strategy believes of each server, for people: arrays of shape (R, K).

        ``now`` has shape (R,).  Keys with a meaning of their own: ``mean``, ``low`` and ``high``
        (success probability and its 95 % interval), ``until`` (seconds, the clock of ``now``:
        when a cooldown, block or ejection ends; not later than ``now`` where there is none) and
        ``capacity`` (admissions per second, infinite where no limit was met).  Any other key is
        shown as it is.
        """
        return {}


class Truth(Protocol):
    """What only an ``Informed`` strategy is told: the servers as they are.

    ``rows`` (n,) says of which replications, ``now`` (n,) when, on the clock of ``select``;
    answers have shape (n, K).
    """

    def success(self, rows: Ints, now: Floats) -> Floats:
        """The chance that an admitted attempt succeeds."""

    def left(self, rows: Ints, now: Floats) -> Floats:
        """How many attempts would be admitted at once; infinite without a limit."""

    def wait(self, rows: Ints, now: Floats) -> Floats:
        """Seconds until an attempt could be admitted, as far as the limit of now can tell."""

    def coming(self, rows: Ints, now: Floats, seconds: float) -> Floats:
        """The most attempts that can be admitted from now on for so long."""


class Informed(Strategy):
    """A strategy that is told the truth, by its driver after every ``reset``: the oracle."""

    @abstractmethod
    def know(self, truth: Truth) -> None:
        """These are the servers."""


def best(index: Floats, eligible: Bools) -> Action:
    """Send each request to the eligible server with the highest index, the lowest on ties.

    ``index`` and ``eligible`` have shape (n, K); no index is NaN or -inf.  A request with no
    eligible server is sent to the best of all of them.
    """
    masked = np.where(eligible, index, -np.inf)
    none_left = stuck(eligible)
    if none_left.size:
        masked[none_left] = index[none_left]
    return Action(masked.argmax(axis=1), None, index, eligible)


def stuck(eligible: Bools) -> Ints:
    """(m,) which of the n requests have no eligible server, given ``eligible`` (n, K)."""
    n, arms = eligible.shape
    if np.count_nonzero(eligible) > (n - 1) * arms:  # too many for any request to have none
        return _NOBODY
    return np.flatnonzero(~eligible.any(axis=1))


_NOBODY = np.empty(0, dtype=np.intp)
