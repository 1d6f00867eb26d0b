"""``flb fit``: a scenario from a log of attempts."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from flaky_load_balancer.cli import options

RECORDED = re.compile(r"\d+|\d{8}-\d{6}-[0-9a-f]{4}")  # a run, a session


@click.command(epilog="Example: flb fit attempts.csv > mine.toml")
@click.argument("log", metavar="LOG.csv|RUN", type=options.PATH)
@click.option("--name", default=None, help="Of the scenario (default: the file's).")
@options.recorded
@options.json
def main(log: Path, name: str | None, where: Path | str, json: str | None) -> None:
    """Fit a scenario to a log of attempts: failure rates, latency, and the limiter.

    LOG.csv has a line for each attempt; it may be gzipped, and `-` is standard input.  Columns:
    server; time (seconds since any moment, or a date as a number or a text), or time_ms, time_us,
    time_ns; outcome or status; and perhaps latency_ms.  RUN is the number of a recorded run or the
    name of a session.
    """
    from flaky_load_balancer.simulation import fitting
    from flaky_load_balancer.terminal import Output, stderr

    out = Output(json)
    with _log(log, where) as file:
        fitted = fitting.fit(file, name)
    if out.to_stdout:
        out.console.print(fitted.toml, markup=False, soft_wrap=True)
    else:
        sys.stdout.write(fitted.toml)
    for doubt in fitted.doubts:
        stderr.print(f"uncertain: {doubt}", markup=False, soft_wrap=True)
    out.write(fitted.result)


@contextmanager
def _log(log: Path, where: Path | str) -> Iterator[Path]:
    """The file, or what was recorded as one."""
    if log.exists() or not RECORDED.fullmatch(str(log)):
        yield log
        return
    from flaky_load_balancer.records import Records, export

    with TemporaryDirectory() as folder:
        file = Path(folder) / f"recorded-{log}.csv"
        with file.open("w", newline="") as stream:
            export.export(Records(where), [str(log)], "csv", stream)
        yield file
