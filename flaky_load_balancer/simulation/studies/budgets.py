"""``budget``: quality against spending, under ceilings that must hold.

Beside it stand the published rows of ParetoBandit (arXiv 2604.00136, its table of budgets):
ceilings in dollars a query, mean quality, and spending as a share of the ceiling.
"""

from flaky_load_balancer.simulation.studies.parts import Progress
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "How much quality does a budget buy, and is it kept?"
PUBLISHED = {2.3e-4: (0.859, 1.00), 6.6e-4: (0.898, 0.98), 1.9e-3: (0.917, 0.91)}
SHARES = (0.05, 0.15, 0.5)  # of the mean cost of the dearest server, where no ceilings are given


def budgets(setting: Setting, progress: Progress) -> Report:
    """Strategies with ceilings for the whole run, and a pacer that aims at them."""
    dearest = float(setting.answers.cost.mean(axis=(0, 1)).max())
    comparable = setting.scenario.name.startswith(("paretobandit", "llm-costs"))
    ceilings = tuple(PUBLISHED) if comparable else tuple(share * dearest for share in SHARES)
    rows: list[list[Cell]] = []
    broken = 0
    for ceiling in ceilings:
        whole = ceiling * setting.queries
        options = f"budget={whole:.9g},queries={setting.queries}"
        for spec in (
            f"linucb:{options}",
            f"pilot:{options}",
            f"mixllm:{options}",
            f"pacer:target={ceiling:.9g},{options}",
        ):
            name = spec.partition(":")[0]
            progress(f"${ceiling:.2g} a query, {name}")
            trace = setting.play(spec)
            spent = trace.cost.sum(axis=1) / whole
            broken += int((spent > 1 + 1e-9).sum())
            rows.append(
                [
                    f"{ceiling:.3g}",
                    name,
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
