"""``a3``: which features are worth having.

Claim of the routing studies that the project started from: task and complexity tell most.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.studies.parts import Game, Players
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "Which features of a query are worth having?"
OF_A_TABLE = ("task", "cluster:8", "complexity")
STRATEGY = "linucb"


def ablation(setting: Setting, players: Players) -> Report:
    """LinUCB with no features, each alone, each pair, and all."""
    played = {
        name: Game(setting.but(scenario=scenario), STRATEGY)
        for name, scenario in variants(setting.scenario).items()
    }
    means = {name: table.mean(axis=1) for name, table in players.utilities(played).items()}
    none, looks = means["none"], len(means)
    order = sorted(means, key=lambda name: -float(means[name].mean()))
    rows: list[list[Cell]] = [
        [name, together(means[name], looks), together(means[name] - none, looks)] for name in order
    ]
    return Report(
        setting,
        "a3",
        QUESTION,
        [
            Table(
                f"utility of {STRATEGY} by what it sees", ["features", "utility", "over none"], rows
            )
        ],
        finding(means, looks),
    )


def variants(scenario: Scenario) -> dict[str, Scenario]:
    """The same world with other features, by their names."""
    assert scenario.contexts is not None
    contexts, recorded = scenario.contexts, scenario.contexts.recorded
    if recorded is None:
        tasks = contexts.tasks
        assert tasks is not None
        exact = replace(tasks, d=len(tasks.labels), noise=0.0)
        blurred = replace(tasks, d=len(tasks.labels), noise=1.0)
        useless = replace(tasks, d=len(tasks.labels) + 8, noise=0.0)
        seen = {"task": exact, "task through noise": blurred, "task and noise": useless}
        made = {name: replace(contexts, tasks=each) for name, each in seen.items()}
        blind = replace(contexts, tasks=replace(tasks, d=len(tasks.labels), noise=1e6))
        made = {"none": blind} | made
    else:
        parts = [
            subset
            for size in range(len(OF_A_TABLE) + 1)
            for subset in combinations(OF_A_TABLE, size)
        ]
        made = {
            " + ".join(subset) or "none": replace(
                contexts, recorded=replace(recorded, features=subset)
            )
            for subset in parts
        }
    return {name: replace(scenario, contexts=each) for name, each in made.items()}


def finding(means: dict[str, Floats], looks: int) -> str:
    best = max(means, key=lambda name: float(means[name].mean()))
    gain = together(means[best] - means["none"], looks)
    if best == "none" or np.isnan(gain.low) or gain.low <= 0:
        return "No features are better than none for sure."
    return f"{best} brings most: {gain.mean:.3f} ({gain.low:.3f} to {gain.high:.3f}) over none."
