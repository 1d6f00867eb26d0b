"""``a5``: all strategies against each other and against fixed choices.

Claims of the routing studies that the project started from: contextual strategies beat those
without context, and LinUCB balances best.
"""

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.comparison.intervals import ranked
from flaky_load_balancer.simulation.studies.parts import Players, course, games, references
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

CONTEXTUAL = ("linucb", "lints", "lin-eps-greedy", "per-task", "pilot", "mixllm")
WITHOUT = ("eps-greedy", "thompson-gauss", "ucb1-utility", "random")
QUESTION = "Which strategy chooses best, and does it take the context of a request?"


def bakeoff(setting: Setting, players: Players) -> Report:
    """Every strategy on the same queries."""
    played = players.utilities(games(setting, (*CONTEXTUAL, *WITHOUT)))
    known = references(setting)
    means = {name: table.mean(axis=1) for name, table in played.items()}
    standings = ranked(means)
    looks = len(standings)
    oracle = known["task oracle"].mean(axis=1)
    single = known["always best single"].mean(axis=1)
    half = setting.queries // 2
    shown = [each.name for each in standings if each.name in played][:8]
    lost = {name: (known["task oracle"] - played[name]).cumsum(axis=1) for name in shown}
    rows: list[list[Cell]] = [
        [
            each.name,
            each.group,
            together(means[each.name], looks),
            together(played[each.name][:, half:].mean(axis=1), looks),
            together(oracle - means[each.name], looks),
            together(means[each.name] - single, looks),
        ]
        for each in standings
    ]
    rows += [
        [name, None, together(table.mean(axis=1), looks), None, None, None]
        for name, table in known.items()
    ]
    head = ["strategy", "group", "utility", "last half", "behind task oracle", "over best single"]
    return Report(
        setting,
        "a5",
        QUESTION,
        [
            Table(
                "mean utility of a query; groups cannot be told apart from their first", head, rows
            )
        ],
        finding(means, oracle - single),
        [course("a5-course", "Utility lost to the task oracle", "utility, summed", lost)],
    )


def finding(means: dict[str, Floats], headroom: Floats) -> str:
    """Whether context helps, by the best of both kinds, run by run."""
    best, other = (
        max(names, key=lambda name: float(means[name].mean())) for names in (CONTEXTUAL, WITHOUT)
    )
    looks = len(CONTEXTUAL) * len(WITHOUT)
    gain, room = together(means[best] - means[other], looks), together(headroom, 1)
    said = f"{best} {gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) against {other}"
    possible = f"knowing the task is worth {room.mean:.3f} over the best single server"
    if np.isnan(gain.low) or gain.low <= 0 <= gain.high:
        return f"Whether context helps cannot be told: {said}; {possible}."
    return (
        f"Context {'helps' if gain.low > 0 else 'costs more than it brings'}: {said}; {possible}."
    )
