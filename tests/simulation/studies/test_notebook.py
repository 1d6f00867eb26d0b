import numpy as np
import pandas as pd
import pytest

from flaky_load_balancer import route
from flaky_load_balancer.registry import UnknownStrategyError
from flaky_load_balancer.simulation.worlds.table import AnswersError
from strategies.linucb import LinUCB


def frame(rows: int = 300) -> pd.DataFrame:
    """Two tasks that take turns; ``large`` is good at both, ``small`` at one, for a hundredth."""
    task = np.array(["code", "chat"])[np.arange(rows) % 2]
    small = np.where(task == "chat", 0.8, 0.2)
    return pd.DataFrame(
        {"task": task, "q:large": 0.9, "q:small": small, "cost:large": 0.01, "cost:small": 0.0001},
        index=np.arange(1000, 1000 + rows),
    )


def test_decisions_are_rows_of_the_frame_and_add_up() -> None:
    routed = route(frame(), usd=20.0)
    decisions, report = routed
    assert decisions.index.tolist() == frame().index.tolist()
    assert decisions["utility"].mean() == pytest.approx(report.loc["strategy", "utility"])
    last = decisions.tail(100)
    assert (last["model"] == np.where(last["task"] == "chat", "small", "large")).all()
    assert report.loc["task oracle", "utility"] == pytest.approx((0.7 + 0.798) / 2)
    assert report.loc["best single", "utility"] == pytest.approx(0.7)
    assert (decisions["probability"] == 1).all()


def test_an_object_of_ones_own_and_features_of_the_text() -> None:
    table = frame().assign(
        text=lambda f: np.where(f["task"] == "chat", "hello there", "def f(): x")
    )
    decisions = route(table, LinUCB(alpha=0.5), features=["hash:8"], usd=20.0).decisions
    right = decisions.tail(50)["model"] == np.where(np.arange(50) % 2, "small", "large")
    assert right.mean() > 0.9


def test_a_budget_ends_in_rows_without_a_model() -> None:
    table = frame(100).assign(**{"cost:small": 0.002})
    decisions = route(table, "linucb:budget=0.05,queries=50,bins=1").decisions
    assert decisions["cost"].sum() <= 0.05
    assert decisions["model"].isna().any()
    assert (decisions.loc[decisions["model"].isna(), "quality"] == 0).all()


def test_what_is_no_table_of_answers_is_refused() -> None:
    with pytest.raises(AnswersError, match="frame: no column q:<model>"):
        route(pd.DataFrame({"task": ["a"]}))
    with pytest.raises(AnswersError, match="row 2, q:a"):
        route(pd.DataFrame({"q:a": [2.0]}))
    with pytest.raises(UnknownStrategyError):
        route(frame(), "nothing")
