"""A study in the terminal: progress, tables, the finding, and where the plots are."""

from collections.abc import Sequence
from dataclasses import asdict, astuple
from pathlib import Path

from rich.markup import escape
from rich.table import Table as Printed
from rich.text import Text

from flaky_load_balancer.registry import parse
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.comparison.intervals import Estimate
from flaky_load_balancer.simulation.comparison.workers import Executor, working
from flaky_load_balancer.simulation.studies import STUDIES, plots
from flaky_load_balancer.simulation.studies.offpolicy import TooLittleExploredError
from flaky_load_balancer.simulation.studies.parts import Players
from flaky_load_balancer.simulation.studies.play import WORLDS, Setting, recorded
from flaky_load_balancer.simulation.studies.replay import Decisions, would_earn
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, shown
from flaky_load_balancer.terminal import Output, plain_table

SMALL = 10_000  # queries of a game: fewer are played sooner than another process is started


def listed(out: Output) -> None:
    """Every study with its question."""
    for name, study in STUDIES.items():
        out.console.print(f"[bold]{name:9}[/bold] {escape(study.question)}")
    out.write([{"name": name, **study._asdict()} for name, study in STUDIES.items()])


def setting(
    name: str, data: Path | None, *, runs: int, queries: int, usd: float, seed: int
) -> Setting:
    """What a study is played on: a table, or the built-in world that it names."""
    if data is None:
        scenario = scenarios.read(WORLDS / f"{STUDIES[name].world}.toml")
    else:
        scenario = recorded(data)
    return Setting(scenario, runs=runs, queries=queries, seed=seed, usd=usd)


def play(name: str, setting: Setting, out: Output, folder: Path | None, executor: Executor) -> None:
    """Play a study and show what it found."""
    study = STUDIES[name]
    out.console.print(
        f"[bold]{name}[/bold]: {escape(study.question)} World {escape(setting.scenario.name)},"
        f" {setting.runs} runs of {setting.queries} queries, seed {setting.seed}"
    )
    if executor.jobs is None and setting.runs * setting.queries < SMALL:
        executor = executor.within(1)
    with out.console.status("") as status, working(executor) as mapped:
        players = Players(mapped, lambda what: status.update(f"playing {escape(what)}"))
        report = study.play(setting, players)
    for table in report.tables:
        out.console.print()
        out.console.print(_printed(table))
    out.console.print()
    out.console.print(Text(report.finding, style="bold"))
    out.console.print("[dim]+- is half of an interval; those of a table hold together, 95 %[/dim]")
    for file in _written(report, folder):
        out.console.print(f"plot: {escape(str(file))}")
    out.write(report.json())


def replayed(name: str, specs: Sequence[str], decisions: Decisions, out: Output, seed: int) -> None:
    """Three estimates of what each strategy would have earned, or why there is none."""
    rows: list[list[Cell]] = []
    results = []
    for spec in specs:
        try:
            found = would_earn(parse(spec), decisions, seed)
        except TooLittleExploredError as error:
            rows.append([spec, None, None, None, str(error)])
            results.append({"strategy": spec, "refused": str(error)})
            continue
        estimates = [Estimate(*astuple(each)) for each in (found.ips, found.snips, found.dr)]
        rows.append([spec, *estimates, f"{found.effective:.0f} of {found.decisions}"])
        results.append({"strategy": spec, **asdict(found)})
    logged = float(decisions.reward.mean()) if len(decisions) else None
    title = f"{name}: {len(decisions)} decisions, mean reward {shown(logged)}"
    head = ["strategy", "ips", "self-normalised", "doubly robust", "effective decisions"]
    out.console.print(_printed(Table(title, head, rows)))
    out.console.print("[dim]+- is half of a 95 % interval of its own[/dim]")
    out.write({"decisions": len(decisions), "reward": logged, "strategies": results})


def _written(report: Report, folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    return [file for plot in report.plots for file in plots.write(plot, folder)]


def _printed(table: Table) -> Printed:
    made = plain_table(table.title, *table.head, gap=2)
    for row in table.rows:
        made.add_row(*(escape(shown(cell)) for cell in row))
    return made
