"""``flb gateway``: the demonstration of the LLM gateway, on fake providers."""

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb gateway --requests 150 --strategy lints --json r.json")
@click.option(
    "--requests", type=click.IntRange(3, 1_000_000), default=500, help="Questions to ask."
)
@options.rate
@options.seed
@click.option("--strategy", default="linucb:alpha=0.6", help="NAME[:param=value,...].")
@click.option(
    "--usd",
    type=options.Number(0),
    default=100.0,
    help="What a dollar costs, in points; a perfect answer is worth one.",
)
@options.sandbox
@click.option(
    "--stay/--no-stay",
    default=None,
    help="Keep the page up after the last question (default: on a terminal).",
)
@click.option("--port", type=options.PORT, default=None, show_default="8000", help="Of the API.")
@click.option(
    "--admin-port", type=options.PORT, default=None, show_default="8001", help="Of the page."
)
@options.free_ports
@options.json
def main(
    requests: int,
    rate: float,
    seed: int,
    strategy: str,
    usd: float,
    sandbox: str,
    stay: bool | None,
    port: int | None,
    admin_port: int | None,
    free_ports: bool,
    json: str | None,
) -> None:
    """Show the LLM gateway learn which model is good at what, for how much.

    Three fake providers, the gateway before them, and a client that asks questions of four tasks
    and rates the answers; in the end what the first third of them was worth and the last one.
    """
    from flaky_load_balancer import registry
    from flaky_load_balancer.cli.harness import check_planes, plane_port
    from flaky_load_balancer.harness import isolation
    from flaky_load_balancer.harness.demonstration import Settings
    from flaky_load_balancer.harness.learnt import demonstrate
    from flaky_load_balancer.terminal import FAILED, Output, run

    settings = Settings(
        requests=requests,
        rate=rate,
        seed=seed,
        strategy=registry.canonical(strategy),
        usd=usd,
        port=plane_port(port, 8000, free_ports),
        admin_port=plane_port(admin_port, 8001, free_ports),
        sandbox=isolation.choose_backend(sandbox, None),
    )
    check_planes(settings.port, settings.admin_port)
    out = Output(json)
    stays = out.console.is_terminal if stay is None else stay
    if not run(demonstrate(settings, out, stay=stays)):
        raise click.exceptions.Exit(FAILED)
