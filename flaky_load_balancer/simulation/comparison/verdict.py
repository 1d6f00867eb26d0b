"""A comparison in the terminal: progress, a table for each scenario, and a sentence to close it."""

from collections.abc import Sequence
from functools import partial
from math import isnan
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from flaky_load_balancer.records import Recorder
from flaky_load_balancer.simulation.comparison.compare import compare
from flaky_load_balancer.simulation.comparison.comparison import Cell, Comparison, Plan
from flaky_load_balancer.simulation.comparison.intervals import Estimate, Standing
from flaky_load_balancer.simulation.comparison.workers import Executor
from flaky_load_balancer.simulation.engine.replicas import NEVER, Sharing
from flaky_load_balancer.terminal import Output, plain_table

COLUMNS = (
    *("score", "+-", "behind", "+-", "steady", "+-", "regret", "+-"),
    *("attempts", "refused", "p50 ms", "p99 ms"),
)


def play(plan: Plan, out: Output, *, executor: Executor, where: Path | str | None) -> None:
    """Compare, show what came of it, and record it there, if anywhere."""
    if where is None:
        show(_compared(plan, out.console, executor), out)
        return
    with Recorder(where) as recorder:
        settings = {"requests": plan.requests, "replications": plan.replications}
        session = recorder.start_session("compare", plan.seed, plan.rate, settings)
        comparison = _compared(plan, out.console, executor)
        recorder.finish_session(session, comparison.result())
    show(comparison, out)
    out.console.print(f"recorded as session {session}")


def opening(plan: Plan) -> str:
    """What is about to happen."""
    scenarios = ", ".join(scenario.name for scenario in plan.scenarios)
    count = len(plan.strategies)
    return (
        f"[bold]{count} {'strategy' if count == 1 else 'strategies'}[/bold] on {scenarios};"
        f" {plan.replications} fleet{'' if plan.replications == 1 else 's'},"
        f" {plan.requests} requests each, {plan.rate:g} per second,"
        f" seed {plan.seed}{_late(plan)}{_shared(plan.sharing)}"
    )


def _late(plan: Plan) -> str:
    delay, batch = plan.feedback_delay, plan.feedback_batch
    late = f"; feedback {delay:g} s late" if delay else ""
    return late + (f"{'' if late else '; feedback'} in batches of {batch}" if batch > 1 else "")


def _shared(sharing: Sharing) -> str:
    if sharing.replicas == 1:
        return ""
    late = "never" if sharing.delay == NEVER else f"{sharing.delay:g} s later"
    lost = f", {sharing.loss:.3g} of it lost" if sharing.loss else ""
    return f"; {sharing.replicas} replicas, told {late}{lost}"


def show(comparison: Comparison, out: Output) -> None:
    """Tables for people, JSON for whoever asked."""
    for scenario in comparison.plan.scenarios:
        standings = comparison.standings(scenario.name)
        out.console.print()
        out.console.print(table(scenario.name, standings, comparison.on(scenario.name)))
        out.console.print(Text(comparison.verdict(scenario.name)))
    out.console.print()
    out.console.print(
        f"[dim]{comparison.seconds:.1f} s, of these {comparison.bound_seconds:.1f} s"
        " for the bounds; +- is half a 95 % interval of its own; lines part strategies that differ,"
        " all at once with 95 %; steady: the score if all requests had gone as those of the last"
        " half[/dim]"
    )
    out.write(comparison.result())


def table(scenario: str, standings: Sequence[Standing], cells: Sequence[Cell]) -> Table:
    """The best first; a line between groups that can be told apart."""
    found = {cell.strategy: cell for cell in cells}
    made = plain_table(scenario, "strategy")
    for name in COLUMNS:
        made.add_column(name, justify="right", style="dim" if name == "+-" else "")
    for place, (name, behind, _, group) in enumerate(standings):
        last = place + 1 < len(standings) and standings[place + 1].group > group
        made.add_row(escape(name), *_row(found[name], behind), end_section=last)
    return made


def _compared(plan: Plan, console: Console, executor: Executor) -> Comparison:
    console.print(opening(plan))
    columns = BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeElapsedColumn()
    bar = Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=1.0)
        told = partial(bar.update, task)
        return compare(plan, executor=executor, progress=lambda share: told(completed=share))


def _row(cell: Cell, behind: Estimate) -> list[str]:
    points = cell.score, behind, cell.steady_score, cell.regret
    estimates = [text for each in points for text in _estimate(each)]
    counts = [f"{getattr(cell.run, name).mean():.1f}" for name in ("attempts", "rate_limited")]
    return [*estimates, *counts, *(_milliseconds(cell.latency_ms(q)) for q in (0.50, 0.99))]


def _estimate(estimate: Estimate) -> tuple[str, str]:
    reach = "-" if isnan(estimate.reach) else f"{estimate.reach:.2f}"
    return f"{estimate.mean:z.2f}", reach


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
