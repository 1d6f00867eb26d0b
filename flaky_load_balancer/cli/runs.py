"""``flb runs``: what was recorded, and deleting it."""

from pathlib import Path

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb runs --delete 20261122-103000-ab3f")
@click.option("--delete", multiple=True, metavar="RUN", help="A run or a session; repeatable.")
@options.data_dir
@options.json
def main(delete: tuple[str, ...], data_dir: Path, json: str | None) -> None:
    """Recorded runs; newest first."""
    from rich.markup import escape

    from flaky_load_balancer.harness.report import runs_table
    from flaky_load_balancer.records import Records, export
    from flaky_load_balancer.terminal import Output

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
