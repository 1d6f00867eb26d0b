"""Flaky servers that count: how many attempts they received for each request.

    python -m benchmarks.peers.servers --seed 7 --copies 6 T1 T2

Proxies do not tell how often they tried, so attempts are counted where they arrive, for everybody
alike (one that a server which is down never received is nobody's).  Writes a line of JSON with
the addresses, and at the end of stdin another one with the counts of each fleet and how many of
them it refused.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from functools import partial

import uvloop

from flaky_load_balancer.simulation.fleets.listeners import listening
from flaky_load_balancer.simulation.scenarios import find


async def serve(names: list[str], seed: int, copies: int, rate: float) -> None:
    scenarios = [find(name) for name in names]
    async with listening(scenarios, seed=seed, copies=copies, rate=rate, free_ports=True) as fleets:
        counts: list[Counter[bytes]] = [Counter() for _ in fleets]
        for fleet, count in zip(fleets, counts, strict=True):
            fleet.heard = partial(_count, count)
        _say([fleet.address for fleet in fleets])
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        refused = [int((fleet.servers.answered - fleet.servers.admitted).sum()) for fleet in fleets]
        _say(list(zip(map(list, map(Counter.values, counts)), refused, strict=True)))


def _count(counts: Counter[bytes], body: bytes) -> None:
    counts[body] += 1


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--rate", type=float, default=10.0)
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.scenarios, arguments.seed, arguments.copies, arguments.rate))


if __name__ == "__main__":
    main()
