"""``flb tune``: parameters of a strategy, by Optuna."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.config import Game
    from flaky_load_balancer.simulation.comparison.workers import Executor


@click.command(
    epilog="Example: flb tune v6 --scenario T2-tight --range cooldown=0.05..5:log --trials 30"
)
@click.argument("strategy", metavar="STRATEGY")
@options.scenarios
@click.option(
    "--range",
    "asked",
    multiple=True,
    metavar="NAME=LOW..HIGH[:log]|A|B",
    help="Repeatable; without it every number within a fifth and five times its default.",
)
@click.option("--trials", type=click.IntRange(1, 100_000), default=30, help="In all.")
@click.option(
    "--sampler",
    type=click.Choice(["tpe", "gp", "random"]),
    default="tpe",
    help="Parzen estimators, a Gaussian process (needs PyTorch), or chance.",
)
@click.option(
    "--pruner",
    type=click.Choice(["hyperband", "halving", "none"]),
    default="hyperband",
    help="What stops trials that lag behind after a ninth or a third of their fleets.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 1000),
    default=1,
    help="Trials that are played at the same time; each is drawn as if the others were not.",
)
@click.option(
    "--storage",
    default=None,
    metavar="FILE|URL",
    help="Trials are kept there, and gone on with: an SQLite file, or postgresql://...",
)
@options.requests
@click.option(
    "--replications", type=click.IntRange(4, 1_000_000), default=90, help="Fleets of a trial."
)
@options.rate
@options.seed
@options.game
@options.executor
@click.option("--out", type=options.PATH, default=None, metavar="DIR", help="Plots go there.")
@options.json
def main(
    strategy: str,
    scenarios: tuple[str, ...],
    asked: tuple[str, ...],
    trials: int,
    sampler: str,
    pruner: str,
    batch: int,
    storage: str | None,
    requests: int,
    replications: int,
    rate: float,
    seed: int,
    game: "Game",
    executor: "Executor",
    out: Path | None,
    json: str | None,
) -> None:
    """Tune parameters of a strategy on scenarios, against random search at equal cost.

    Trials play the fleets of --seed; what is found is judged on those of the next seed.
    """
    from flaky_load_balancer import registry
    from flaky_load_balancer.cli import selection
    from flaky_load_balancer.simulation.comparison.comparison import Plan
    from flaky_load_balancer.simulation.comparison.workers import working
    from flaky_load_balancer.simulation.tuning import show
    from flaky_load_balancer.simulation.tuning.ranges import ranges
    from flaky_load_balancer.simulation.tuning.search import Search
    from flaky_load_balancer.terminal import Output, interruptible

    selection.check_strategy("STRATEGY", strategy)
    name, made = registry.canonical(strategy), registry.parse(strategy)
    plan = Plan(
        strategies={name: made},
        scenarios=[found for _, found in selection.scenarios(scenarios)],
        requests=requests,
        replications=replications,
        rate=rate,
        seed=seed,
        game=game,
    )
    if executor.jobs is None:
        executor = executor.within(batch * len(plan.scenarios))
    with interruptible(), working(executor) as mapped:
        search = Search(made, ranges(made, asked), plan, sampler, pruner, batch, mapped)
        show.play(search, name, trials, storage, Output(json), out)
