"""``flb replay``: what other strategies would have earned, from a log of decisions."""

from pathlib import Path

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb replay decisions.csv --strategy linucb --strategy v4")
@click.argument("log", metavar="LOG.csv", type=options.PATH)
@options.strategies
@options.seed
@options.json
def main(log: Path, strategies: list[str], seed: int, json: str | None) -> None:
    """What other strategies would have earned, from a log of decisions.

    LOG.csv has a line for each decision: server, probability (with which it was chosen), reward
    (0 to 1) or outcome, and perhaps cost and features (a JSON list).
    """
    from flaky_load_balancer.cli import selection
    from flaky_load_balancer.simulation.studies import show
    from flaky_load_balancer.simulation.studies.replay import read_decisions
    from flaky_load_balancer.terminal import Output, interruptible

    out = Output(json)
    specs = selection.strategies(strategies, contexts=True)
    decisions = read_decisions(log)
    with interruptible():
        show.replayed(log.name, specs, decisions, out, seed)
