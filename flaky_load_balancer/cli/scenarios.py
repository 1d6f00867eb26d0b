"""``flb scenarios``: what fleets there are to play on."""

from dataclasses import asdict

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb scenarios --json -")
@options.json
def main(json: str | None) -> None:
    """What scenarios there are, with their parameters."""
    from rich.markup import escape

    from flaky_load_balancer.simulation import scenarios
    from flaky_load_balancer.terminal import Output

    out = Output(json)
    found = scenarios.builtin().values()
    width = 2 + max(len(one.name) for one in found)
    for one in found:
        line = f"[bold]{one.name:{width}}[/bold]{escape(one.description)}"
        out.console.print(f"{line} [dim]({escape(one.parameters)})[/dim]", soft_wrap=True)
    out.write([asdict(one) for one in found])
