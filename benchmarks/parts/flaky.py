"""The flaky servers of one scenario, from one port on, in a process of their own.

.venv/bin/python -m benchmarks.parts.flaky T2 5000
"""

import argparse
import asyncio
from dataclasses import replace

import uvloop

from flaky_load_balancer.simulation.fleets.listeners import listening
from flaky_load_balancer.simulation.scenarios import Scenario, find


async def serve(scenario: Scenario) -> None:
    async with listening([scenario]):
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    uvloop.run(serve(replace(find(arguments.scenario), port=arguments.port)))


if __name__ == "__main__":
    main()
