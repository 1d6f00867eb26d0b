"""``a2``: how much is lost while strategies learn, and how long that takes."""

from flaky_load_balancer.simulation.studies.parts import (
    Players,
    course,
    games,
    reached,
    references,
)
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

STRATEGIES = ("eps-greedy", "lin-eps-greedy", "linucb", "lints", "thompson-gauss", "random")
QUESTION = "How many queries does it take to learn, and what do they cost?"
ENOUGH = 0.95  # of the final level, counted from what chance brings


def warmup(setting: Setting, players: Players) -> Report:
    """The first 100 and 500 queries, and when 95 % of the final level is reached."""
    played = players.utilities(games(setting, STRATEGIES))
    oracle = references(setting)["task oracle"]
    chance = float(played["random"].mean())
    rows: list[list[Cell]] = []
    after: dict[str, int] = {}
    for name, table in played.items():
        final = float(table[:, -max(1, setting.queries // 5) :].mean())
        level = chance + ENOUGH * (final - chance)
        early = [
            together((oracle - table)[:, :first].sum(axis=1), len(played))
            for first in (min(100, setting.queries), min(500, setting.queries))
        ]
        enough = reached(table, level) if final > chance else None
        after |= {} if enough is None else {name: enough}
        rows.append([name, *early, final, enough])
    head = ["strategy", "regret of 100", "regret of 500", "final utility", "queries to 95 %"]
    quickest = min(after, key=lambda name: after[name], default=None)
    found = (
        "No strategy reached 95 % of its final level for good."
        if quickest is None
        else f"{quickest} is first at 95 % of its own final level, after {after[quickest]} queries."
    )
    return Report(
        setting,
        "a2",
        QUESTION,
        [Table("regret against the task oracle, summed over the first queries", head, rows)],
        found,
        [course("a2-course", "Learning", "utility", played)],
    )
