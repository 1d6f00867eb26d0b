"""``flb replay``: what other strategies would have earned, from a log of decisions.

A strategy goes through the log decision by decision.  It is asked what it would have done, and then
told what was done and what came of it: its value at each decision is that of what it knows by then.
Where it says how likely its choices are, that counts; else it is asked in ``DRAWS`` copies at once.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Context, Feedback, Floats, Ints, Outcome, Reward, Rules
from flaky_load_balancer.simulation.studies.offpolicy import Estimates, evaluate

DRAWS = 200
OUTCOMES = {outcome.label: int(outcome) for outcome in Outcome}
SETTLED = int(Outcome.SUCCEEDED), int(Outcome.FAILED)


class ReplayError(UserError, ValueError):
    """A log cannot be replayed; the message names the file or run, and the fix."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """n logged decisions about K servers: ``arm``, its ``probability`` then (NaN unknown), the
    ``reward`` in [0, 1] and the ``cost`` in dollars that came of it (n,); ``features`` (n, d).
    """

    servers: Sequence[str]
    arm: Ints
    probability: Floats
    reward: Floats
    cost: Floats
    features: Floats | None

    def __len__(self) -> int:
        return len(self.arm)


def would_earn(strategy: Strategy, decisions: Decisions, seed: int = 0) -> Estimates:
    """What a strategy would have earned for each decision."""
    target = _choices(strategy, decisions, np.random.default_rng(seed))
    return evaluate(
        decisions.arm, decisions.probability, decisions.reward, target, decisions.features
    )


def _choices(strategy: Strategy, decisions: Decisions, rng: np.random.Generator) -> Floats:
    """(n, K) how likely it would have chosen each server, at each decision."""
    d = 0 if decisions.features is None else decisions.features.shape[1]
    rules = Rules(len(decisions.servers), 1, 1, features=d, rewards=True)
    strategy.reset(rules, DRAWS, rng)
    rows = np.arange(DRAWS)
    target = np.zeros((len(decisions), rules.arms))
    for place in range(len(decisions)):
        x = None if decisions.features is None else np.tile(decisions.features[place], (DRAWS, 1))
        target[place] = _asked(strategy, rules, rows, place, x)
        _told(strategy, decisions, rows, place, x)
    return target


def _asked(strategy: Strategy, rules: Rules, rows: Ints, place: int, x: Floats | None) -> Floats:
    """(K,) the share of the copies that choose each server."""
    now, one = np.full(DRAWS, float(place)), np.ones(DRAWS, dtype=np.intp)
    tried = np.zeros((DRAWS, rules.arms), dtype=bool)
    action = strategy.select(
        Context.of(
            rows, now, one, tried, now + 10.0, request=one * (place + 1), left=one, features=x
        )
    )
    sent = action.arm[action.arm >= 0]
    share: Floats = np.bincount(sent, minlength=rules.arms) / DRAWS
    return share


def _told(
    strategy: Strategy, decisions: Decisions, rows: Ints, place: int, x: Floats | None
) -> None:
    """What was done, and what came of it."""
    now, arm = np.full(DRAWS, place + 0.5), np.full(DRAWS, decisions.arm[place])
    request, unknown = np.full(DRAWS, place + 1), np.full(DRAWS, np.nan)
    value = np.full(DRAWS, decisions.reward[place])
    strategy.observe(
        Feedback.of(
            rows,
            now,
            arm,
            np.zeros(DRAWS, dtype=np.intp),
            np.full(DRAWS, 0.5),
            unknown,
            request=request,
            cost=np.full(DRAWS, decisions.cost[place]),
            features=x,
        )
    )
    strategy.reward(Reward(rows, now, request, arm, value, unknown, x))


def read_decisions(path: Path) -> Decisions:
    """From a CSV file with server, probability, and reward or outcome; cost, features (JSON)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReplayError(f"{path}: cannot be read: {error}") from None
    head = rows[0].keys() if rows else ()
    for needed in ("server", "probability"):
        if needed not in head:
            raise ReplayError(f"{path}: there is no column {needed}, which each decision needs")
    if "reward" not in head and "outcome" not in head:
        raise ReplayError(f"{path}: there is neither a column reward nor outcome")
    kept = [row for row in rows if _value(path, row) is not None]
    servers = sorted({str(row["server"]) for row in kept})
    features = [json.loads(row["features"]) for row in kept if row.get("features")]
    return Decisions(
        servers,
        np.array([servers.index(str(row["server"])) for row in kept], dtype=np.intp),
        np.array([_number(path, row, "probability", np.nan) for row in kept]),
        np.array([_value(path, row) for row in kept], dtype=float),
        np.array([_number(path, row, "cost", 0.0) for row in kept]),
        np.array(features, dtype=float) if features and len(features) == len(kept) else None,
    )


def _value(path: Path, row: dict[str, str]) -> float | None:
    """The reward of a decision; None for one that says nothing of its server's quality."""
    if row.get("reward"):
        return _number(path, row, "reward", 0.0)
    outcome = OUTCOMES.get(row.get("outcome", ""))
    return float(outcome == SETTLED[0]) if outcome in SETTLED else None


def _number(path: Path, row: dict[str, str], name: str, missing: float) -> float:
    text = row.get(name) or ""
    try:
        return float(text) if text else missing
    except ValueError:
        raise ReplayError(f"{path}: {name}: expected a number, not {text[:40]!r}") from None
