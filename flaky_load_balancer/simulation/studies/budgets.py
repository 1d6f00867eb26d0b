"""``budget``: quality against spending, under ceilings that must hold.

Beside it stand the published rows of ParetoBandit (arXiv 2604.00136, its table of budgets):
ceilings in dollars a query, mean quality, and spending as a share of the ceiling.
"""

from flaky_load_balancer.simulation.studies.parts import Players, games
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "How much quality does a budget buy, and is it kept?"
PUBLISHED = {2.3e-4: (0.859, 1.00), 6.6e-4: (0.898, 0.98), 1.9e-3: (0.917, 0.91)}
SHARES = (0.05, 0.15, 0.5)  # of the mean cost of the dearest server, where no ceilings are given


def budgets(setting: Setting, players: Players) -> Report:
    """Strategies with ceilings for the whole run, and a pacer that aims at them."""
    dearest = float(setting.answers.cost.mean(axis=(0, 1)).max())
    comparable = setting.scenario.name.startswith(("paretobandit", "llm-costs"))
    ceilings = tuple(PUBLISHED) if comparable else tuple(share * dearest for share in SHARES)
    specs = {ceiling: _specs(ceiling, setting.queries) for ceiling in ceilings}
    every = (spec for each in specs.values() for spec in each)
    played = dict(players.traces(games(setting, every)))
    rows: list[list[Cell]] = []
    broken = 0
    for ceiling, each in specs.items():
        for spec in each:
            trace = played[spec]
            spent = trace.cost.sum(axis=1) / (ceiling * setting.queries)
            broken += int((spent > 1 + 1e-9).sum())
            rows.append(
                [
                    f"{ceiling:.3g}",
                    spec.partition(":")[0],
                    together(trace.reward.mean(axis=1), 4),
                    together(spent, 4),
                    float(spent.max()),
                ]
            )
        if ceiling in PUBLISHED:
            quality, share = PUBLISHED[ceiling]
            rows.append([f"{ceiling:.3g}", "ParetoBandit, published", quality, share, None])
    head = ["usd a query", "strategy", "quality", "spent / ceiling", "most of any run"]
    found = (
        "No run spent more than its ceiling."
        if not broken
        else f"{broken} runs spent more than their ceiling."
    )
    return Report(
        setting,
        "budget",
        QUESTION,
        [Table("quality under a ceiling", head, rows)],
        found,
    )


def _specs(ceiling: float, queries: int) -> list[str]:
    """Strategies that spend at most ``ceiling`` dollars a query."""
    options = f"budget={ceiling * queries:.9g},queries={queries}"
    pacer = f"pacer:target={ceiling:.9g},{options}"
    return [*(f"{name}:{options}" for name in ("linucb", "pilot", "mixllm")), pacer]
