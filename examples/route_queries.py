"""Choose a model for each query of a data frame, and see what that is worth.

    python examples/route_queries.py

The frame is made up here; yours comes from ``pandas.read_csv`` and has the same columns.
"""

import numpy as np
import pandas as pd

from flaky_load_balancer import route

rng = np.random.default_rng(7)
tasks = rng.choice(["code", "chat"], size=1000)
good = {"code": {"large": 0.9, "small": 0.4}, "chat": {"large": 0.8, "small": 0.8}}
frame = pd.DataFrame({"task": tasks})
for model, dollars in {"large": 0.01, "small": 0.0005}.items():
    frame[f"q:{model}"] = [float(rng.random() < good[task][model]) for task in tasks]
    frame[f"cost:{model}"] = dollars

for strategy in ("random", "thompson-gauss", "linucb"):
    routed = route(frame, strategy, usd=20.0)
    earned = routed.report.loc["strategy"]
    print(f"{strategy:15} utility {earned.utility:.3f}  quality {earned.quality:.3f}", end="  ")
    print(f"${1000 * earned.cost:.2f} for 1,000 queries")

print(routed.report.round(4))
last = routed.decisions.tail(500)
print(last.groupby(["task", "model"]).size().unstack(fill_value=0))
