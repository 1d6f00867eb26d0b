"""A few rounds of a strategy on a small fleet of given rates, for the strategies page.

Nothing is kept from one call to the next: whoever wants to go on sends what was before.  As chance
comes from the seed, and the n-th attempt at a server always ends alike, the same story is played
again, decision by decision.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.core.balancer import ROW, Balancer
from flaky_load_balancer.core.events import Attempt, Delivery, Ending
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.tally import Tally
from flaky_load_balancer.core.types import HOLD, Action, Feedback, Floats, Outcome, Rules

STEP = 0.1  # seconds from one request to the next
LATENCY = 0.001  # seconds that an attempt takes
PATIENCE = 10.0  # seconds until a request's deadline
POINTS = 200  # of a density
GRID = (np.arange(POINTS) + 0.5) / POINTS

OUTCOMES = {outcome.label: outcome for outcome in Outcome}

Round = Sequence[float]  # one request, on servers with these chances of success
Observation = tuple[int, Outcome]  # a server, and how an attempt at it ended


@dataclass(frozen=True)
class Limits:
    """How many attempts a second each server admits at most, None: any number.

    A window is empty again with every whole second; a bucket fills steadily, and holds at most
    what comes in one second.
    """

    rates: Sequence[float | None] = ()
    bucket: bool = True


def play(
    strategy: Strategy,
    servers: int,
    story: Iterable[Round | Observation],
    seed: int,
    limits: Limits = Limits(),
) -> dict[str, Any]:
    """Tell the strategy what was observed and let it play the rounds, in the order of the story.

    The same arguments give the same answer, in which ``moves`` are
    those of the last round, and every number is that of the whole.
    """
    strategy_rng, *fleet_rng = np.random.default_rng(seed).spawn(1 + servers)
    rules = Rules(servers)
    balancer, tally = Balancer(strategy, rules, strategy_rng, slots=1), Tally(rules)
    game = _Game(balancer, tally, fleet_rng, _Limiters(limits, servers))
    for step in story:
        if isinstance(step, tuple):
            game.tell(*step)
        else:
            game.request(step)
    beliefs = strategy.beliefs(np.array([game.now]))
    failed, succeeded = (tally.outcomes[o] for o in (Outcome.FAILED, Outcome.SUCCEEDED))
    return {
        "moves": game.moves,
        "now": game.now,
        "beliefs": {key: rows[0] for key, rows in beliefs.items()},
        "observed": {outcome.label: tally.outcomes[outcome] for outcome in Outcome},
        "played": {key: tally.run()[key] for key in NUMBERS},
        "grid": GRID,
        "density": density(np.array(succeeded), np.array(failed)),
    }


NUMBERS = "requests", "delivered", "given_up", "paid_attempts", "effort", "score"


def density(succeeded: np.ndarray, failed: np.ndarray) -> Floats:
    """(K, POINTS) what K servers' counts say of their rates: Beta, from a flat prior."""
    a, b = succeeded[:, None], failed[:, None]
    log: Floats = a * np.log(GRID) + b * np.log1p(-GRID) - betaln(a + 1, b + 1)
    return np.exp(log)


class WrongStoryError(ValueError):
    """A step does not fit the fleet."""


def step(told: schemas.Told | schemas.Round, servers: int) -> Round | Observation:
    """A step of a story as it was sent; WrongStoryError."""
    if isinstance(told, schemas.Told):
        if told.server >= servers:
            raise WrongStoryError(f"story: there are {servers} servers, the first is 0")
        return told.server, OUTCOMES[told.outcome]
    if len(told.rates) != servers:
        raise WrongStoryError(f"story: a round with {len(told.rates)} rates for {servers}")
    return told.rates


class _Limiters:
    """What each server has left to admit."""

    def __init__(self, limits: Limits, servers: int) -> None:
        self.limits = [*limits.rates, *[None] * (servers - len(limits.rates))]
        self.bucket = limits.bucket
        self.left = [limit or 0.0 for limit in self.limits]
        self.since = [0.0] * servers

    def admits(self, arm: int, now: float) -> bool:
        limit = self.limits[arm]
        if limit is None:
            return True
        if self.bucket:
            self.left[arm] = min(limit, self.left[arm] + limit * (now - self.since[arm]))
        elif int(now) > int(self.since[arm]):
            self.left[arm] = limit
        self.since[arm] = now
        if self.left[arm] < 1.0 - 1e-9:
            return False
        self.left[arm] -= 1.0
        return True


class _Game:
    """One strategy and its servers."""

    def __init__(
        self,
        balancer: Balancer,
        tally: Tally,
        chance: Sequence[np.random.Generator],
        limiters: _Limiters,
    ) -> None:
        self.balancer, self.tally, self.chance = balancer, tally, chance
        self.limiters = limiters
        self.now = 0.0
        self.moves: list[dict[str, Any]] = []

    def tell(self, arm: int, outcome: Outcome) -> None:
        """An observation that somebody made up; no request of ours."""
        self.now += STEP
        self.balancer.strategy.observe(_told(arm, outcome, self.now))
        self.tally.outcomes[outcome][arm] += 1

    def request(self, rates: Round) -> None:
        """One request from its arrival to its end, and what was decided on the way."""
        self.now += STEP
        self.moves = []
        arrived, balancer = self.now, self.balancer
        deadline = arrived + PATIENCE
        balancer.arrive(ROW, ROW, np.array([deadline]))
        while True:
            action = balancer.decide(ROW, ROW, np.array([self.now]))
            arm = int(action.arm[0])
            if arm == HOLD and action.until is not None:
                self.now = float(action.until[0])
            elif arm < 0:
                return self._ended(arrived, Ending.GIVEN_UP)
            elif self._attempt(arm, rates[arm], action) is Outcome.SUCCEEDED:
                return self._ended(arrived, Ending.DELIVERED)

    def _attempt(self, arm: int, rate: float, action: Action) -> Outcome:
        sent = self.now
        outcome = Outcome.RATE_LIMITED
        if self.limiters.admits(arm, sent):
            succeeds = self.chance[arm].random() < rate
            outcome = Outcome.SUCCEEDED if succeeds else Outcome.FAILED
        self.now += LATENCY
        ended = np.array([outcome]), np.array([self.now]), np.array([np.nan])
        self.balancer.complete(ROW, ROW, *ended)
        number = int(self.balancer.attempts[0, 0])
        self.tally.add(Attempt(0, number, arm, outcome, sent, LATENCY))
        self.moves.append(
            {
                "attempt": number,
                "server": arm,
                "outcome": outcome.label,
                "index": None if action.index is None else action.index[0],
                "eligible": None if action.eligible is None else action.eligible[0],
            }
        )
        return outcome

    def _ended(self, arrived: float, ending: Ending) -> None:
        self.tally.add(Delivery(0, "", arrived, self.now, ending, len(self.moves), False))


def _told(arm: int, outcome: Outcome, now: float) -> Feedback:
    return Feedback.of(
        rows=ROW,
        now=np.array([now]),
        arm=np.array([arm]),
        outcome=np.array([outcome]),
        latency=np.array([LATENCY]),
        retry_after=np.array([np.nan]),
    )
