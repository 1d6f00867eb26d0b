"""``flb``: parse, call, print.

Exit codes: 0 done, 1 it ran and failed, 2 refused before anything started, 130 on Ctrl-C.
"""

import os
import signal
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from flaky_load_balancer import __version__
from flaky_load_balancer.config import Game, Settings
from flaky_load_balancer.processes import end_with_parent
from flaky_load_balancer.terminal import (
    LogFormat,
    Output,
    interruptible,
    log_to_stderr,
    refusing,
    run,
    stderr,
)

if TYPE_CHECKING:
    from flaky_load_balancer.service import Addresses
    from flaky_load_balancer.simulation.fleets.listeners import FleetAddress

# Each command imports what it needs when it is called: `flb --help` and the children of a session
# start in a fraction of the time that everything together takes.

app = typer.Typer(
    name="flb",
    help="A load balancer that learns which unreliable, rate-limited server to use.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
MOST = 1_000_000  # attempts

# Flags that mean the same everywhere.
Strategies = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy",
        metavar="NAME[:param=value,...]",
        help="Repeatable; 'all', or module:Class for one of your own. See: flb strategies",
    ),
]
Scenarios = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        metavar="NAME|FILE.toml",
        help="Repeatable; 'all' is T1, T2 and T3. See: flb scenarios",
    ),
]
Requests = Annotated[int, typer.Option(min=1, max=10_000_000, help="Requests for each run.")]
Rate = Annotated[
    float, typer.Option(min=0.001, max=100_000, help="Requests per second, open loop.")
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same fleet for every strategy.")
]
FreeAttempts = Annotated[
    int, typer.Option(min=0, max=MOST, help="Attempts of a request that cost nothing.")
]
MaxAttempts = Annotated[int, typer.Option(min=1, max=MOST, help="Attempts of a request at most.")]
Penalty = Annotated[float, typer.Option(min=0, help="Points for each attempt that is not free.")]
Deadline = Annotated[float, typer.Option(min=0.001, help="Seconds for a request, holds included.")]
AttemptTimeout = Annotated[float, typer.Option(min=0.001, help="Seconds for one attempt.")]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write the result as JSON; '-' for stdout."),
]
Sandbox = Annotated[
    str,
    typer.Option(
        metavar="auto|bubblewrap|landlock|seatbelt|off",
        help="What confines the servers; auto: the strongest there is. See: flb sandbox",
    ),
]
DataDir = Annotated[
    Path, typer.Option(envvar="FLB_DATA_DIR", help="Folder of the records.", file_okay=True)
]
Keep = Annotated[
    str, typer.Option(metavar="7d|10GB", help="Records older or larger than this are deleted.")
]
NoRecords = Annotated[bool, typer.Option("--no-records", help="Record nothing.")]
Child = Annotated[bool, typer.Option("--child", hidden=True)]  # ends with the program that began it


@app.callback(invoke_without_command=True)
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """A load balancer that learns which unreliable, rate-limited server to use."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command(epilog="Example: flb harness --strategy v4 --strategy v6 --requests 50 --json r.json")
def harness(
    strategy: Strategies = None,
    scenario: Scenarios = None,
    requests: Requests = 100,
    rate: Rate = 10.0,
    seed: Seed = 0,
    free_attempts: FreeAttempts = 3,
    max_attempts: MaxAttempts = 10,
    penalty: Penalty = 0.5,
    deadline: Deadline = 10.0,
    attempt_timeout: AttemptTimeout = 2.0,
    sequential: Annotated[
        bool,
        typer.Option("--sequential/--race", help="One run after another, or all at once."),
    ] = False,
    server_binary: Annotated[
        Path | None, typer.Option(help="Somebody's own servers instead of the built-in ones.")
    ] = None,
    strict_hash: Annotated[
        str | None,
        typer.Option(metavar="SHA256", help="The server binary must be this very file."),
    ] = None,
    sandbox: Sandbox = "auto",
    dashboard: Annotated[
        bool, typer.Option("--dashboard/--no-dashboard", help="Say where it can be watched.")
    ] = True,
    stay: Annotated[
        bool | None,
        typer.Option("--stay/--no-stay", help="Keep the dashboard up (default: on a terminal)."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Data plane.", show_default="8000")
    ] = None,
    admin_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Admin plane.", show_default="8001")
    ] = None,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Choose every port that is not given.")
    ] = False,
    data_dir: DataDir = Path(".flb"),
    keep: Keep = "10GB",
    no_records: NoRecords = False,
    json: Json = None,
) -> None:
    """Start flaky servers, balancer and dashboard; send requests; compare the strategies."""
    from flaky_load_balancer.cli import arguments, fleet_arguments
    from flaky_load_balancer.harness.report import play
    from flaky_load_balancer.harness.session import Plan

    with refusing():
        plan = Plan(
            strategies=arguments.chosen_strategies(strategy or ["all"]),
            scenarios=fleet_arguments.chosen_scenarios(scenario or ["all"]),
            game=Game(free_attempts, max_attempts, penalty, deadline, attempt_timeout).checked(),
            requests=requests,
            rate=rate,
            seed=seed,
            sequential=sequential or server_binary is not None,
            server_binary=arguments.server_binary(server_binary, strict_hash),
            strict_hash=strict_hash,
            sandbox=fleet_arguments.sandbox_backend(sandbox, server_binary),
            port=arguments.plane_port(port, 8000, free_ports),
            admin_port=arguments.plane_port(admin_port, 8001, free_ports),
            free_ports=free_ports,
            data_dir=None if no_records else data_dir,
            keep=arguments.keep(keep),
        )
        arguments.check_plan(plan)
        out = Output(json)
        stays = out.console.is_terminal if stay is None else stay
        run(play(plan, out, stay=stays, dashboard=dashboard))


@app.command(
    epilog="Example: flb serve --strategy v6 --server http://127.0.0.1:4000 --server"
    " http://127.0.0.1:4001"
)
def serve(
    server: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A server; repeatable.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE.toml", help="The ports of this scenario's servers."),
    ] = None,
    strategy: Annotated[
        str, typer.Option(metavar="NAME[:param=value,...]", help="What chooses.")
    ] = "v4",
    config: Annotated[
        Path | None, typer.Option(metavar="flb.toml", help="Pools and routes from a file.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where the data plane listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Data plane.")] = 8000,
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="Admin plane.")] = 8001,
    max_in_flight: Annotated[
        int, typer.Option(min=1, max=100_000, help="More requests than this get a 503.")
    ] = 1024,
    seed: Seed = 0,
    rate: Annotated[float, typer.Option(min=0.001, max=100_000, hidden=True)] = 10.0,
    requests: Annotated[int, typer.Option(min=1, hidden=True)] = 100,
    free_attempts: FreeAttempts = 3,
    max_attempts: MaxAttempts = 10,
    penalty: Penalty = 0.5,
    deadline: Deadline = 10.0,
    attempt_timeout: AttemptTimeout = 2.0,
    data_dir: DataDir = Path(".flb"),
    keep: Keep = "10GB",
    no_records: NoRecords = False,
    log_format: Annotated[LogFormat, typer.Option(help="How the log is written.")] = LogFormat.TEXT,
    session: Annotated[str | None, typer.Option(hidden=True)] = None,
    json: Json = None,
    child: Child = False,
) -> None:
    """Put the balancer in front of servers that already run."""
    if child:
        end_with_parent()
    from flaky_load_balancer import service as serving
    from flaky_load_balancer.admin import page
    from flaky_load_balancer.cli import arguments

    with refusing():
        out = Output(json)
        pools, routes = arguments.routes(server, scenario, strategy, config, seed)
        settings = Settings(
            pools=pools,
            routes=routes,
            game=Game(free_attempts, max_attempts, penalty, deadline, attempt_timeout).checked(),
            host=host,
            port=port,
            admin_port=admin_port,
            max_in_flight=max_in_flight,
            seed=seed,
            rate=rate,
            requests=requests,
            data_dir=None if no_records else data_dir,
            keep=arguments.keep(keep),
            session=session,
        )
        log_to_stderr(log_format)

        def ready(addresses: "Addresses") -> None:
            for route in routes:
                out.console.print(f"{addresses.data}{route.path}  {route.strategy}", soft_wrap=True)
            out.console.print(page.address(addresses.admin), soft_wrap=True)
            out.write(asdict(addresses))

        run(serving.serve(settings, ready, child=child))


@app.command(epilog="Example: flb servers --scenario T2 --seed 7")
def servers(
    scenario: Scenarios = None,
    seed: Seed = 0,
    rate: Rate = 10.0,
    copies: Annotated[int, typer.Option(min=1, max=1000, help="Copies of every fleet.")] = 1,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Choose every port.")] = False,
    sandbox: Sandbox = "auto",
    json: Json = None,
    json_to: Annotated[int | None, typer.Option(hidden=True)] = None,
    child: Child = False,
    confined: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start the flaky downstream servers alone."""
    from flaky_load_balancer.cli import fleet_arguments
    from flaky_load_balancer.harness import isolation as confining
    from flaky_load_balancer.processes import told_to_stop
    from flaky_load_balancer.simulation.fleets.listeners import serve_fleets

    with refusing():
        out = Output(json, json_to)
        chosen = fleet_arguments.chosen_scenarios(scenario or ["all"])
        if confined is None:
            confined = fleet_arguments.sandbox_backend(sandbox, None)
            code = confining.servers(
                confined,
                chosen,
                out,
                seed=seed,
                rate=rate,
                copies=copies,
                free=free_ports,
                tied=child,
            )
            if code is not None:
                raise typer.Exit(code)
            child = child and not confining.is_confined(confined)  # or the warden sees to it
        if child:
            end_with_parent()
        how = confining.told(confined, "the servers run")

        def ready(fleets: "list[FleetAddress]") -> None:
            out.console.print(how)
            for fleet in fleets:
                out.console.print(
                    f"{fleet['scenario']} {' '.join(fleet['servers'])}", soft_wrap=True
                )
            out.write({"fleets": fleets})

        with closing(told_to_stop(child)) as until:
            run(
                serve_fleets(
                    [found for _, found in chosen],
                    until=until,
                    ready=ready,
                    seed=seed,
                    copies=copies,
                    rate=rate,
                    free_ports=free_ports,
                )
            )


@app.command(epilog="Example: flb compare --strategy v4 --strategy v6 --requests 1000 --json -")
def compare(
    strategy: Strategies = None,
    scenario: Scenarios = None,
    requests: Requests = 100,
    replications: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Fleets that each strategy plays.")
    ] = 1000,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="Processes (default: one per core); no matter for the results."
        ),
    ] = None,
    rate: Rate = 10.0,
    seed: Seed = 0,
    free_attempts: FreeAttempts = 3,
    max_attempts: MaxAttempts = 10,
    penalty: Penalty = 0.5,
    deadline: Deadline = 10.0,
    attempt_timeout: AttemptTimeout = 2.0,
    save: Annotated[bool, typer.Option("--save", help="Record it as a session.")] = False,
    data_dir: DataDir = Path(".flb"),
    json: Json = None,
) -> None:
    """Compare strategies in virtual time: thousands of replications, confidence intervals."""
    from flaky_load_balancer import registry
    from flaky_load_balancer.cli import arguments, fleet_arguments
    from flaky_load_balancer.simulation.comparison.comparison import Plan
    from flaky_load_balancer.simulation.comparison.verdict import play

    with refusing():
        names = arguments.chosen_strategies(strategy or ["all"], oracle=True)
        plan = Plan(
            strategies={name: registry.parse(name) for name in names},
            scenarios=[found for _, found in fleet_arguments.chosen_scenarios(scenario or ["all"])],
            requests=requests,
            replications=replications,
            rate=rate,
            seed=seed,
            game=Game(free_attempts, max_attempts, penalty, deadline, attempt_timeout).checked(),
        )
        with interruptible():
            play(plan, Output(json), jobs=jobs, data_dir=data_dir if save else None)


@app.command(epilog="Example: flb strategies --json -")
def strategies(json: Json = None) -> None:
    """What strategies there are, with their parameters."""
    from flaky_load_balancer import registry

    with refusing():
        out = Output(json)
        rows = registry.describe()
        for row in rows:
            parameters = ", ".join(f"{name}={value}" for name, value in row["parameters"].items())
            line = f"[bold]{row['name']:12}[/bold]{escape(row['summary'])}"
            more = f" [dim]({escape(parameters)})[/dim]" if parameters else ""
            out.console.print(line + more, soft_wrap=True)
        out.write(rows)


@app.command(name="scenarios", epilog="Example: flb scenarios --json -")
def list_scenarios(json: Json = None) -> None:
    """What scenarios there are, with their parameters."""
    from flaky_load_balancer.simulation import scenarios

    with refusing():
        out = Output(json)
        found = scenarios.builtin().values()
        for one in found:
            line = f"[bold]{one.name:10}[/bold]{escape(one.description)}"
            out.console.print(f"{line} [dim]({escape(one.parameters)})[/dim]", soft_wrap=True)
        out.write([asdict(one) for one in found])


@app.command(epilog="Example: flb dashboard --data-dir .flb")
def dashboard(
    admin_port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens.")] = 8001,
    data_dir: DataDir = Path(".flb"),
    json: Json = None,
) -> None:
    """The dashboard alone, over what was recorded, while nothing runs."""
    from flaky_load_balancer import service as serving
    from flaky_load_balancer.admin import page

    with refusing():
        out = Output(json)

        def ready(address: str) -> None:
            out.console.print(page.address(address), soft_wrap=True)
            out.write({"admin": address})

        run(serving.show(data_dir, admin_port, ready))


@app.command(epilog="Example: flb runs --delete 20261122-103000-ab3f")
def runs(
    delete: Annotated[
        list[str] | None, typer.Option(metavar="RUN", help="Delete a run or a session; repeatable.")
    ] = None,
    data_dir: DataDir = Path(".flb"),
    json: Json = None,
) -> None:
    """Recorded runs; newest first."""
    from flaky_load_balancer.harness.report import runs_table
    from flaky_load_balancer.records import Records, export

    with refusing():
        out = Output(json)
        records = Records(data_dir)
        if delete:
            records.delete(delete)
            out.console.print(f"deleted {', '.join(delete)}")
        rows = export.listed(records)
        none = f"no runs are recorded in {escape(str(data_dir))}"
        compared = sum(each["kind"] == "compare" for each in records.sessions())
        if compared:
            none += f"; comparisons: {compared}, which `flb dashboard` shows"
        out.console.print(runs_table(rows) if rows else none)
        out.write(rows)


sandboxes = typer.Typer()
app.add_typer(sandboxes, name="sandbox", epilog="Example: flb sandbox --json -")


@sandboxes.callback(invoke_without_command=True)
def sandbox(context: typer.Context, json: Json = None) -> None:
    """What this machine can confine servers with, and what each way stops."""
    from flaky_load_balancer.cli import sandbox as looks

    if context.invoked_subcommand is None:
        with refusing():
            looks.show_offers(Output(json))


@sandboxes.command(epilog="Example: flb sandbox inspect ./flakyservers")
def inspect(
    path: Annotated[Path, typer.Argument(help="A program; it is not run.")],
    strict_hash: Annotated[
        str | None, typer.Option(metavar="SHA256", help="Fail if it is any other file.")
    ] = None,
    json: Json = None,
) -> None:
    """What a program is, without running it."""
    from flaky_load_balancer.cli import sandbox as looks

    with refusing():
        looks.show_inspection(path, strict_hash, Output(json))


@app.command(name="export", epilog="Example: flb export 12 13 --format csv > attempts.csv")
def export_runs(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs or sessions.")],
    form: Annotated[Literal["csv", "json"], typer.Option("--format", help="How.")] = "csv",
    data_dir: DataDir = Path(".flb"),
) -> None:
    """Write recorded runs to stdout, attempt by attempt."""
    from flaky_load_balancer.records import Records, export

    with refusing():
        export.export(Records(data_dir), names, form, sys.stdout)


@app.command(epilog="Example: flb fit attempts.csv > mine.toml")
def fit(
    log: Annotated[Path, typer.Argument(metavar="LOG.csv", help="A line for each attempt.")],
    name: Annotated[str | None, typer.Option(help="Of the scenario (default: the file's).")] = None,
    json: Json = None,
) -> None:
    """Fit a scenario to a log of attempts: failure rates, latency, and the limiter."""
    from flaky_load_balancer.simulation import fitting

    with refusing():
        out = Output(json)
        fitted = fitting.fit(log, name)
        if json == "-":
            out.console.print(fitted.toml, markup=False, soft_wrap=True)
        else:
            sys.stdout.write(fitted.toml)
        for doubt in fitted.doubts:
            stderr.print(f"uncertain: {doubt}", markup=False, soft_wrap=True)
        out.write(fitted.result)


def main() -> None:
    """The program ``flb``.

    Until a command is under way, Ctrl-C ends us at once: there is nothing to tidy up, and an
    import may well swallow a KeyboardInterrupt.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    app()


if __name__ == "__main__":
    main()
