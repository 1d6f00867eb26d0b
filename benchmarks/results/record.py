"""The numbers of a comparison as they are kept: without times, and with six digits."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results.claims import CLAIMS, ORIGINAL, measured
from benchmarks.results.lead import leads
from flaky_load_balancer.simulation.comparison.comparison import Comparison

FOLDER = Path(__file__).parents[2] / "docs" / "results"
PAGE = FOLDER.with_suffix(".md")
SMALL = "small.json"
DIGITS = 6

Record = dict[str, Any]


def recorded(comparison: Comparison) -> Record:
    """What is kept of a comparison."""
    plan = comparison.plan
    result = comparison.result()
    numbers = {
        "seed": plan.seed,
        "rate": plan.rate,
        "requests": plan.requests,
        "replications": plan.replications,
        "cells": result["cells"],
        "sentences": {each.name: comparison.verdict(each.name) for each in plan.scenarios},
        "claims": {
            str(claim): measured(claim, comparison)
            for claim in CLAIMS
            if claim.scenario in result_scenarios(result) and set(ORIGINAL) <= set(plan.strategies)
        },
    }
    numbers["leads"] = leads(comparison)
    return _rounded(numbers)  # type: ignore[no-any-return]


def merged(old: Record, new: Record, order: Sequence[str]) -> Record:
    """The old record with the new numbers of some scenarios; ``order`` is that of all."""
    kept = [cell for cell in old["cells"] if cell["scenario"] not in result_scenarios(new)]
    played = result_strategies(new)
    by_scenario = {key: {**old[key], **new[key]} for key in ("sentences", "leads")}
    return {
        **new,
        **{
            key: {name: each[name] for name in order if name in each}
            for key, each in by_scenario.items()
        },
        "claims": {**old["claims"], **new["claims"]},
        "cells": sorted(
            [*kept, *new["cells"]],
            key=lambda cell: (played.index(cell["strategy"]), order.index(cell["scenario"])),
        ),
    }


def result_scenarios(record: Record) -> list[str]:
    return list(dict.fromkeys(cell["scenario"] for cell in record["cells"]))


def result_strategies(record: Record) -> list[str]:
    return list(dict.fromkeys(cell["strategy"] for cell in record["cells"]))


def cells(record: Record, scenario: str) -> dict[str, Record]:
    """Of one scenario, by strategy: who knows the servers, then the best first."""
    mine = [cell for cell in record["cells"] if cell["scenario"] == scenario]
    mine.sort(key=lambda cell: (cell["group"] > 0, cell["behind"]["mean"]))
    return {cell["strategy"]: cell for cell in mine}


def fingerprint(record: Record) -> str:
    """What a plot is drawn from, in 16 digits: the numbers, and the code that draws them."""
    code = Path(__file__).with_name("plots.py").read_bytes()
    numbers = json.dumps(record, sort_keys=True).encode()
    return hashlib.sha256(numbers + code).hexdigest()[:16]


def named(requests: int) -> str:
    """The file of the runs of so many requests."""
    return f"simulated-{requests}.json"


def save(name: str, record: Any) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text(_lines(record) + "\n", encoding="utf-8")


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def there(*names: str) -> list[Record]:
    """Those records of these names that were measured."""
    return [load(name) for name in names if (FOLDER / name).exists()]


def _lines(record: Any) -> str:
    """JSON with a line for each cell, so that a difference is read line by line."""
    if not isinstance(record, dict) or "cells" not in record:
        return json.dumps(record, indent=1)
    head = {name: value for name, value in record.items() if name != "cells"}
    rows = ",\n".join(f"  {json.dumps(cell)}" for cell in record["cells"])
    return json.dumps(head, indent=1)[:-2] + f',\n "cells": [\n{rows}\n ]\n}}'


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value
