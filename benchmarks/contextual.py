"""How long one decision by context takes, beside peers: ``python -m benchmarks.contextual``.

Ten servers, sixteen features, LinUCB everywhere (alpha 1, lambda 1), but for Vowpal Wabbit, which
has SquareCB: choose, and learn from what was chosen.  Ours goes the whole way that a live request
takes through the balancer's books; peers are called as their documents show.  One that is not
installed is left out (``make bench`` installs them).  Ratios are those of one run on one machine,
played in turns.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.decision import HERE, UNKNOWN
from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.types import Outcome, Reward, Rules
from strategies.linucb import LinUCB

ARMS, D = 10, 16
SUCCEEDED = np.array([int(Outcome.SUCCEEDED)])
Play = Callable[[np.ndarray, np.ndarray], float]  # requests and rewards to seconds


def main(rounds: int = 100, repeats: int = 15) -> None:
    """Print microseconds per decision and the ratio to ours."""
    rng = np.random.default_rng(0)
    x, rewards = rng.standard_normal((rounds, D)), rng.random((rounds, ARMS))
    plays: dict[str, Play] = {"ours": ours, "ours, strategy alone": alone}
    plays |= {name: play for name, play in PEERS.items() if find_spec(name)}
    turns = [{name: play(x, rewards) for name, play in plays.items()} for _ in range(repeats)]
    took = {name: min(turn[name] for turn in turns) / rounds * 1e6 for name in plays}
    print(f"{'LinUCB, K = 10, d = 16':<24}{'us/decision':>12}{'ratio':>8}")
    for name, microseconds in took.items():
        print(f"{name:<24}{microseconds:>12.1f}{microseconds / took['ours']:>8.1f}")
    for name in PEERS.keys() - plays.keys():
        print(f"{name} is not installed")


def ours(x: np.ndarray, rewards: np.ndarray) -> float:
    """Arrive, decide, complete, reward: as a live request."""
    rules = Rules(ARMS, 1, 1, features=D, rewards=True)
    strategy = LinUCB(alpha=1.0, strength=1.0, centre=False)
    balancer = Balancer(strategy, rules, np.random.default_rng(1))
    far, now = np.full(1, 1e12), np.zeros(1)
    start = perf_counter()
    for n in range(len(x)):
        one = x[n : n + 1]
        balancer.arrive_one(0, far.item(), n + 1, None, one)
        arm = balancer.decide_one(0, float(n), 1).arm
        balancer.complete_one(0, 0, n + 0.5, np.nan)
        value, number = rewards[n, arm], np.array([n + 1])
        balancer.reward(Reward(HERE, now, number, arm, value, UNKNOWN, one))
    return perf_counter() - start


def alone(x: np.ndarray, rewards: np.ndarray) -> float:
    """The arithmetic only: indices of all servers, and one regression brought up to date."""
    rules = Rules(ARMS, 1, 1, features=D, rewards=True)
    strategy = LinUCB(alpha=1.0, strength=1.0, centre=False)
    strategy.reset(rules, 1, np.random.default_rng(1))
    ridge = strategy.utility.quality
    start = perf_counter()
    for n in range(len(x)):
        one = x[n : n + 1]
        arm = (ridge.mean(HERE, one) + ridge.width(HERE, one)).argmax(axis=1)
        ridge.learn(HERE, arm, one, rewards[n, arm])
    return perf_counter() - start


def mabwiser(x: np.ndarray, rewards: np.ndarray) -> float:
    library: Any = import_module("mabwiser.mab")
    arms = list(range(ARMS))
    mab = library.MAB(arms, library.LearningPolicy.LinUCB(alpha=1, l2_lambda=1))
    mab.fit(arms, [0.0] * ARMS, np.zeros((ARMS, D)))
    start = perf_counter()
    for n in range(len(x)):
        one = x[n : n + 1]
        arm = mab.predict(one)
        mab.partial_fit([arm], [rewards[n, arm]], one)
    return perf_counter() - start


def river(x: np.ndarray, rewards: np.ndarray) -> float:
    policy: Any = import_module("river.bandit").LinUCBDisjoint(alpha=1.0, seed=1)
    arms = list(range(ARMS))
    requests = [dict(enumerate(row)) for row in x.tolist()]
    start = perf_counter()
    for n, request in enumerate(requests):
        arm = policy.pull(arms, context=request)
        policy.update(arm, request, rewards[n, arm])
    return perf_counter() - start


def vowpal_wabbit(x: np.ndarray, rewards: np.ndarray) -> float:
    """Its SquareCB, a line for each pair of feature and server: it has no LinUCB."""
    library: Any = import_module("vowpalwabbit")
    workspace = library.Workspace("--cb_explore_adf --squarecb -q ua --quiet")
    chance = np.random.default_rng(1).random(len(x))
    arms = [f"|a {arm}" for arm in range(ARMS)]
    requests = [
        "shared |u " + " ".join(f"{place}:{value:.6f}" for place, value in enumerate(row))
        for row in x.tolist()
    ]
    start = perf_counter()
    for n, request in enumerate(requests):
        probability = workspace.predict([request, *arms])
        arm = min(int(np.searchsorted(np.cumsum(probability), chance[n])), ARMS - 1)
        said = f"0:{-rewards[n, arm]:.6f}:{probability[arm]:.6f} {arms[arm]}"
        workspace.learn([request, *arms[:arm], said, *arms[arm + 1 :]])
    took = perf_counter() - start
    workspace.finish()
    return took


PEERS: dict[str, Play] = {"mabwiser": mabwiser, "river": river, "vowpalwabbit": vowpal_wabbit}

if __name__ == "__main__":
    main()
