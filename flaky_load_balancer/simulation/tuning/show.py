"""A search in the terminal: a line for each trial, the verdict, and two plots."""

import warnings
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.text import Text

from flaky_load_balancer.simulation.studies.plots import STYLE
from flaky_load_balancer.simulation.tuning import extras
from flaky_load_balancer.simulation.tuning.search import Search, cost, ended
from flaky_load_balancer.simulation.tuning.tune import Tuned, tune
from flaky_load_balancer.terminal import Output, plain_table


def play(  # noqa: PLR0917
    search: Search, name: str, trials: int, storage: str | None, out: Output, folder: Path | None
) -> None:
    """Tune, show what came of it, and write plots."""
    plan, console = search.plan, out.console
    scenarios = ", ".join(scenario.name for scenario in plan.scenarios)
    console.print(
        f"[bold]{escape(name)}[/bold] on {escape(scenarios)}: {trials} trials of up to"
        f" {plan.replications} fleets, {plan.requests} requests each, seed {plan.seed}"
    )
    console.print("  ".join(escape(str(each)) for each in search.ranges), highlight=False)
    if folder is not None:
        extras.pyplot()
    tuned = tune(search, name, trials, storage, lambda what, trial: _line(out, what, trial))
    _table(tuned, out)
    console.print(Text(tuned.verdict.sentence, style="bold"))
    console.print(f"--strategy {escape(tuned.best)}", highlight=False)
    for file in _plots(tuned, folder) if folder is not None else []:
        console.print(f"plot: {escape(str(file))}")
    out.write(tuned.json())


def _line(out: Output, what: str, trial: Any) -> None:
    """What one trial came to."""
    state = "" if trial.state.name == "COMPLETE" else f" {trial.state.name.lower()}"
    tried = ", ".join(f"{name}={_short(each)}" for name, each in trial.params.items())
    fleets = trial.user_attrs["fleets"]
    found = f"{trial.value:.3f} after {fleets} fleets{state}" if fleets else "no such strategy"
    text = f"{what} {trial.number}: {found}"
    out.console.print(f"[dim]{text}  {escape(tried)}[/dim]", highlight=False)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(tuned: Tuned, out: Output) -> None:
    """Points for 100 requests on the fleets of the next seed."""
    verdict, seed = tuned.verdict, tuned.search.plan.seed + 1
    table = plain_table(
        f"On the fleets of seed {seed}", "parameters", "points for 100 requests", "+-", "fleets"
    )
    pruned = sum(trial.state.name == "PRUNED" for trial in ended(tuned.study))
    for what, estimate, fleets in (
        ("defaults", verdict.usual, ""),
        ("random search", verdict.chance, f"{cost(tuned.chance)}"),
        (f"tuned ({pruned} trials pruned)", verdict.tuned, f"{cost(tuned.study)}"),
    ):
        table.add_row(what, f"{estimate.mean:.3f}", f"{estimate.reach:.2g}", fleets)
    out.console.print(table)


def _plots(tuned: Tuned, folder: Path) -> list[Path]:
    """Optuna's plots of history and importance, as SVG."""
    pyplot, drawn = extras.pyplot(), extras.optuna().visualization.matplotlib
    draws = {"history": drawn.plot_optimization_history}
    if len(_values(tuned.study)) > 1:  # else nothing was more important
        draws["importance"] = drawn.plot_param_importances
    folder.mkdir(parents=True, exist_ok=True)
    with pyplot.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Optuna, that these plots may change
        return [
            _drawn(pyplot, draw(tuned.study), folder / f"tune-{what}.svg")
            for what, draw in draws.items()
        ]


def _drawn(pyplot: Any, axes: Any, file: Path) -> Path:
    axes.figure.savefig(file, metadata={"Date": None}, bbox_inches="tight")
    pyplot.close(axes.figure)
    return file


def _values(study: Any) -> set[float]:
    return {trial.value for trial in study.trials if trial.value is not None}
