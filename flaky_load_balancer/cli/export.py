"""``flb export``: recorded runs for other programs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.records.export import Format


@click.command(epilog="Example: flb export 12 13 --format csv > attempts.csv")
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", help="How.")
@options.recorded
def main(names: tuple[str, ...], form: "Format", where: Path | str) -> None:
    """Write recorded runs to stdout, attempt by attempt.

    RUN is the number of a run or the name of a session.
    """
    from flaky_load_balancer.records import Records, export

    export.export(Records(where), names, form, sys.stdout)
