"""Decisions about ten thousand servers: ``python -m benchmarks.many_servers``.

How long one takes beside one about ten, and what is lost by looking at a few servers instead of
all of them.  Both are ratios within one run.
"""

from functools import partial

from benchmarks.decision import Play, fastest, live
from benchmarks.parts.intervals import half
from flaky_load_balancer.core.types import Floats, Ints, Rules
from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation.engine.simulator import Run, simulate
from flaky_load_balancer.simulation.scenarios import parse as scenario

FEW, MANY = 10, 10_000
TIMED = "lazy-ts", "v4", "kl-ucb", "p2c-ewma", "cascade"
FLEET = 'name = "many"\nservers = {servers}\n[failure]\nuniform = [0.04, 0.70]\n'
PLAYED = {  # servers: requests, fleets, strategies
    FEW: (2000, 100, ("v4", "lazy-ts")),
    300: (5000, 12, ("v4", "lazy-ts")),
    MANY: (2000, 3, ("v4", "v7", "kl-ucb", "p2c-ewma", "cascade", "lazy-ts")),
}


def main() -> None:
    """Print both tables."""
    plays: dict[str, Play] = {
        f"{name} {arms}": partial(live, name, arms=arms) for name in TIMED for arms in (FEW, MANY)
    }
    took = fastest(plays, rounds=60, repeats=12)
    print(f"{'us for a decision':<20}{FEW:>10}{MANY:>10}{'ratio':>10}{'of v4, ten':>12}")
    for name in TIMED:
        few, many = took[f"{name} {FEW}"], took[f"{name} {MANY}"]
        ratio, of_v4 = many / few, many / took[f"v4 {FEW}"]
        print(f"{name:<20}{few:>10.1f}{many:>10.1f}{ratio:>10.2f}{of_v4:>12.2f}")
    print(
        f"\n{'servers':>8}  {'strategy':<12}{'failed attempts':>20}{'of v4':>8}{'points lost':>18}"
    )
    for servers, (requests, fleets, names) in PLAYED.items():
        runs = {name: played(name, servers, requests, fleets) for name in names}
        for name, run in runs.items():
            failed, lost = run.attempts - run.delivered, requests - run.score
            of_v4 = failed.mean() / (runs["v4"].attempts - runs["v4"].delivered).mean()
            cells = f"{shown(failed):>20}{of_v4:>8.2f}{shown(lost):>18}"
            print(f"{servers:>8}  {name:<12}{cells}")


def played(name: str, servers: int, requests: int, fleets: int) -> Run:
    fleet = scenario(FLEET.format(servers=servers), source="many")
    return simulate(parse(name), fleet, Rules(servers), requests=requests, replications=fleets)


def shown(values: Floats | Ints) -> str:
    """The mean over fleets, and half of a 95 % interval."""
    return f"{values.mean():.1f} +- {half(values):.1f}"


if __name__ == "__main__":
    main()
