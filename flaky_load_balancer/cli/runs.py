"""``flb runs``: what was recorded, and deleting it."""

from pathlib import Path

import click

from flaky_load_balancer.cli import options

SHOWN = 20  # runs


@click.command(epilog="Example: flb runs --delete 20261122-103000-ab3f")
@click.option("--delete", multiple=True, metavar="RUN", help="A run or a session; repeatable.")
@click.option("--all", "every", is_flag=True, help=f"Show all of them, not the newest {SHOWN}.")
@options.recorded
@options.json
def main(delete: tuple[str, ...], every: bool, where: Path | str, json: str | None) -> None:
    """Recorded runs; newest first.

    --json has all of them.
    """
    from rich.markup import escape

    from flaky_load_balancer.harness.report import runs_table
    from flaky_load_balancer.records import Records, export
    from flaky_load_balancer.terminal import Output

    out = Output(json)
    records = Records(where)
    if delete:
        records.delete(delete)
        out.console.print(f"deleted {', '.join(delete)}")
    rows = export.listed(records)
    shown = rows if every else rows[:SHOWN]
    none = f"no runs are recorded in {escape(records.name)}"
    out.console.print(runs_table(shown) if rows else none)
    if len(shown) < len(rows):
        out.console.print(f"and {len(rows) - len(shown)} older ones: flb runs --all")
    out.write(rows)
