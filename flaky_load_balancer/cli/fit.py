"""``flb fit``: a scenario from a log of attempts."""

import sys
from pathlib import Path

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb fit attempts.csv > mine.toml")
@click.argument("log", metavar="LOG.csv", type=options.PATH)
@click.option("--name", default=None, help="Of the scenario (default: the file's).")
@options.json
def main(log: Path, name: str | None, json: str | None) -> None:
    """Fit a scenario to a log of attempts: failure rates, latency, and the limiter.

    LOG.csv has a line for each attempt.
    """
    from flaky_load_balancer.simulation import fitting
    from flaky_load_balancer.terminal import Output, stderr

    out = Output(json)
    fitted = fitting.fit(log, name)
    if out.to_stdout:
        out.console.print(fitted.toml, markup=False, soft_wrap=True)
    else:
        sys.stdout.write(fitted.toml)
    for doubt in fitted.doubts:
        stderr.print(f"uncertain: {doubt}", markup=False, soft_wrap=True)
    out.write(fitted.result)
