"""``flb study``: one question about choosing by context, on a built-in world or a table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.simulation.comparison.workers import Executor


@click.command(epilog="Example: flb study a5 --runs 20 --queries 2500 --out plots")
@click.argument("name", metavar="NAME", default="")
@click.option(
    "--data",
    type=options.PATH,
    default=None,
    metavar="FILE",
    help="A table of real answers: CSV with columns qid, task, text, q:<model>, cost:<model>.",
)
@click.option("--runs", type=click.IntRange(2, 1000), default=20, help="Orders of the queries.")
@click.option("--queries", type=click.IntRange(10, 1_000_000), default=2500, help="In each run.")
@click.option("--usd", type=options.Number(0), default=0.0, help="Points that a dollar costs.")
@options.seed
@options.executor
@click.option("--out", type=options.PATH, default=None, metavar="DIR", help="Plots go there.")
@options.json
def main(
    name: str,
    data: Path | None,
    runs: int,
    queries: int,
    usd: float,
    seed: int,
    executor: "Executor",
    out: Path | None,
    json: str | None,
) -> None:
    """Answer one question about choosing by context, on a world or a table.

    Without NAME the questions are listed.
    """
    from flaky_load_balancer.config import SettingsError
    from flaky_load_balancer.simulation.studies import STUDIES, show
    from flaky_load_balancer.terminal import Output, interruptible

    output = Output(json)
    if not name:
        show.listed(output)
        return
    if name not in STUDIES:
        raise SettingsError(f"flb study {name}: there are {', '.join(STUDIES)}")
    with interruptible():
        setting = show.setting(name, data, runs=runs, queries=queries, usd=usd, seed=seed)
        show.play(name, setting, output, out, executor)
