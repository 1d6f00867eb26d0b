"""``a8``: a server is added, removed, becomes worse or dearer: how many queries until recovery."""

from dataclasses import replace
from math import inf

import numpy as np

from flaky_load_balancer.simulation.scenarios.model import Scenario, Stretch
from flaky_load_balancer.simulation.studies.parts import Game, Players, course, reached
from flaky_load_balancer.simulation.studies.play import RATE, Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "How long does it take to find one's way when the servers change?"
STRATEGIES = ("linucb", "linucb:decay=0.99", "lints", "lints:decay=0.99", "eps-greedy")
RECOVERED = 0.95  # of the way from chance to the level of the task oracle after the change


def adaptability(setting: Setting, players: Players) -> Report:
    """The change comes after 2 of 5 parts of the queries, at 1,000 of 2,500."""
    at = max(1, 2 * setting.queries // 5)
    best = setting.answers.fixed()["best single"]
    rows: list[list[Cell]] = []
    plots = []
    price = 0.2 / max(float(setting.answers.cost[:, :, best].mean()), 1e-12)
    settings = {
        kind: setting.but(
            scenario=_with(setting.scenario, fault), usd=price if kind == "dearer" else setting.usd
        )
        for kind, fault in changes(best, at / RATE).items()
    }
    every = players.utilities(
        {
            f"{kind} {name}": Game(changed, name)
            for kind, changed in settings.items()
            for name in STRATEGIES
        }
    )
    for kind, changed in settings.items():
        played = {name: every[f"{kind} {name}"] for name in STRATEGIES}
        oracle = changed.answers
        after = slice(at, None)
        level = float(_reachable(oracle.utility[:, after], oracle.task[:, after]).mean())
        chance = float(oracle.utility[:, after].mean())
        for name in STRATEGIES:
            lost = level - played[name][:, after].mean(axis=1)
            queries = reached(played[name][:, after], chance + RECOVERED * (level - chance))
            rows.append([kind, name, together(lost, len(STRATEGIES)), queries])
        title = f"The best server {_said(kind)} at query {at}"
        plots.append(course(f"a8-{kind}", title, "utility", played, (float(at),)))
    head = ["change", "strategy", "behind task oracle after it", "queries to recovery"]
    return Report(
        setting,
        "a8",
        QUESTION,
        [Table(f"recovery from a change at query {at}", head, rows)],
        finding(rows),
        plots,
    )


def changes(server: int, at: float) -> dict[str, Stretch]:
    """What happens to the best server, by kind."""
    end = inf
    return {
        "worse": Stretch((server,), at, end, "quality", factor=0.3),
        "dearer": Stretch((server,), at, end, "price", factor=5.0),
        "removed": Stretch((server,), at, end, "removed"),
        "added": Stretch((server,), at, end, "added"),
    }


def finding(rows: list[list[Cell]]) -> str:
    """Who loses least over all changes."""
    lost = {
        name: np.mean([row[2].mean for row in rows if row[1] == name])  # type: ignore[union-attr]
        for name in STRATEGIES
    }
    best = min(lost, key=lambda name: float(lost[name]))
    return f"Over the four changes {best} loses least, {lost[best]:.3f} a query after the change."


def _reachable(utility: np.ndarray, task: np.ndarray) -> np.ndarray:
    """(runs, queries) the utility of the best server for each task."""
    best = [utility[task == each].mean(axis=0).argmax() for each in range(int(task.max()) + 1)]
    chosen: np.ndarray = np.take_along_axis(utility, np.array(best)[task][:, :, None], 2)[:, :, 0]
    return chosen


def _said(kind: str) -> str:
    return {"worse": "becomes worse", "dearer": "becomes dearer"}.get(kind, f"is {kind}")


def _with(scenario: Scenario, fault: Stretch) -> Scenario:
    return replace(scenario, faults=(*scenario.faults, fault))
