"""``flb strategies``: what there is to choose with."""

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb strategies --json -")
@options.json
def main(json: str | None) -> None:
    """What strategies there are, with their parameters."""
    from rich.markup import escape

    from flaky_load_balancer import registry
    from flaky_load_balancer.terminal import Output

    out = Output(json)
    rows = registry.describe()
    width = 2 + max(len(row["name"]) for row in rows)
    for row in rows:
        parameters = ", ".join(f"{name}={value}" for name, value in row["parameters"].items())
        line = f"[bold]{row['name']:{width}}[/bold]{escape(row['summary'])}"
        more = f" [dim]({escape(parameters)})[/dim]" if parameters else ""
        out.console.print(line + more, soft_wrap=True)
    out.write(rows)
