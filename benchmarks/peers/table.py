"""The record of the live comparison, and its section of docs/results.md."""

from typing import Any

import numpy as np

from benchmarks.peers.play import Standing
from benchmarks.peers.proxies import ATTEMPTS
from benchmarks.results.page import milliseconds, table
from flaky_load_balancer.simulation.comparison.intervals import Estimate

INTRODUCTION = f"""## Before real servers, beside proxies

What a user would pick instead: nginx (`proxy_next_upstream`), HAProxy (`retry-on`,
`observe layer7`) and Envoy (least request, outlier detection, retries), each as its documents
advise, and `flb serve`, all before the same flaky servers on real ports, at the same time.

Scores count what the client got and what the servers received: delivered - 0.5 x paid attempts.
The proxies make up to {ATTEMPTS} attempts, the free ones, since they cannot tell when a paid one is
worth it. HAProxy before version 3 cannot try again after a 429. nginx by default leaves a server
alone for 10 s after a single failure, and runs out of servers; `max_fails=0` is shown as well."""


def recorded(standings: dict[tuple[str, str], Standing], facts: dict[str, Any]) -> dict[str, Any]:
    cells = [
        {
            "contestant": name,
            "scenario": scenario,
            "scores": each.scores,
            "delivered": each.delivered,
            "attempts": each.attempts,
            "paid_attempts": each.paid,
            "latency_ms": {
                key: None if seconds is None else float(f"{1000 * seconds:.4g}")
                for key, seconds in (
                    ("p50", each.latency.quantile(0.5)),
                    ("p99", each.latency.quantile(0.99)),
                )
            },
        }
        for (name, scenario), each in standings.items()
    ]
    latest = max(each.latest for each in standings.values())
    return {**facts, "late_ms": round(1000 * latest), "cells": cells}


def section(record: dict[str, Any]) -> str:
    scenarios = list(dict.fromkeys(cell["scenario"] for cell in record["cells"]))
    names = list(dict.fromkeys(cell["contestant"] for cell in record["cells"]))
    found = {(cell["contestant"], cell["scenario"]): cell for cell in record["cells"]}
    proxies = [name for name in names if name not in record["ours"]]
    requests = record["fleets"] * record["requests"]
    parts = [INTRODUCTION, _played(record)]
    parts.append(
        "Score per 100 requests, +- half a 95 % interval over fleets; bold: the highest mean:"
    )
    rows = [
        [_named(name, record), *(_score(found, names, name, each, record) for each in scenarios)]
        for name in names
    ]
    parts.append(table(["", *scenarios], rows))
    if proxies:
        parts.append("How far ahead of the best proxy, points per 100 requests, fleet by fleet:")
        rows = [
            [
                _named(name, record),
                *(_ahead(found, proxies, name, each, record) for each in scenarios),
            ]
            for name in record["ours"]
        ]
        parts.append(table(["", *scenarios], rows))
    parts.append("Attempts for each request, and p50 / p99 of its latency in ms:")
    rows = [
        [_named(name, record), *(_cost(found[name, each], requests) for each in scenarios)]
        for name in names
    ]
    parts.append(table(["", *scenarios], rows))
    return "\n\n".join(parts)


def _played(record: dict[str, Any]) -> str:
    last = record["seed"] + record["fleets"] - 1
    played = (
        f"{record['requests']} requests at {record['rate']:g} per second on each of"
        f" {record['fleets']} fleets (seeds {record['seed']} to {last}) of each scenario, sent at"
        f" most {record['late_ms']} ms late."
    )
    versions = "; ".join(f"{name}: {said}" for name, said in record["versions"].items())
    skipped = "".join(f" Skipped {reason}." for reason in record["skipped"])
    return f"{played} {versions}.{skipped}"


def _named(name: str, record: dict[str, Any]) -> str:
    return f"`flb`, `{name}`" if name in record["ours"] else name


def _per_100(cell: dict[str, Any], record: dict[str, Any]) -> Any:
    return 100 / record["requests"] * np.array(cell["scores"])


def _score(found: Any, names: list[str], name: str, scenario: str, record: Any) -> str:
    means = {each: _per_100(found[each, scenario], record).mean() for each in names}
    text = _estimate(Estimate.of(_per_100(found[name, scenario], record)))
    return f"**{text}**" if means[name] == max(means.values()) else text


def _ahead(found: Any, proxies: list[str], name: str, scenario: str, record: Any) -> str:
    best = max((_per_100(found[each, scenario], record) for each in proxies), key=np.mean)
    return _estimate(Estimate.of(_per_100(found[name, scenario], record) - best))


def _cost(cell: dict[str, Any], requests: int) -> str:
    p50, p99 = (milliseconds(cell["latency_ms"][each]) for each in ("p50", "p99"))
    return f"{cell['attempts'] / requests:.2f}; {p50} / {p99}"


def _estimate(estimate: Estimate) -> str:
    reach = "" if np.isnan(estimate.reach) else f" +- {estimate.reach:.1f}"
    return f"{estimate.mean:z.1f}{reach}"
