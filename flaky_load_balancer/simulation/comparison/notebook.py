"""For notebooks: the comparison of ``flb compare`` as pandas frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from flaky_load_balancer.config import Game
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.simulation.comparison import arguments
from flaky_load_balancer.simulation.comparison import compare as lab
from flaky_load_balancer.simulation.comparison.compare import Progress
from flaky_load_balancer.simulation.comparison.comparison import COUNTS, Comparison, Plan
from flaky_load_balancer.simulation.comparison.intervals import Estimate
from flaky_load_balancer.simulation.scenarios import Scenario


class Frames(NamedTuple):
    """A comparison: ``summary`` has a row for each strategy and scenario, the best of a scenario
    first; ``replications`` one for each replication of these, by its number.
    """

    summary: pd.DataFrame
    replications: pd.DataFrame


def compare(
    strategies: str | Strategy | Sequence[str | Strategy] = "all",
    scenarios: str | Path | Scenario | Sequence[str | Path | Scenario] = "all",
    *,
    requests: int = 100,
    replications: int = 1000,
    rate: float = 10.0,
    seed: int = 0,
    jobs: int | None = 1,
    free_attempts: int = 3,
    max_attempts: int = 10,
    penalty: float = 0.5,
    deadline: float = 10.0,
    attempt_timeout: float = 2.0,
    progress: Progress | None = None,
) -> Frames:
    """Compare strategies in virtual time, as ``flb compare`` does.

    Strategies are names as on the command line, or objects of one's own, which must keep the rules
    of ``conformance``; scenarios are names, TOML files, or objects; of both, one or several.  What
    cannot be played is refused with a ``SettingsError`` that names the argument.

    With ``jobs`` above 1, or None for one per core, other processes help; they have to be able to
    import whatever they are to play, so not from a notebook's cells.
    """
    plan = Plan(
        strategies=arguments.chosen_strategies(strategies),
        scenarios=arguments.chosen_scenarios(scenarios),
        requests=arguments.whole("requests", requests, 1),
        replications=arguments.whole("replications", replications, 1),
        rate=arguments.checked_rate(rate),
        seed=arguments.whole("seed", seed, 0, 2**63 - 1),
        game=Game(free_attempts, max_attempts, penalty, deadline, attempt_timeout).checked(str),
    )
    jobs = None if jobs is None else arguments.whole("jobs", jobs, 1, 1024)
    comparison = lab.compare(plan, jobs=jobs, progress=progress)
    return Frames(summary(comparison), every_replication(comparison))


def summary(comparison: Comparison) -> pd.DataFrame:
    """One row for each strategy on each scenario: means, with ends of 95 % intervals."""
    rows: list[dict[str, Any]] = []
    for scenario in comparison.plan.scenarios:
        cells = {cell.strategy: cell for cell in comparison.on(scenario.name)}
        for name, behind, _, group in comparison.standings(scenario.name):
            cell = cells[name]
            row: dict[str, Any] = {"scenario": scenario.name, "strategy": name}
            row |= _columns("score", cell.score) | _columns("behind", behind) | {"group": group}
            row |= _columns("steady_score", cell.steady_score)
            row |= _columns("regret", cell.regret) | {"bound": float(cell.bound.mean())}
            row |= {count: float(getattr(cell.run, count).mean()) for count in COUNTS}
            row |= {"p50_ms": cell.latency_ms(0.50), "p99_ms": cell.latency_ms(0.99)}
            rows.append(row)
    return pd.DataFrame(rows)


def every_replication(comparison: Comparison) -> pd.DataFrame:
    """One row for each replication; ``bound`` and ``regret`` NaN where it was not computed."""
    plan = comparison.plan
    numbers = range(plan.replications)
    frames = []
    for cell in comparison.cells:
        counts = {name: getattr(cell.run, name) for name in ("score", "steady_score", *COUNTS)}
        frame = pd.DataFrame(
            {
                "scenario": cell.scenario,
                "strategy": cell.strategy,
                "replication": numbers,
                **counts,
            }
        )
        frame["bound"] = pd.Series(cell.bound)
        frame["regret"] = frame["bound"] - frame["score"]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
