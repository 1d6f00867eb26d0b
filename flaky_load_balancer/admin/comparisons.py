"""The comparison of a recorded session, in one shape for simulated sessions and for those that ran.

What a simulated session says of chance was worked out when it was played.  Of a strategy that ran
once on a scenario nothing can be said: its numbers have no interval, and nobody is best.
"""

from collections.abc import Mapping, Sequence
from typing import Any

UNKNOWN = [None, None]
COUNTS = "delivered", "given_up", "attempts", "paid_attempts", "rate_limited"
SINGLE = "One run each: scores that differ by a few points may well be chance."

Cell = dict[str, Any]


def compared(session: Mapping[str, Any]) -> dict[str, Any] | None:
    """Strategies by scenarios; None where there is nothing to compare yet."""
    result, runs = session["result"], session["runs"]
    if result is not None:
        return _simulated(result)
    return _ran(runs) if runs else None


def _simulated(result: Mapping[str, Any]) -> dict[str, Any]:
    cells, overall = (
        [{**cell, "run": None} for cell in result.get(key, [])] for key in ("cells", "overall")
    )
    return {
        "replications": result["replications"],
        "requests": result["requests"],
        **_names(cells),
        "cells": cells,
        "overall": overall,
        "verdicts": result.get("verdicts", []),
    }


def _ran(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    cells = [_single(run) for run in runs]
    names = _names(cells)
    for scenario in names["scenarios"]:
        _measure([cell for cell in cells if cell["scenario"] == scenario])
    by_strategy = [
        [cell for cell in cells if cell["strategy"] == strategy] for strategy in names["strategies"]
    ]
    overall = [_mean(mine) for mine in by_strategy if len(mine) == len(names["scenarios"])]
    _measure(overall)
    return {
        "replications": 1,
        "requests": max(run["requests"] for run in runs),
        **names,
        "cells": cells,
        "overall": overall,
        "verdicts": [{"scenario": name, "verdict": SINGLE} for name in [*names["scenarios"], None]],
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
    means = {}
    for name in ("score", "regret", "bound", *COUNTS):
        values = [cell[name]["mean"] for cell in cells]
        known = None not in values
        means[name] = {"mean": sum(values) / len(values) if known else None}
    for name in ("score", "regret"):
        means[name]["ci95"] = UNKNOWN
    latency = {"p50": None, "p99": None}  # of all requests together: not recorded
    more = {"scenario": None, "latency_ms": latency, "group": None, "run": None}
    return {"strategy": cells[0]["strategy"], **means, **more}


def _measure(cells: Sequence[Cell]) -> None:
    """How far each is behind the best of these."""
    best = max((cell["score"]["mean"] for cell in cells), default=0.0)
    for cell in cells:
        cell["behind"] = {"mean": best - cell["score"]["mean"], "ci95": UNKNOWN}
