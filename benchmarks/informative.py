"""How many attempts it takes to find the best server: informative ones against even ones.

    python -m benchmarks.informative [--fleets N] [--attempts N] [--seed S]

Fleets are those of T1: ten servers, chances of success uniform from 0.30 to 0.96.  After each
attempt the server with the highest posterior mean is taken; how far its chance is below the best
one is the loss.  Printed: after how many attempts the mean loss is below 0.02 for good, and how
many times as many even attempts take, with a 95 % interval (bootstrap over fleets).

Thompson draws, the top two (Russo, COLT 2016): with a half the best draw, else the best other one;
uncertain: the widest posterior.
"""

import argparse
from collections.abc import Callable

import numpy as np

from flaky_load_balancer.core.types import Floats, Ints

ENOUGH = 0.02
SERVERS, LOW, HIGH = 10, 0.30, 0.96
REDRAWN = 500

Choose = Callable[[Floats, int, np.random.Generator], Ints]


def main() -> None:
    """Print a row for each way to choose."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", type=int, default=1000)
    parser.add_argument("--attempts", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    losses = {name: lost(choose, given) for name, choose in WAYS.items()}
    rng = np.random.default_rng(given.seed)
    again = rng.integers(given.fleets, size=(REDRAWN, given.fleets))
    print("| attempts go | until the loss is below 0.02 | even attempts / these |\n|---|--:|--:|")
    for name, loss in losses.items():
        ratios = [reached(losses["evenly"][some]) / reached(loss[some]) for some in again]
        low, high = np.quantile(ratios, [0.025, 0.975])
        ratio = reached(losses["evenly"]) / reached(loss)
        print(f"| {name} | {reached(loss)} | {ratio:.2f} ({low:.2f} to {high:.2f}) |")


def lost(choose: Choose, given: argparse.Namespace) -> Floats:
    """(fleets, attempts) how far the server that seems best is below the best one."""
    rng = np.random.default_rng(given.seed)
    chance = rng.uniform(LOW, HIGH, (given.fleets, SERVERS))
    shapes, each = np.ones((2, given.fleets, SERVERS)), np.arange(given.fleets)
    loss = np.zeros((given.fleets, given.attempts))
    for number in range(given.attempts):
        arm = choose(shapes, number, rng)
        won = rng.random(given.fleets) < chance[each, arm]
        shapes[np.where(won, 0, 1), each, arm] += 1.0
        seems = (shapes[0] / shapes.sum(axis=0)).argmax(axis=1)
        loss[:, number] = chance.max(axis=1) - chance[each, seems]
    return loss


def reached(loss: Floats) -> int:
    """After how many attempts the mean loss is small, for good."""
    above = np.flatnonzero(loss.mean(axis=0) > ENOUGH)
    return int(above[-1]) + 2 if above.size else 1


def _evenly(shapes: Floats, number: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    return np.full(shapes.shape[1], number % SERVERS)


def _uncertain(shapes: Floats, number: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    a, b = shapes
    widest: Ints = (a * b / ((a + b) ** 2 * (a + b + 1.0))).argmax(axis=1)
    return widest


def _thompson(shapes: Floats, number: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    drawn: Ints = rng.beta(shapes[0], shapes[1]).argmax(axis=1)
    return drawn


def _top_two(shapes: Floats, number: int, rng: np.random.Generator) -> Ints:  # noqa: ARG001
    best, other = rng.beta(shapes[0], shapes[1]).argmax(axis=1), rng.beta(shapes[0], shapes[1])
    other[np.arange(len(best)), best] = -1.0
    chosen: Ints = np.where(rng.random(len(best)) < 0.5, best, other.argmax(axis=1))
    return chosen


WAYS: dict[str, Choose] = {
    "evenly": _evenly,
    "to the widest posterior": _uncertain,
    "as Thompson draws": _thompson,
    "to the top two": _top_two,
}

if __name__ == "__main__":
    main()
