"""``a6``: quality against cost, as the price of a dollar in the utility grows."""

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.studies.parts import Game, Players
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Lines, Report, Table, together

QUESTION = "What does quality cost, and what does saving cost in quality?"
STRATEGIES = ("linucb", "lints", "thompson-gauss")
STEPS = 11  # lambda 0, 0.1, ..., 1


def sweep(setting: Setting, players: Players) -> Report:
    """utility = (1 - lambda) quality - lambda cost / (mean cost of the dearest server)."""
    answers = setting.answers
    dearest = float(answers.cost.mean(axis=(0, 1)).max())
    if dearest <= 0:
        return _nothing(setting)
    rows: list[list[Cell]] = []
    fronts: dict[str, list[tuple[Floats, Floats]]] = {name: [] for name in STRATEGIES}
    played = {
        f"{share:.1f} {name}": Game(
            setting.but(usd=float(share / max(1.0 - share, 1e-3) / dearest)), name
        )
        for share in np.linspace(0.0, 1.0, STEPS)
        for name in STRATEGIES
    }
    looks = len(played)
    for label, trace in players.traces(played):
        share, name = label.split()
        quality, cost = trace.reward.mean(axis=1), trace.cost.mean(axis=1)
        fronts[name].append((quality, cost))
        rows.append([share, name, together(quality, looks), together(cost, looks)])
    table = Table("quality and dollars of a query", ["lambda", "strategy", "quality", "usd"], rows)
    return Report(
        setting,
        "a6",
        QUESTION,
        [table],
        finding(fronts),
        [_front(fronts)],
    )


def finding(fronts: dict[str, list[tuple[Floats, Floats]]]) -> str:
    """How much of the cost can be saved for one hundredth of quality."""
    front = fronts[STRATEGIES[0]]
    most, dear = front[0][0].mean(), front[0][1].mean()
    kept = [(c.mean(), q.mean()) for q, c in front if q.mean() >= most - 0.01]
    cheapest = min(kept)
    return (
        f"{STRATEGIES[0]} saves {100 * (1 - cheapest[0] / dear):.0f} % of the cost"
        f" (${dear:.2g} to ${cheapest[0]:.2g} a query) for {most - cheapest[1]:.3f} of quality."
    )


def _front(fronts: dict[str, list[tuple[Floats, Floats]]]) -> Lines:
    x, y = {}, {}
    for name, points in fronts.items():
        x[name] = np.array([cost.mean() for _, cost in points])
        estimates = [together(quality, len(points)) for quality, _ in points]
        means, lows, highs = (np.array(each) for each in zip(*estimates, strict=True))
        y[name] = means, lows, highs
    return Lines("a6-front", "Quality against cost", "dollars a query", "quality", x, y, (), True)


def _nothing(setting: Setting) -> Report:
    return Report(
        setting,
        "a6",
        QUESTION,
        [],
        "The answers of this world cost nothing: there is nothing to weigh.",
    )
