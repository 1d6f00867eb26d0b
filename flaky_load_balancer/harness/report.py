"""A session in the terminal: progress while it goes on, tables when it is over."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flaky_load_balancer.admin import page
from flaky_load_balancer.harness import isolation
from flaky_load_balancer.harness.plan import Plan, Session
from flaky_load_balancer.harness.session import played
from flaky_load_balancer.processes import stop_requested
from flaky_load_balancer.records import NoRecorder, Recorder
from flaky_load_balancer.terminal import Output, plain_table

COUNTS = "requests", "delivered", "attempts", "paid_attempts", "rate_limited"
STARTING = 4.0  # seconds, about, that servers and balancer take to start
LINE_PERIOD = 5.0  # seconds between lines of progress where there is no terminal


class Progress:
    """Shows a session while it goes on: in place on a terminal, else a line now and then."""

    def __init__(self, console: Console, dashboard: bool = True) -> None:
        self.console = console
        self._dashboard = dashboard
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._session: Session | None = None
        self._frame: dict[str, Any] = {"routes": []}
        self._answered = 0
        self._started = self._said = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._live.stop()

    def starting(self, session: Session) -> None:
        for line in intention(session):
            self.console.print(line)

    def started(self, session: Session) -> None:
        self._session, self._started = session, time.monotonic()
        self._said = self._started
        if session.advice:
            self.console.print(f"[yellow]warning:[/yellow] {escape(session.advice)}")
        watched = page.address(session.admin) if self._dashboard else f"admin {session.admin}"
        self.console.print(f"balancer {session.data}, {watched}")
        if self.console.is_terminal:
            self._live.start()

    def answered(self) -> None:
        self._answered += 1

    def snapshot(self, frame: dict[str, Any]) -> None:
        self._frame = frame
        if self.console.is_terminal:
            self._live.update(self._picture())
        elif time.monotonic() - self._said >= LINE_PERIOD:
            self._said = time.monotonic()
            self.console.print(self._line())

    @property
    def _total(self) -> int:
        assert self._session is not None  # started before the first frame
        return len(self._session.runs) * self._session.plan.requests

    def _line(self) -> str:
        seconds = time.monotonic() - self._started
        return (
            f"{seconds:5.1f} s  {self._answered} of {self._total} requests answered,"
            f" {self._answered / seconds:.0f} per second"
        )

    def _picture(self) -> RenderableType:
        return Group(
            Text(self._line()),
            ProgressBar(total=self._total, completed=self._answered, width=60),
            scores_so_far(self._frame["routes"]),
        )


def intention(session: Session) -> list[str]:
    """What is about to happen, before anything is started."""
    plan = session.plan
    how = "one after the other" if plan.sequential else "at once"
    scenarios = ", ".join(scenario.name for _, scenario in plan.scenarios)
    seconds = plan.requests / plan.rate * (len(session.runs) if plan.sequential else 1)
    servers = plan.copies * sum(scenario.servers for _, scenario in plan.scenarios)
    who = f"{servers} servers run" if plan.server_binary is None else f"{plan.server_binary} runs"
    return [
        f"[bold]{len(session.runs)} runs[/bold] {how}: {len(plan.strategies)} strategies on"
        f" {scenarios}; {plan.requests} requests each, {plan.rate:g}/s, seed {plan.seed}",
        f"that takes about {seconds + STARTING:.0f} s; {isolation.described(plan.sandbox, who)}",
    ]


def scores_so_far(rows: Sequence[dict[str, Any]]) -> Table:
    """Strategies by scenarios: the score, and requests that ended."""
    names = list(dict.fromkeys(row["scenario"] or "-" for row in rows))
    table = plain_table(None, "strategy")
    for name in names:
        table.add_column(f"{name} score", justify="right")
        table.add_column("of", justify="right", style="dim")
        table.add_column("rate", justify="right", style="dim")
    by_strategy: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_strategy.setdefault(row["strategy"], {})[row["scenario"] or "-"] = row
    for strategy, cells in by_strategy.items():
        columns = []
        for name in names:
            columns += _cell(cells[name]) if name in cells else ["", "", ""]
        table.add_row(strategy, *columns)
    return table


def _cell(row: dict[str, Any]) -> list[str]:
    rate = row["offered_rate"]
    return [f"{row['score']:g}", str(row["requests"]), "" if rate is None else f"{rate:.1f}/s"]


def results(session: Session) -> list[RenderableType]:
    """What came of it: tables by score, or why there can be none."""
    assert session.verdict is not None  # all runs are over
    return ranking(session) if session.verdict.valid else invalid(session)


def invalid(session: Session) -> list[RenderableType]:
    """Why the numbers compare nothing, and what to do; no scores, as they would be compared."""
    assert session.verdict is not None
    ways = "a lower --rate, fewer strategies"
    ways += "" if session.plan.sequential else ", --sequential"
    advice = f"This machine did not keep up, so nobody is ranked. Try {ways}, or a quiet machine."
    reasons = [Text(f"  {reason}") for reason in session.verdict.why]
    return [Group(Text("INVALID: overloaded", style="bold white on red"), *reasons, Text(advice))]


def ranking(session: Session) -> list[RenderableType]:
    """Each scenario by score, and the sum of scores where all runs had as many requests."""
    scenarios = list(dict.fromkeys(run.scenario.name for run in session.runs))
    numbers = [run.numbers for run in session.runs]
    tables: list[RenderableType] = [
        _table(name, [row for row in numbers if row["scenario"] == name]) for name in scenarios
    ]
    if len(scenarios) > 1 and len({row["requests"] for row in numbers}) == 1:
        tables.append(_overall(session.plan.strategies, scenarios, numbers))
    tables.append(
        Text("One run each: scores that differ by a few points may well be chance.", style="dim")
    )
    return tables


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = plain_table(title, "strategy", "score", "regret", "requests", "delivered")
    for name in ("attempts", "paid", "refused", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for row in sorted(rows, key=lambda row: -row["score"]):
        table.add_row(
            row["strategy"],
            f"{row['score']:g}",
            _number(row["regret"], "z.1f"),
            *(str(row[key]) for key in COUNTS),
            _number(row["latency_ms"]["p50"], ".1f"),
            _number(row["latency_ms"]["p99"], ".1f"),
        )
    return table


def _overall(
    strategies: Sequence[str], scenarios: Sequence[str], numbers: list[dict[str, Any]]
) -> Table:
    scores = {(row["strategy"], row["scenario"]): row["score"] for row in numbers}
    sums = {name: sum(scores[name, s] for s in scenarios) for name in strategies}
    table = plain_table("sum of scores", "strategy", *scenarios, "sum")
    for strategy in sorted(strategies, key=lambda name: -sums[name]):
        cells = (f"{scores[strategy, name]:g}" for name in scenarios)
        table.add_row(strategy, *cells, f"{sums[strategy]:g}")
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


async def play(plan: Plan, out: Output, *, stay: bool, dashboard: bool) -> bool:
    """Play a plan and tell what came of it; with ``stay`` the balancer is up until Ctrl-C.

    Returns whether the session is valid: whether this machine kept up.
    """
    recording = NoRecorder() if plan.data_dir is None else Recorder(plan.data_dir, plan.keep)
    with recording as recorder, Progress(out.console, dashboard) as progress:
        async with played(plan, recorder, progress) as session:
            progress.stop()
            for table in results(session):
                out.console.print()
                out.console.print(table)
            for warning in session.warnings:
                out.console.print(f"[yellow]warning:[/yellow] {escape(warning)}")
            if plan.data_dir is not None:
                out.console.print(f"recorded as session {session.id}: flb export {session.id}")
            out.write(session.result())
            if stay and dashboard:
                out.console.print(f"still up: {page.address(session.admin)}  (Ctrl-C ends)")
                await stop_requested()
            assert session.verdict is not None
            return session.verdict.valid


def shortened(value: object) -> str:
    """For a cell of a table: a list of names may be long."""
    text = "-" if value is None else str(value)
    return text if len(text) <= 30 else f"{text[:27]}..."


def runs_table(rows: Sequence[dict[str, Any]]) -> Table:
    """What ``flb runs`` prints."""
    table = Table(box=None, pad_edge=False)
    for name in ("session", "kind", "run", "strategy", "scenario"):
        table.add_column(name)
    for name in ("seed", "requests", "score"):
        table.add_column(name, justify="right")
    table.add_column("started")
    table.add_column("state")
    for row in rows:
        started = datetime.fromtimestamp(row["started"], UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        table.add_row(
            row["session"],
            row["kind"],
            *(shortened(row[name]) for name in ("run", "strategy", "scenario")),
            *(_number(row[name], "g") for name in ("seed", "requests", "score")),
            started,
            "INVALID: overloaded" if row["valid"] is False else row["state"],
        )
    return table
