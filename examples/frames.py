"""What pandas makes of a comparison: ``python examples/frames.py``.

``summary`` has a row for each strategy and scenario, ``replications`` one for each fleet as well:
strategies met the same fleet in the same ``replication``, so differences are taken fleet by fleet.
"""

from flaky_load_balancer import compare

summary, replications = compare(["v4", "v6", "outlier"], ["T2", "outage"], replications=200)

regret = summary.pivot_table(index="strategy", columns="scenario", values="regret")
print("Regret, points per 100 requests\n", regret.round(2), "\n")

scores = replications.pivot_table(
    index=["scenario", "replication"], columns="strategy", values="score"
)
ahead = (scores["v6"] - scores["v4"]).groupby("scenario")
print("How far v6 is ahead of v4, fleet by fleet\n", ahead.describe().round(2), "\n")

first = scores.eq(scores.max(axis=1), axis=0)  # several may be
won = first.div(first.sum(axis=1), axis=0).groupby("scenario").mean()
print("How often a single run would have called each the best\n", won.round(2))
