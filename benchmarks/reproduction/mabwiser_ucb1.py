"""Decisions of mabwiser's UCB1, recorded, and how many of ours differ from them.

mabwiser brings scikit-learn, pandas and matplotlib, half a gigabyte, so it is no dependency: what
version 2.7.4 decided lies beside this file.  With mabwiser installed (and numpy and scipy),

    python -m benchmarks.reproduction.mabwiser_ucb1

records it anew.  Every server is attempted once before the first decision, because mabwiser never
asks one that it has not seen.
"""

import json
from importlib import import_module
from pathlib import Path

import numpy as np

from flaky_load_balancer.core.types import Context, Feedback, Floats, Rules
from strategies.v2_ucb1 import UCB1

RECORD = Path(__file__).with_suffix(".json")
ARMS, ROUNDS, SEEDS = 10, 2000, range(3)
History = dict[str, str]  # one digit a round: the server attempted, its reward, the decision after


def main() -> None:
    """Write what mabwiser decides."""
    histories = [record(seed) for seed in SEEDS]
    RECORD.write_text(json.dumps(histories, indent=0) + "\n", encoding="utf-8")


def record(seed: int) -> History:
    """A history in which half of the attempts follow mabwiser and half go anywhere."""
    mab = import_module("mabwiser.mab")
    bandit = mab.MAB(list(range(ARMS)), mab.LearningPolicy.UCB1(alpha=1))
    world = np.random.default_rng(seed)
    rates = world.uniform(0.3, 0.96, ARMS)
    arms, rewards, decisions = list(range(ARMS)), [int(u < r) for u, r in _with(world, rates)], []
    bandit.fit(arms.copy(), rewards.copy())
    for _ in range(ROUNDS):
        decisions.append(int(bandit.predict()))
        arms.append(decisions[-1] if world.random() < 0.5 else int(world.integers(ARMS)))
        rewards.append(int(world.random() < rates[arms[-1]]))
        bandit.partial_fit(arms[-1:], rewards[-1:])
    digits = ("".join(map(str, each)) for each in (arms, rewards, decisions))
    return dict(zip(("arms", "rewards", "decisions"), digits, strict=True))


def recorded() -> list[History]:
    """What mabwiser decided."""
    histories: list[History] = json.loads(RECORD.read_text(encoding="utf-8"))
    return histories


def differences() -> Floats:
    """(H,) how many of our decisions differ, in each history."""
    return np.array([_differing(history) for history in recorded()], dtype=float)


def _differing(history: History) -> int:
    strategy = UCB1()
    strategy.reset(Rules(ARMS, free_attempts=1), 1, np.random.default_rng(0))
    now, here = np.zeros(1), np.zeros(1, dtype=np.intp)
    context = Context.of(here, now, here + 1, np.zeros((1, ARMS), dtype=bool), now + 1)
    differing = 0
    for t, (arm, reward) in enumerate(zip(history["arms"], history["rewards"], strict=True)):
        if t >= ARMS:
            ours = int(strategy.select(context).arm[0])
            differing += ours != int(history["decisions"][t - ARMS])
        outcome = here + (reward == "0")  # 0 is SUCCEEDED, 1 FAILED
        strategy.observe(Feedback.of(here, now, here + int(arm), outcome, now, now * np.nan))
    return differing


def _with(world: np.random.Generator, rates: Floats) -> list[tuple[float, float]]:
    """Every rate with a number to compare it with."""
    return [(float(world.random()), float(rate)) for rate in rates]


if __name__ == "__main__":
    main()
