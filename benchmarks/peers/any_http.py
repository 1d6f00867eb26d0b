"""The live comparison for any HTTP: GET and POST, at several loads, and its section.

Everybody retries by the same rule: what surely was not processed, and what a GET may repeat.  A
POST that a server failed is the client's failure: nobody sends it twice.
"""

from itertools import product
from typing import Any

from benchmarks.peers.contestants import Proxy
from benchmarks.peers.play import Standing, Traffic, play_round
from benchmarks.results.page import milliseconds, table

SCENARIOS = "T1", "T2"
METHODS = "GET", "POST"
LOADS = {10: 150, 50: 400, 90: 600}  # requests per second: requests of each run
STRATEGY = "cascade"
FILE = "peers_http.json"
INTRODUCTION = """## Any HTTP, beside proxies

Kind `http` instead of the game: success rate in per cent; p50 / p99 of latency in ms; attempts for
each request; refusals (429) for each 100 requests. Everybody may send a GET to three servers, and a
POST again only where it surely was not processed (nginx without `non_idempotent`, HAProxy with
`disable-l7-retry`, Envoy by a route for POST). `flb` has a retry budget of 100 %, where 20 % is
usual: the proxies have none, and of these servers every third attempt fails.
"""


def measured(fleets: int, seed: int, peers: list[Proxy]) -> dict[str, Any]:
    """Play every load and method on every fleet, and say how far it is."""
    names = [*(peer.name for peer in peers), STRATEGY]
    places = product(SCENARIOS, METHODS, LOADS, names)
    standings: dict[tuple[Any, ...], Standing] = {place: Standing() for place in places}
    for each, method, rate in product(range(seed, seed + fleets), METHODS, LOADS):
        traffic = Traffic("http", method)
        found = play_round(
            list(SCENARIOS), each, LOADS[rate], float(rate), peers, [STRATEGY], traffic
        )
        for (name, scenario), (sent, counted) in found.items():
            standings[scenario, method, rate, name].add(sent, counted)
        print(f"seed {each}: {method} at {rate} per second", flush=True)
    return {
        "fleets": fleets,
        "seed": seed,
        "late_ms": round(1000 * max(each.latest for each in standings.values())),
        "versions": {peer.name: peer.said for peer in peers},
        "cells": [_cell(place, standing, fleets) for place, standing in standings.items()],
    }


def _cell(place: tuple[Any, ...], standing: Standing, fleets: int) -> dict[str, Any]:
    scenario, method, rate, name = place
    requests = fleets * LOADS[rate]
    latency = {key: standing.latency.quantile(q) for key, q in (("p50", 0.5), ("p99", 0.99))}
    return {
        "scenario": scenario,
        "method": method,
        "rate": rate,
        "contestant": name,
        "success": round(standing.delivered / requests, 4),
        "attempts": round(standing.attempts / requests, 3),
        "refused": round(standing.refused / requests, 4),
        "latency_ms": {
            key: None if seconds is None else float(f"{1000 * seconds:.4g}")
            for key, seconds in latency.items()
        },
    }


def section(record: dict[str, Any]) -> str:
    """Tables, one for each scenario and method; bold: the highest success rate."""
    versions = "; ".join(f"{name}: {said}" for name, said in record["versions"].items())
    played = (
        f"{record['fleets']} fleets, seeds from {record['seed']}; sent at most"
        f" {record['late_ms']} ms late. {versions}."
    )
    parts = [INTRODUCTION.rstrip(), played]
    cells = record["cells"]
    for scenario, method in dict.fromkeys((cell["scenario"], cell["method"]) for cell in cells):
        some = [c for c in cells if (c["scenario"], c["method"]) == (scenario, method)]
        parts += [f"{scenario}, {method}:", _table(some)]
    return "\n\n".join(parts)


def _table(cells: list[dict[str, Any]]) -> str:
    rates = list(dict.fromkeys(cell["rate"] for cell in cells))
    found = {(cell["contestant"], cell["rate"]): cell for cell in cells}
    best = {rate: max(cell["success"] for cell in cells if cell["rate"] == rate) for rate in rates}
    rows = [
        [_named(name), *(_text(found[name, rate], best[rate]) for rate in rates)]
        for name in dict.fromkeys(cell["contestant"] for cell in cells)
    ]
    return table(["", *(f"{rate} per second" for rate in rates)], rows)


def _named(name: str) -> str:
    return f"`flb`, `{name}`" if name == STRATEGY else name


def _text(cell: dict[str, Any], best: float) -> str:
    success = f"{100 * cell['success']:.1f} %"
    success = f"**{success}**" if cell["success"] == best else success
    p50, p99 = (milliseconds(cell["latency_ms"][each]) for each in ("p50", "p99"))
    return f"{success}; {p50} / {p99}; {cell['attempts']:.2f}; {100 * cell['refused']:.1f}"
