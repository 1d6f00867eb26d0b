"""``flb servers``: the flaky servers alone, in the sandbox."""

from typing import TYPE_CHECKING

import click

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.simulation.fleets.live import FleetAddress


@click.command(epilog="Example: flb servers --scenario T2 --seed 7")
@options.scenarios
@options.seed
@options.rate
@click.option("--copies", type=click.IntRange(1, 1000), default=1, help="Copies of every fleet.")
@options.free_ports
@options.sandbox
@options.json
@click.option("--report", is_flag=True, hidden=True)  # how late the event loop is, on stdout
@click.option("--json-to", type=int, default=None, hidden=True)
@options.child
@click.option("--confined", default=None, hidden=True)
def main(
    scenarios: tuple[str, ...],
    seed: int,
    rate: float,
    copies: int,
    free_ports: bool,
    sandbox: str,
    json: str | None,
    report: bool,
    json_to: int | None,
    child: bool,
    confined: str | None,
) -> None:
    """Start the flaky downstream servers alone."""
    from flaky_load_balancer.cli import selection
    from flaky_load_balancer.harness import isolation
    from flaky_load_balancer.processes import STOPPING, end_with_parent, reporting, stop_requested
    from flaky_load_balancer.simulation.fleets.listeners import serve_fleets
    from flaky_load_balancer.terminal import Output, run

    out = Output(json, json_to)
    chosen = selection.scenarios(scenarios)
    if confined is None:
        confined = isolation.choose_backend(sandbox, None)
        code = isolation.servers(
            confined,
            chosen,
            out,
            seed=seed,
            rate=rate,
            copies=copies,
            free=free_ports,
            tied=child,
            report=report,
        )
        if code is not None:
            raise click.exceptions.Exit(code)
        child = child and not isolation.is_confined(confined)  # or the warden sees to it
    if child:
        end_with_parent()
    how = isolation.described(confined, "the servers run")

    def ready(fleets: "list[FleetAddress]") -> None:
        out.console.print(how)
        for fleet in fleets:
            out.console.print(f"{fleet['scenario']} {' '.join(fleet['servers'])}", soft_wrap=True)
        out.write({"fleets": fleets})

    async def serve() -> None:
        await serve_fleets(
            [found for _, found in chosen],
            until=stop_requested(child=child, signals=STOPPING[:2]),  # SIGHUP begins anew
            ready=ready,
            seed=seed,
            copies=copies,
            rate=rate,
            free_ports=free_ports,
        )

    run(reporting(serve()) if report else serve())
