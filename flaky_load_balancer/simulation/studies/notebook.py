"""For notebooks: a strategy chooses, row by row, among answers that a data frame has."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from flaky_load_balancer.core.balancer import Balancer
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats, Ints, Outcome, Reward, Rules
from flaky_load_balancer.registry import load
from flaky_load_balancer.simulation.worlds.table import Answers, parse_answers

ONE = np.zeros(1, dtype=np.intp)
NOTHING = np.array([np.nan])


class Routed(NamedTuple):
    """``decisions`` has a row for each row of the frame, with its index; ``report`` says what the
    strategy earned a query, beside fixed choices and what knows the answers.
    """

    decisions: pd.DataFrame
    report: pd.DataFrame


def route(
    frame: pd.DataFrame,
    strategy: str | Strategy = "linucb",
    *,
    features: Sequence[str] = ("task",),
    usd: float = 0.0,
    seed: int = 0,
) -> Routed:
    """Let a strategy choose a model for each row, in order, learning from each answer.

    ``frame`` has columns q:<model> with the quality of each model's answer, from 0 to 1, and
    perhaps cost:<model> in dollars, task, and text.  ``features`` are what the strategy sees:
    "task" the column, others parts of ``flaky_load_balancer.features`` made of the text.  Utility =
    quality - usd x dollars.  Raises AnswersError for a frame that is no such table.
    """
    answers = parse_answers(frame.to_csv(index=False), "frame")
    x, tasks = answers.features(features)
    arms = len(answers.models)
    rules = Rules(arms, 1, 1, features=x.shape[1], tasks=tasks, rewards=True, usd=usd)
    chosen = load(strategy) if isinstance(strategy, str) else strategy
    balancer = Balancer(chosen, rules, np.random.default_rng(seed), slots=1)
    arm, probability = _played(balancer, answers, x)
    utility = answers.quality - usd * answers.cost
    return Routed(
        _decisions(frame.index, answers, arm, probability, utility), _report(answers, arm, utility)
    )


def _played(balancer: Balancer, answers: Answers, x: Floats) -> tuple[Ints, Floats]:
    """(Q,) each: the model chosen for every query, -1 for none, and how likely it was."""
    arm = np.full(len(answers), -1, dtype=np.intp)
    probability = np.full(len(answers), np.nan)
    for query in range(len(answers)):
        now, row = np.array([float(query)]), x[query : query + 1]
        balancer.arrive(ONE, ONE, now + 1.0, features=row)
        reserve = answers.cost.max(axis=0)[None, :]
        action = balancer.decide(ONE, ONE, now, reserve=reserve)
        arm[query] = server = action.arm.item()
        if action.probability is not None:
            probability[query] = action.probability.item()
        if server >= 0:
            cost = answers.cost[query : query + 1, server]
            outcome = np.array([int(Outcome.SUCCEEDED)])
            balancer.complete(ONE, ONE, outcome, now, NOTHING, cost=cost)
            value = answers.quality[query : query + 1, server]
            number = np.array([query + 1])
            balancer.reward(Reward(ONE, now, number, action.arm, value, NOTHING, row))
        balancer.leave(ONE, ONE)
    return np.maximum(arm, -1), probability


def _decisions(
    index: pd.Index, answers: Answers, arm: Ints, probability: Floats, utility: Floats
) -> pd.DataFrame:
    each, sent = np.arange(len(arm)), arm >= 0
    models = np.array([*answers.models, None], dtype=object)
    labels = np.array(answers.labels, dtype=object)

    def of(table: Floats) -> Floats:
        return np.where(sent, table[each, arm], 0.0)

    return pd.DataFrame(
        {
            "task": labels[answers.task],
            "model": models[arm],
            "probability": probability,
            "quality": of(answers.quality),
            "cost": of(answers.cost),
            "utility": of(utility),
        },
        index=index,
    )


def _report(answers: Answers, arm: Ints, utility: Floats) -> pd.DataFrame:
    """The strategy, then fixed choices and oracles, by utility a query."""
    each = np.arange(len(arm))
    by_task = [
        utility[answers.task == task].mean(axis=0).argmax() for task in range(len(answers.labels))
    ]
    choices = {
        "strategy": arm,
        "best single": np.full(len(arm), utility.mean(axis=0).argmax()),
        "task oracle": np.array(by_task)[answers.task],
        "row oracle": utility.argmax(axis=1),
    }
    rows = {
        name: [table[each, choice].mean() for table in (utility, answers.quality, answers.cost)]
        for name, choice in choices.items()
    }
    rows["random"] = [table.mean() for table in (utility, answers.quality, answers.cost)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["utility", "quality", "cost"])
