"""Play and write the table into docs/results.md: ``python -m benchmarks.peers [--fleets N]``.

Everybody meets the same servers, of the same seeds, at the same time; live, so a fleet takes
requests / rate seconds.  Who is not installed is skipped by name.
"""

import argparse
import sys
from typing import Any

from benchmarks.parts.processes import BenchmarkError, end_on_sigterm
from benchmarks.peers import any_http
from benchmarks.peers.contestants import present
from benchmarks.peers.play import Standing, play_round
from benchmarks.peers.table import recorded, section
from benchmarks.results.page import write
from benchmarks.results.record import load, save

SCENARIOS = "T1", "T2", "T3", "T3-low", "T2-tight", "T3-tide", "outage", "quota"
AT_ONCE = 4  # scenarios: two cores bear that many
FILE = "peers.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--fleets", type=int, default=6, help="that each contestant meets")
    parser.add_argument("--requests", type=int, default=250, help="on each of them")
    parser.add_argument("--rate", type=float, default=10.0, help="requests per second")
    parser.add_argument("--seed", type=int, default=0, help="of the first fleet")
    parser.add_argument("--scenario", action="append", help="repeatable; default: eight of them")
    parser.add_argument("--http", action="store_true", help="any HTTP, in place of the game")
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    parser.add_argument("--dry", action="store_true", help="print the section, write nothing")
    arguments = parser.parse_args()
    end_on_sigterm()
    file, name = (any_http.FILE, "peers-http") if arguments.http else (FILE, "peers")
    try:
        record = load(file) if arguments.page else measured(arguments)
    except BenchmarkError as error:
        sys.exit(f"error: {error}")
    text = any_http.section(record) if arguments.http else section(record)
    if arguments.dry:
        print(text)
        return
    save(file, record)
    write(name, text)


def measured(arguments: argparse.Namespace) -> Any:
    """Play every round, and say how far it is."""
    peers, ours, skipped = present()
    for reason in skipped:
        print(f"skipped {reason}", flush=True)
    if arguments.http:
        return any_http.measured(arguments.fleets, arguments.seed, peers)
    names, wanted = [*(peer.name for peer in peers), *ours], arguments.scenario or list(SCENARIOS)
    standings = {(name, scenario): Standing() for scenario in wanted for name in names}
    for seed in range(arguments.seed, arguments.seed + arguments.fleets):
        for first in range(0, len(wanted), AT_ONCE):
            some = wanted[first : first + AT_ONCE]
            found = play_round(some, seed, arguments.requests, arguments.rate, peers, ours)
            for place, (sent, counted) in found.items():
                standings[place].add(sent, counted)
            print(f"seed {seed}: {', '.join(some)}", flush=True)
    plan = {name: getattr(arguments, name) for name in ("fleets", "requests", "rate", "seed")}
    versions = {peer.name: peer.said for peer in peers}
    return recorded(standings, {**plan, "versions": versions, "ours": ours, "skipped": skipped})


if __name__ == "__main__":
    main()
