"""A table to play one strategy at by hand: tell it how attempts ended, ask it for a move."""

from typing import cast

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Action, Context, Feedback, Floats, Outcome, Rules

LETTERS = dict(zip("SFRC", Outcome, strict=True))  # succeeded, failed, refused, cancelled


class MeanDraws:
    """A generator whose gammas are their means, so a draw from Beta(a, b) is a / (a + b)."""

    def standard_gamma(self, shapes: Floats) -> Floats:
        return shapes


class Table:
    """One replication of a fleet of ``arms`` servers; times are seconds."""

    def __init__(
        self,
        strategy: Strategy,
        arms: int = 3,
        *,
        seed: int = 0,
        means: bool = False,
        free: int = 3,
    ) -> None:
        rng = MeanDraws() if means else np.random.default_rng(seed)
        self.strategy, self.arms = strategy, arms
        strategy.reset(Rules(arms, free_attempts=free), 1, cast("np.random.Generator", rng))

    def tell(
        self,
        arm: int,
        outcomes: str,
        *,
        now: float = 0.0,
        latency: float = 0.1,
        retry_after: float = np.nan,
    ) -> None:
        """Attempts on a server ended, one letter for each: S, F, R or C."""
        for letter in outcomes:
            self.strategy.observe(
                Feedback.of(
                    rows=np.array([0]),
                    now=np.array([now]),
                    arm=np.array([arm]),
                    outcome=np.array([int(LETTERS[letter])]),
                    latency=np.array([latency]),
                    retry_after=np.array([retry_after]),
                )
            )

    def ask(self, attempt: int = 1, *, tried: tuple[int, ...] = (), now: float = 0.0) -> Action:
        mask = np.zeros((1, self.arms), dtype=bool)
        mask[0, list(tried)] = True
        one = np.array([0]), np.array([now]), np.array([attempt])
        return self.strategy.select(Context.of(*one, mask, np.array([now + 10])))

    def arm(self, attempt: int = 1, *, tried: tuple[int, ...] = (), now: float = 0.0) -> int:
        return int(self.ask(attempt, tried=tried, now=now).arm[0])

    def index(
        self, attempt: int = 1, *, tried: tuple[int, ...] = (), now: float = 0.0
    ) -> list[float]:
        index = self.ask(attempt, tried=tried, now=now).index
        assert index is not None
        return [float(value) for value in index[0]]

    def eligible(
        self, attempt: int = 1, *, tried: tuple[int, ...] = (), now: float = 0.0
    ) -> list[int]:
        """The servers that were ranked at all."""
        eligible = self.ask(attempt, tried=tried, now=now).eligible
        assert eligible is not None
        return [int(arm) for arm in np.flatnonzero(eligible[0])]

    def beliefs(self, now: float = 0.0) -> dict[str, list[float]]:
        beliefs = self.strategy.beliefs(np.array([now]))
        return {key: [float(x) for x in value[0]] for key, value in beliefs.items()}


def choices(make: type[Strategy], arms: int = 3, **asked: object) -> set[int]:
    """Every server that some seed chooses for the first attempt of a run."""
    return {Table(make(), arms, seed=seed).arm(**asked) for seed in range(40)}  # type: ignore[arg-type]
