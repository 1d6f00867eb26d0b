"""How fast comparisons are: ``python -m benchmarks.simulator [--quick]``.

First, what every strategy takes for 1,000 replications of 1,000 requests on T2, on one core.
Then select + observe alone, on a plain problem of ten Bernoulli arms with 1,000 replications in
one call, beside libraries that play one replication at a time (``make bench`` installs
them; what is missing is skipped by name).
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from time import perf_counter, process_time
from typing import Any

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Context, Feedback, Outcome, Rules
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.engine.simulator import simulate
from strategies import STRATEGIES

ARMS = 10
RATES = np.linspace(0.1, 0.55, ARMS)
GOALS = {"v4": 5.0}  # seconds
GOAL = 15.0  # of every other one
PEERS = "mabwiser.mab", "river.bandit"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests")
    requests = 100 if parser.parse_args().quick else 1000
    on_t2(requests, 1000)
    print()
    beside_peers(requests)


def on_t2(requests: int, replications: int) -> None:
    """Print processor seconds and microseconds per simulated request of every strategy."""
    scenario = scenarios.find("T2")
    print(f"{replications} replications of {requests} requests on T2, one core")
    print(f"{'strategy':<14}{'seconds':>9}{'goal':>7}{'us/request':>12}")
    for name, kind in STRATEGIES.items():
        start = process_time()
        simulate(kind(), scenario, Rules(ARMS), requests=requests, replications=replications)
        took = process_time() - start
        goal = GOALS.get(name, GOAL) * requests / 1000
        each = took / requests / replications * 1e6
        print(f"{name:<14}{took:>9.2f}{goal:>7.1f}{each:>12.2f}", flush=True)


def beside_peers(rounds: int) -> None:
    """Print microseconds per select + observe, and how many times longer the peers take."""
    print(f"select + observe, {ARMS} Bernoulli arms; ours with 1000 replications in one call")
    print(f"{'':<24}{'us':>9}{'times ours':>12}")
    ours = {kind: plain(STRATEGIES[name](), rounds, 1000) for kind, name in OURS.items()}
    for kind, took in ours.items():
        print(f"{'ours ' + kind:<24}{took:>9.3f}{1:>12}")
    for peer in PEERS:
        try:
            import_module(peer)
        except ImportError:
            print(f"{peer.partition('.')[0]}: skipped, not installed (make bench installs it)")
            continue
        for kind, play in THEIRS[peer].items():
            took = play(rounds)
            print(
                f"{peer.partition('.')[0] + ' ' + kind:<24}{took:>9.1f}{took / ours[kind]:>12.0f}"
            )


def plain(strategy: Strategy, rounds: int, replications: int) -> float:
    """Microseconds for each decision of each replication, first attempts only."""
    luck = np.random.default_rng(1)
    rows = np.arange(replications)
    strategy.reset(Rules(ARMS), replications, np.random.default_rng(2))
    first, untried = np.ones(replications, dtype=np.intp), np.zeros((replications, ARMS), bool)
    nothing, spent = np.full(replications, np.nan), 0.0
    for number in range(rounds):
        now = np.full(replications, 0.1 * number)
        context = Context.of(rows, now, first, untried, now + 10.0)
        won = luck.random(replications)
        start = perf_counter()
        arm = strategy.select(context).arm
        spent += perf_counter() - start
        outcome = np.where(won < RATES[arm], Outcome.SUCCEEDED, Outcome.FAILED)
        feedback = Feedback.of(rows, now, arm, outcome, nothing, nothing)
        start = perf_counter()
        strategy.observe(feedback)
        spent += perf_counter() - start
    return spent / rounds / replications * 1e6


def _mabwiser(policy: str) -> Callable[[int], float]:
    def play(rounds: int) -> float:
        library: Any = import_module("mabwiser.mab")
        arms = list(range(ARMS))
        bandit = library.MAB(arms, getattr(library.LearningPolicy, policy)())
        bandit.fit(arms, [0] * ARMS)  # it never pulls an unseen arm

        def learn(arm: int, reward: bool) -> None:
            bandit.partial_fit([arm], [int(reward)])

        return _alone(bandit.predict, learn, rounds)

    return play


def _river(policy: str) -> Callable[[int], float]:
    def play(rounds: int) -> float:
        library: Any = import_module("river.bandit")
        if policy == "UCB":
            bandit = library.UCB(delta=1.0)
        else:
            reward: Any = import_module("river.proba")
            bandit = library.ThompsonSampling(reward_obj=reward.Beta())
        arms = list(range(ARMS))
        return _alone(lambda: bandit.pull(arms), bandit.update, rounds)

    return play


def _alone(choose: Callable[[], int], learn: Callable[[int, bool], object], rounds: int) -> float:
    """Microseconds for each decision of a library that plays one replication."""
    luck, spent = np.random.default_rng(1).random(rounds), 0.0
    for won in luck:
        start = perf_counter()
        arm = choose()
        spent += perf_counter() - start
        reward = bool(won < RATES[arm])
        start = perf_counter()
        learn(arm, reward)
        spent += perf_counter() - start
    return spent / rounds * 1e6


OURS = {"UCB1": "v2", "Thompson": "v4"}
THEIRS = {
    "mabwiser.mab": {"UCB1": _mabwiser("UCB1"), "Thompson": _mabwiser("ThompsonSampling")},
    "river.bandit": {"UCB1": _river("UCB"), "Thompson": _river("ThompsonSampling")},
}


if __name__ == "__main__":
    main()
