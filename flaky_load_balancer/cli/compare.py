"""``flb compare``: the comparison in virtual time."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.config import Game
    from flaky_load_balancer.simulation.comparison.workers import Executor
    from flaky_load_balancer.simulation.engine.replicas import Sharing


@click.command(epilog="Example: flb compare --strategy v4 --strategy v6 --requests 1000 --json -")
@options.strategies
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="NAME:param=LOW..HIGH:[log]N",
    help="Repeatable; a strategy with N values of a parameter, or with these: v6:cooldown=0.5|1|2."
    " Without --strategy, only what is swept is compared.",
)
@options.scenarios
@options.requests
@click.option(
    "--replications",
    type=click.IntRange(1, 1_000_000),
    default=1000,
    help="Fleets that each strategy plays.",
)
@options.executor
@options.rate
@options.seed
@options.game
@click.option(
    "--feedback-delay",
    type=options.Number(0.0),
    default=0.0,
    help="Seconds until a strategy learns how an attempt ended.",
)
@click.option(
    "--feedback-batch",
    type=click.IntRange(1),
    default=1,
    help="Attempts whose ends it learns at once.",
)
@options.sharing
@click.option("--save", is_flag=True, help="Record it as a session.")
@options.recorded
@options.json
@click.pass_context
def main(
    ctx: click.Context,
    strategies: tuple[str, ...],
    sweeps: tuple[str, ...],
    scenarios: tuple[str, ...],
    requests: int,
    replications: int,
    executor: "Executor",
    rate: float,
    seed: int,
    game: "Game",
    feedback_delay: float,
    feedback_batch: int,
    sharing: "Sharing",
    save: bool,
    where: Path | str,
    json: str | None,
) -> None:
    """Compare strategies in virtual time: thousands of replications, intervals."""
    from flaky_load_balancer import registry
    from flaky_load_balancer.cli import selection
    from flaky_load_balancer.simulation.comparison.comparison import Plan
    from flaky_load_balancer.simulation.comparison.verdict import play
    from flaky_load_balancer.terminal import Output, interruptible

    chosen = [found for _, found in selection.scenarios(scenarios)]
    contexts = any(scenario.contexts is not None for scenario in chosen)
    if sweeps and ctx.get_parameter_source("strategies") is ParameterSource.DEFAULT:
        strategies = ()
    named = selection.strategies(strategies, oracle=True, contexts=contexts)
    specs = dict.fromkeys([*named, *selection.sweeps(sweeps)])
    plan = Plan(
        strategies={spec: registry.parse(spec) for spec in specs},
        scenarios=chosen,
        requests=requests,
        replications=replications,
        rate=rate,
        seed=seed,
        game=game,
        feedback_delay=feedback_delay,
        feedback_batch=feedback_batch,
        sharing=sharing,
    )
    with interruptible():
        play(plan, Output(json), executor=executor, where=where if save else None)
