"""How long one live decision takes, for every strategy: ``python -m benchmarks.decision``.

A decision is ``Balancer.decide`` with the ``Balancer.complete`` that follows it, for one
replication of ten servers, as the dispatcher calls them.  It is compared, in the same run on the
same machine, with the least that Thompson sampling takes in plain Python: a loop of
``random.betavariate`` over two lists, without books, batches or rules.
"""

import random
from collections.abc import Callable
from functools import partial
from time import perf_counter

import numpy as np

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import Outcome, Rules
from flaky_load_balancer.registry import parse
from strategies import STRATEGIES

ARMS = 10
EXTREMES = 0.3, 0.96
RATES = np.linspace(*EXTREMES, ARMS)
Play = Callable[[int], float]  # seconds for so many rounds
HERE = np.zeros(1, dtype=np.intp)
UNKNOWN = np.full(1, np.nan)


def main() -> None:
    """Print microseconds per decision and the ratio to the trivial sampler."""
    plays: dict[str, Play] = {"plain Python": trivial_thompson}
    plays |= {name: partial(live, name) for name in STRATEGIES}
    took = fastest(plays)
    print(f"{'strategy':<16}{'us/decision':>12}{'ratio':>8}")
    for name, microseconds in took.items():
        print(f"{name:<16}{microseconds:>12.1f}{microseconds / took['plain Python']:>8.1f}")


def fastest(plays: dict[str, Play], rounds: int = 250, repeats: int = 40) -> dict[str, float]:
    """Microseconds per round, the best of many short turns: the rest is other people's noise."""
    turns = [{name: play(rounds) for name, play in plays.items()} for _ in range(repeats)]
    return {name: min(turn[name] for turn in turns) / rounds * 1e6 for name in plays}


def live(strategy: str, rounds: int, arms: int = ARMS) -> float:
    """Seconds in decide and complete over this many attempts, requests retried until delivered."""
    rng = np.random.default_rng(1)
    rates = np.linspace(*EXTREMES, arms)
    balancer = Balancer(parse(strategy), Rules(arms), np.random.default_rng(2))
    far, now, spent, fresh = np.full(1, 1e12), np.zeros(1), 0.0, True
    for u in rng.random(rounds):
        if fresh:
            balancer.arrive(HERE, HERE, far)
        now = now + 0.1
        start = perf_counter()
        action = balancer.decide(HERE, HERE, now)
        spent += perf_counter() - start
        outcome = Outcome.SUCCEEDED if u < rates[action.arm[0]] else Outcome.FAILED
        ended, later = np.array([int(outcome)]), now + 0.001
        start = perf_counter()
        balancer.complete(HERE, HERE, ended, later, UNKNOWN)
        spent += perf_counter() - start
        fresh = outcome is Outcome.SUCCEEDED or balancer.attempts[0, 0] >= ARMS
    return spent


def trivial_thompson(rounds: int) -> float:
    """Seconds that Thompson sampling takes with lists and a loop."""
    wins, losses = [1] * ARMS, [1] * ARMS
    start = perf_counter()
    for _ in range(rounds):
        draws = [random.betavariate(a, b) for a, b in zip(wins, losses, strict=True)]
        arm = draws.index(max(draws))
        if random.random() < RATES[arm]:
            wins[arm] += 1
        else:
            losses[arm] += 1
    return perf_counter() - start


if __name__ == "__main__":
    main()
