"""The one interface a strategy implements, and the helper that most of them need."""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from flaky_load_balancer.core.state import State, resize, restore, snapshot
from flaky_load_balancer.core.types import (
    GIVE_UP,
    Action,
    Bools,
    Context,
    Feedback,
    Floats,
    Ints,
    Preference,
    Reward,
    Rules,
    Sent,
)


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

    ``select`` is only asked for attempts that may be made (``left`` is at least 1), so every
    server it names is sent an attempt, and every attempt is observed exactly once, after any
    number of other decisions.  Feedback may also be about attempts of a replica of this balancer,
    which this strategy never chose.

    The other methods need not be known to most strategies: each does what is right for a strategy
    that keeps what it learns in arrays and numbers, promises nothing and takes no rewards.
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

    def reward(self, reward: Reward) -> None:  # noqa: B027
        """Learn what n answers were worth, perhaps long after they were delivered."""

    def prefer(self, preference: Preference) -> None:  # noqa: B027
        """Learn which of two servers' answers were better, in n replications."""

    def note(self, sent: Sent) -> None:  # noqa: B027
        """Take into account what a replica of this balancer sends and promises to send."""

    def withdraw(self, rows: Ints, requests: Ints) -> None:  # noqa: B027
        """Forget what was promised to n requests: they left before they were sent."""

    def state(self) -> State:
        """What was learnt, without requests in flight and promises."""
        return snapshot(self)

    def load(self, state: State) -> None:
        """Go on with what ``state`` of an equal strategy returned, also in another process.

        Raises StateError, and changes nothing, where it does not fit this strategy.
        """
        restore(self, state)

    def resize(self, keep: Ints) -> None:
        """Go on with other servers: ``keep`` (K',) is what each was before, -1 for a new one.

        A strategy that keeps indices of servers overrides it, to translate them.
        """
        resize(self, keep)

    def retry_at(self, now: Floats) -> Floats:
        """(R, K), or (R, 1) for all: seconds, when it would send to each server again."""
        return self.beliefs(now).get("until", now[:, None])

    def violations(self) -> dict[str, Floats]:
        """(R,) how many attempts were sent while a constraint was not held, by its name."""
        return {}

    def alarms(self) -> Floats | None:
        """(R, K) how often a change of each server was detected; None: it detects none."""
        return None

    def beliefs(self, now: Floats) -> dict[str, Floats]:  # noqa: ARG002
        """What the strategy believes of each server, for people: arrays of shape (R, K).

        ``now`` has shape (R,).  Keys with a meaning of their own: ``mean``, ``low`` and ``high``
        (success probability and its 95 % interval), ``until`` (seconds, the clock of ``now``:
        when a cooldown, block or ejection ends; not later than ``now`` where there is none) and
        ``capacity`` (admissions per second, infinite where no limit was met; its 95 % interval is
        ``capacity_low`` to ``capacity_high``).  Any other key is shown as it is.
        """
        return {}


class Truth(Protocol):
    """What only an ``Informed`` strategy is told: the servers as they are.

    ``rows`` (n,) says of which replications, ``now`` (n,) when, on the clock of ``select``;
    answers have shape (n, K).
    """

    def success(self, rows: Ints, now: Floats) -> Floats:
        """The chance that an admitted attempt succeeds before its time is over."""

    def remaining(self, rows: Ints, now: Floats, size: Floats) -> Floats:
        """How many attempts of this ``size`` (n,) would be admitted at once; infinite without a
        limit.
        """

    def wait(self, rows: Ints, now: Floats, size: Floats) -> Floats:
        """Seconds until an attempt could be admitted, as far as the limit of now can tell."""

    def coming(self, rows: Ints, now: Floats, seconds: Floats) -> Floats:
        """The most attempts that can be admitted from now on for so long; ``seconds`` (n, K).

        They are of mean size, and servers of one account share them out: the best first.
        """

    def takes(self, rows: Ints, size: Floats) -> Floats:
        """How many attempts of mean size one of this size uses up."""

    def keeps(self, rows: Ints) -> Floats:
        """For how many seconds an admission that is not used is kept: a window, a full bucket."""

    def ahead(self, rows: Ints, now: Floats) -> tuple[Floats, Floats]:
        """(n,) each: the requests that will still arrive, and the seconds until the last one."""


class Informed(Strategy):
    """A strategy that is told the truth, by its driver after every ``reset``: the oracle."""

    @abstractmethod
    def know(self, truth: Truth) -> None:
        """These are the servers."""


class Wrapped(Strategy):
    """A strategy around ``inner``: it passes everything on, and whoever derives changes a part."""

    def __init__(self, inner: Strategy) -> None:
        self.inner = inner

    def __repr__(self) -> str:
        return repr(self.inner)

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        self.inner.reset(rules, replications, rng)

    def select(self, context: Context) -> Action:
        return self.inner.select(context)

    def observe(self, feedback: Feedback) -> None:
        self.inner.observe(feedback)

    def reward(self, reward: Reward) -> None:
        self.inner.reward(reward)

    def prefer(self, preference: Preference) -> None:
        self.inner.prefer(preference)

    def note(self, sent: Sent) -> None:
        self.inner.note(sent)

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        self.inner.withdraw(rows, requests)

    def state(self) -> State:
        return self.inner.state()

    def load(self, state: State) -> None:
        self.inner.load(state)

    def resize(self, keep: Ints) -> None:
        self.inner.resize(keep)

    def retry_at(self, now: Floats) -> Floats:
        return self.inner.retry_at(now)

    def violations(self) -> dict[str, Floats]:
        return self.inner.violations()

    def alarms(self) -> Floats | None:
        return self.inner.alarms()

    def beliefs(self, now: Floats) -> dict[str, Floats]:
        return self.inner.beliefs(now)


def notes(strategy: Strategy) -> bool:
    """Whether a strategy wants to know what replicas send and promise, before it ends."""
    while isinstance(strategy, Wrapped):
        strategy = strategy.inner
    return type(strategy).note is not Strategy.note


def best(
    context: Context,
    index: Floats,
    eligible: Bools | None = None,
    *,
    probability: Floats | float | None = None,
) -> Action:
    """Send each request to the eligible server with the highest index, the lowest on ties.

    ``index`` and ``eligible`` have shape (n, K); no index is NaN or -inf.  Eligible are untried
    servers unless it is said, and never one that is not available.  A request with no eligible
    server is sent to the best of all that are available; one with none of these, or with no
    attempt left, is given up.  ``probability`` (n,), or of all, is that of the server with the
    highest index: 1 where chance has no part in it.
    """
    if eligible is None:
        eligible = context.available > context.tried  # available and not tried
    else:
        eligible = eligible & context.available
    if isinstance(probability, float):
        certain = len(index) == 1 and probability == 1.0
        probability = _CERTAIN if certain else np.full(len(index), probability)
    if len(index) == 1 and np.count_nonzero(eligible) and context.left.item():  # as live, mostly
        first = index.argmax()
        if not eligible.item(first):
            first = np.where(eligible, index, _NEVER).argmax()
        return Action(np.array([first]), None, index, eligible, probability)
    masked = np.where(eligible, index, _NEVER)
    none_left = stuck(eligible)
    if none_left.size:
        masked[none_left] = np.where(context.available[none_left], index[none_left], -np.inf)
    return given_up(context, Action(masked.argmax(axis=1), None, index, eligible, probability))


def candidates(context: Context) -> Bools:
    """(n, K) the untried servers that are available; all that are where each was tried."""
    untried = ~context.tried & context.available
    none_left = stuck(untried)
    untried[none_left] = context.available[none_left]
    return untried


def uniform(among: Bools) -> Floats:
    """(n,) the probability of each of the candidates (n, K), if all are equally likely."""
    chance: Floats = 1.0 / np.maximum(np.count_nonzero(among, axis=1), 1)
    return chance


def given_up(context: Context, action: Action) -> Action:
    """The same action, in which requests that cannot be sent anywhere are given up, in place."""
    hopeless = (context.left < 1).nonzero()[0]
    if hopeless.size:
        action.arm[hopeless] = GIVE_UP
    nowhere = stuck(context.available)
    if nowhere.size:
        action.arm[nowhere] = GIVE_UP
    return action


def stuck(eligible: Bools) -> Ints:
    """(m,) which of the n requests have no such server, given which are (n, K)."""
    n, arms = eligible.shape
    if np.count_nonzero(eligible) > (n - 1) * arms:  # too many for any request to have none
        return _NOBODY
    return np.flatnonzero(~eligible.any(axis=1))


_NEVER = np.array(-np.inf)
_CERTAIN = np.ones(1)  # the probability of one decision; shared, so nobody may change it
_CERTAIN.flags.writeable = False
_NOBODY = np.empty(0, dtype=np.intp)
