"""``hundred``: is the best of five models found within about a hundred trials, and what is saved?

Claims of the pattern "adaptive model selection" that the project started from: UCB on five models
converges after about 100 trials, and saves 10 to 20 % against choosing uniformly.
"""

import numpy as np

from flaky_load_balancer.simulation.studies.parts import Players, games
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "Does UCB find the best of five models in a hundred trials, and what does it save?"
STRATEGY = "ucb1-utility"
TRIALS = (50, 100, 200, 500, 1000, 2500)
CLAIMED = 0.10, 0.20


def hundred(setting: Setting, players: Players) -> Report:
    """How often the best server is chosen around the n-th trial, and the cost for each success."""
    played = dict(players.traces(games(setting, (STRATEGY, "random"))))
    trace, uniform = played[STRATEGY], played["random"]
    best = setting.answers.utility.mean(axis=1).argmax(axis=1)
    right = trace.arm == best[:, None]
    rows: list[list[Cell]] = []
    for trial in (each for each in TRIALS if each <= setting.queries):
        share = right[:, max(0, trial - 50) : trial].mean(axis=1)
        saved = _saved(trace.cost, trace.reward, uniform.cost, uniform.reward, trial)
        rows.append([trial, together(share, len(TRIALS)), together(saved, len(TRIALS))])
    head = ["trials", "share of the best among the last 50", "cost saved for each success"]
    return Report(
        setting,
        "hundred",
        QUESTION,
        [Table(f"{STRATEGY} against uniform choice", head, rows)],
        finding(rows),
    )


def finding(rows: list[list[Cell]]) -> str:
    at = {row[0]: row for row in rows}
    row = at.get(100, rows[-1])
    share, saved = row[1], row[2]
    assert not isinstance(share, str | int | float | None)
    assert not isinstance(saved, str | int | float | None)
    converged = "holds" if share.low > 0.5 else "does not hold"
    inside = saved.low <= CLAIMED[1] and saved.high >= CLAIMED[0]
    return (
        f"After {row[0]} trials the best server has {100 * share.mean:.0f} % of the choices: that"
        f" it has converged {converged}; {100 * saved.mean:.0f} % ({100 * saved.low:.0f} to"
        f" {100 * saved.high:.0f}) of the cost of a success is saved, which"
        f" {'agrees' if inside else 'does not agree'} with 10 to 20 %."
    )


def _saved(
    cost: np.ndarray, reward: np.ndarray, other_cost: np.ndarray, other_reward: np.ndarray, n: int
) -> np.ndarray:
    """(runs,) how much less a point of reward costs in the first n queries."""
    mine = cost[:, :n].sum(axis=1) / np.maximum(reward[:, :n].sum(axis=1), 1e-9)
    theirs = other_cost[:, :n].sum(axis=1) / np.maximum(other_reward[:, :n].sum(axis=1), 1e-9)
    saved: np.ndarray = 1.0 - mine / np.maximum(theirs, 1e-12)
    return saved
