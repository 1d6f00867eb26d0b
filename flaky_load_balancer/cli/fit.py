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


LEARNT = "tasks", "rewards", "preferences"


@click.command(epilog="Example: flb fit attempts.csv > mine.toml")
@click.argument("logs", metavar="[LOG.csv|RUN]...", type=options.PATH, nargs=-1)
@click.option(
    "--prior", is_flag=True, help="What the fleets of several logs have in common: for strategies."
)
@click.option("--name", default=None, help="Of the scenario (default: the file's).")
@click.option("--tasks", type=options.PATH, metavar="TABLE", help="Which words say which task.")
@click.option(
    "--rewards", type=options.PATH, metavar="TABLE", help="What --strategy learns of a table."
)
@click.option(
    "--preferences", type=options.PATH, metavar="TABLE", help="A prior for pilot, from pairs."
)
@click.option("--strategy", metavar="SPEC", default="linucb", help="That learns --rewards.")
@click.option("--features", default=None, metavar="PART,...", help="That requests will have.")
@click.option("--out", type=options.PATH, default=None, metavar="FILE", help="What is written.")
@options.recorded
@options.json
def main(
    logs: tuple[Path, ...],
    prior: bool,
    name: str | None,
    tasks: Path | None,
    rewards: Path | None,
    preferences: Path | None,
    strategy: str,
    features: str | None,
    out: Path | None,
    where: Path | str,
    json: str | None,
) -> None:
    """Fit a scenario to a log of attempts: failure rates, latency, and the limiter.

    LOG.csv has a line for each attempt; it may be gzipped, and `-` is standard input.  Columns:
    server; time (seconds since any moment, or a date as a number or a text), or time_ms, time_us,
    time_ns; outcome or status; and perhaps latency_ms.  RUN is the number of a recorded run or the
    name of a session.

    With --prior, from logs of several fleets: how the success rates and limits of their servers are
    distributed, as parameters of cascade and v4.

    Or learn for routing, before the first request: --tasks (columns text, task), --rewards (a table
    of answers) or --preferences (text, better, worse) write to --out what features take as
    task:FILE, --strategy as warm=FILE, and pilot as prior=FILE.
    """
    given = {"tasks": tasks, "rewards": rewards, "preferences": preferences}
    tables = {flag: table for flag, table in given.items() if table is not None}
    _check_one(logs, prior, list(tables), out)
    if prior:
        _fit_prior(logs, where, json)
        return
    if logs:
        _fit_scenario(logs[0], name, where, json)
        return
    ((flag, table),) = tables.items()
    assert out is not None
    _learn(flag, table, strategy, features, out)


def _check_one(logs: tuple[Path, ...], prior: bool, tables: list[str], out: Path | None) -> None:
    """Refuse anything but a log, or one table with a place for what it teaches."""
    from flaky_load_balancer.config import SettingsError

    if prior and (tables or not logs):
        raise SettingsError("--prior: expected the logs of one fleet or more, and nothing else")
    if len(logs) > 1 and not prior:
        raise SettingsError("flb fit: a scenario is fitted to one log; --prior takes several")
    if len(logs) + len(tables) != 1 and not prior:
        flags = ", ".join(f"--{flag} TABLE" for flag in LEARNT)
        raise SettingsError(f"flb fit: give one of LOG.csv, {flags}")
    if tables and out is None:
        raise SettingsError(f"--{tables[0]}: where should it go? Add --out FILE")


def _learn(flag: str, table: Path, strategy: str, features: str | None, out: Path) -> None:
    """Write what a table teaches."""
    from flaky_load_balancer.cli.selection import check_strategy
    from flaky_load_balancer.config import SettingsError
    from flaky_load_balancer.features import FeatureError
    from flaky_load_balancer.simulation.studies import learnt
    from flaky_load_balancer.terminal import stderr

    try:
        if flag == "tasks":
            data = learnt.written(learnt.tasks_of(table))
        elif flag == "preferences":
            parts = (features or "task,complexity,hash:16").split(",")
            data = learnt.written(learnt.prior_of(table, parts))
        else:
            check_strategy("--strategy", strategy)
            data = learnt.warm_of(strategy, table, (features or "task").split(",")).to_bytes()
    except FeatureError as error:
        raise SettingsError(f"--features: {error}") from None
    out.write_bytes(data)
    stderr.print(f"written: {out}", markup=False, soft_wrap=True)


def _fit_scenario(log: Path, name: str | None, where: Path | str, json: str | None) -> None:
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


def _fit_prior(logs: tuple[Path, ...], where: Path | str, json: str | None) -> None:
    from flaky_load_balancer.simulation.fitting.log import read
    from flaky_load_balancer.simulation.fitting.prior import Prior
    from flaky_load_balancer.terminal import Output, stderr

    found = []
    for log in logs:
        with _log(log, where) as file:
            found.append(read(file))
    prior, out = Prior.of(found), Output(json)
    print_to = out.console.print if out.to_stdout else click.echo
    for spec in prior.specs:
        print_to(spec)
    for line in (*prior.sentences, *(f"uncertain: {doubt}" for doubt in prior.doubts)):
        stderr.print(line, markup=False, soft_wrap=True, highlight=False)
    out.write(prior.result())


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
