"""The comparison of a recorded session, in one shape for simulated sessions and for those that ran.

What a simulated session says of chance was worked out when it was played.  Of a strategy that ran
once on a scenario nothing can be said: its numbers have no interval, and nobody is best.  Scores of
runs that had different numbers of requests are not compared at all, nor those of a session in which
the machine did not keep up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flaky_load_balancer.registry import family

UNKNOWN = [None, None]
PERCENTILES = "p50", "p99"
COUNTS = "requests", "delivered", "given_up", "attempts", "paid_attempts", "rate_limited"
SINGLE = "One run each: scores that differ by a few points may well be chance."
UNEQUAL = "These runs had different numbers of requests, so their scores are not compared."
INVALID = "INVALID: overloaded. The machine did not keep up, so nobody is ranked."

Cell = dict[str, Any]


def compared(session: Mapping[str, Any]) -> dict[str, Any] | None:
    """Strategies by scenarios; None where there is nothing to compare yet."""
    result, runs = session["result"], session["runs"]
    if result is not None:
        return _simulated(result)
    return _ran(runs, session.get("valid") is not False) if runs else None


def _simulated(result: Mapping[str, Any]) -> dict[str, Any]:
    more = {"run": None, "requests": {"mean": result["requests"]}}
    cells, overall = (
        [{**cell, **more} for cell in result.get(key, [])] for key in ("cells", "overall")
    )
    return {
        "replications": result["replications"],
        "requests": result["requests"],
        **_names(cells),
        "cells": cells,
        "overall": overall,
        "verdicts": result.get("verdicts", []),
        "sweeps": _sweeps(result.get("parameters", {})),
    }


def _sweeps(parameters: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each strategy that played with several hyperparameters, those that differ."""
    families: dict[str, list[str]] = {}
    for spec in parameters:
        families.setdefault(family(spec), []).append(spec)
    return [
        {"family": name, "strategies": specs, "parameters": _varied([parameters[s] for s in specs])}
        for name, specs in families.items()
        if len(specs) > 1
    ]


def _varied(made: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    columns = {name: [each[name] for each in made] for name in made[0]}
    return {name: values for name, values in columns.items() if len(set(values)) > 1}


def _ran(runs: Sequence[Mapping[str, Any]], valid: bool) -> dict[str, Any]:
    cells = [_single(run) for run in runs]
    names = _names(cells)
    verdicts: list[dict[str, Any]] = []
    for scenario in names["scenarios"]:
        rivals = [cell for cell in cells if cell["scenario"] == scenario]
        verdicts.append({"scenario": scenario, "verdict": _measured(rivals, valid)})
    by_strategy = [
        [cell for cell in cells if cell["strategy"] == strategy] for strategy in names["strategies"]
    ]
    overall = [_mean(mine) for mine in by_strategy if len(mine) == len(names["scenarios"])]
    verdicts.append({"scenario": None, "verdict": _measured(overall, valid)})
    return {
        "replications": 1,
        "requests": max(run["requests"] for run in runs),
        **names,
        "cells": cells,
        "overall": overall,
        "verdicts": verdicts,
        "sweeps": [],
    }


def _names(cells: Sequence[Cell]) -> dict[str, list[str]]:
    return {
        "strategies": list(dict.fromkeys(cell["strategy"] for cell in cells)),
        "scenarios": list(dict.fromkeys(cell["scenario"] for cell in cells)),
    }


def _single(run: Mapping[str, Any]) -> Cell:
    """Where no scenario is known, the path stands for its servers."""
    return {
        "strategy": run["strategy"],
        "scenario": run["scenario"] or run["path"],
        "score": {"mean": run["score"], "ci95": UNKNOWN},
        "regret": {"mean": run["regret"], "ci95": UNKNOWN},
        **{name: {"mean": run[name]} for name in ("bound", *COUNTS)},
        "latency_ms": run["latency_ms"],
        "group": None,
        "run": run["run"],
    }


def _mean(cells: Sequence[Cell]) -> Cell:
    """One strategy on all its scenarios."""
    means: dict[str, dict[str, Any]] = {}
    for name in ("score", "regret", "bound", *COUNTS):
        means[name] = {"mean": _known_mean([cell[name]["mean"] for cell in cells])}
    for name in ("score", "regret"):
        means[name]["ci95"] = UNKNOWN
    latency = {key: _known_mean([cell["latency_ms"][key] for cell in cells]) for key in PERCENTILES}
    more = {"scenario": None, "latency_ms": latency, "group": None, "run": None}
    return {"strategy": cells[0]["strategy"], **means, **more}


def _known_mean(values: Sequence[float | None]) -> float | None:
    """None where one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _measured(cells: Sequence[Cell], valid: bool) -> str:
    """Say of each how far it is behind the best of these, where that may be said; the verdict."""
    equal = len({cell["requests"]["mean"] for cell in cells}) <= 1
    best = max((cell["score"]["mean"] for cell in cells), default=0.0)
    for cell in cells:
        behind = best - cell["score"]["mean"] if valid and equal else None
        cell["behind"] = {"mean": behind, "ci95": UNKNOWN}
    return INVALID if not valid else SINGLE if equal else UNEQUAL
