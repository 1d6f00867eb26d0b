"""``steps``: several attempts at a query until one succeeds: greedy, or with a budget for it."""

from flaky_load_balancer.simulation.studies.parts import Players, games
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "Is it better to be greedy at every step, or to plan what a query may cost?"
STEPS = 4


def steps(setting: Setting, players: Players) -> Report:
    """Each attempt succeeds as often as its answer is good; four at most."""
    game = setting.but(attempts=STEPS, until_good=True)
    dearest = float(setting.answers.cost.mean(axis=(0, 1)).max())
    most = max(dearest, 1e-6)
    specs = (
        "greedy-linucb",
        f"budget-linucb:per_request={most:.9g}",
        f"knapsack-linucb:per_request={most:.9g}",
        "linucb",
        "random",
    )
    rows: list[list[Cell]] = []
    for spec, trace in players.traces(games(game, specs)):
        rows.append(
            [
                spec.partition(":")[0],
                together((trace.arm >= 0).mean(axis=1), len(specs)),
                together(trace.attempts.mean(axis=1), len(specs)),
                together(trace.cost.mean(axis=1), len(specs)),
            ]
        )
    best = max(rows, key=lambda row: row[1].mean)  # type: ignore[union-attr]
    cheap = min(rows, key=lambda row: row[3].mean)  # type: ignore[union-attr]
    head = ["strategy", "answered", "attempts", "usd"]
    return Report(
        setting,
        "steps",
        QUESTION,
        [Table(f"at most {STEPS} attempts at a query", head, rows)],
        f"{best[0]} answers most; {cheap[0]} is the cheapest.",
    )
