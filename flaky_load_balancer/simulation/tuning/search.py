"""Trials: each plays some fleets with some parameters, and more of them only if it is promising.

Fleets are the fidelity: after a ninth and a third of them a trial that lags behind is stopped
(successive halving: Karnin, Koren and Somekh 2013; Hyperband: Li et al., JMLR 2018).  Every trial
plays the same fleets, those of the seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.comparison.compare import played
from flaky_load_balancer.simulation.comparison.comparison import Plan
from flaky_load_balancer.simulation.comparison.workers import Map
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.tuning import extras
from flaky_load_balancer.simulation.tuning.ranges import Range

ETA = 3  # so many times more fleets at each rung
RUNGS = 3
LEAST = 4  # fleets of the first rung
SAMPLERS = "tpe", "gp", "random"
PRUNERS = "hyperband", "halving", "none"
BLIND = 6  # trials by chance, before there is anything to go by
FLEETS = "fleets"  # what a trial says that it played, in its attributes
Told = Callable[[Any], None]


@dataclass(frozen=True)
class Search:
    """What is tuned, on what, and how; the ``plan`` has scenarios, fleets and rules."""

    strategy: Strategy
    ranges: Sequence[Range]
    plan: Plan
    sampler: str = "tpe"
    pruner: str = "hyperband"
    mapped: Map = map  # who plays the scenarios of a trial

    def rungs(self) -> list[int]:
        """After how many fleets a trial is looked at; the last are all."""
        most = self.plan.replications
        steps = [most // ETA**k for k in reversed(range(RUNGS))]
        return [fleets for fleets in steps if fleets >= LEAST or fleets == most]

    def made(self, parameters: dict[str, Any]) -> Strategy:
        return replace(self.strategy, **parameters)  # type: ignore[type-var]

    def run(self, study: Any, trials: int, told: Told) -> None:
        """Go on until there are so many trials that ended."""
        left = trials - len(ended(study))
        usual = {each.name: getattr(self.strategy, each.name) for each in self.ranges}
        if not study.trials and all(usual[each.name] in each for each in self.ranges):
            study.enqueue_trial(usual)
        if left > 0:
            study.optimize(self._trial, left, callbacks=[lambda _, trial: told(trial)])

    def _trial(self, trial: Any) -> float:
        """Points for 100 requests, the mean of all fleets that were played."""
        strategy = self.made({each.name: each.suggest(trial) for each in self.ranges})
        scores: list[Floats] = []
        before = 0
        for fleets in self.rungs():
            scores.append(score(self.plan, strategy, before, fleets - before, self.mapped))
            value, before = float(np.concatenate(scores).mean()), fleets
            trial.set_user_attr(FLEETS, fleets * len(self.plan.scenarios))
            trial.report(value, fleets)
            if fleets < self.plan.replications and trial.should_prune():
                raise extras.optuna().TrialPruned
        return value


def score(plan: Plan, strategy: Strategy, first: int, count: int, mapped: Map = map) -> Floats:
    """(count,) points for 100 requests on these fleets, the mean of all scenarios."""
    scores = list(mapped(partial(_score, plan, strategy, first, count), plan.scenarios))
    mean: Floats = np.mean(scores, axis=0) * 100 / plan.requests
    return mean


def _score(plan: Plan, strategy: Strategy, first: int, count: int, scenario: Scenario) -> Floats:
    return played(plan, strategy, scenario, first, count).score


def ended(study: Any) -> list[Any]:
    """The trials that came to an end, pruned ones too."""
    return [trial for trial in study.trials if trial.state.name in {"COMPLETE", "PRUNED"}]


def cost(study: Any) -> int:
    """How many fleets all trials played."""
    return sum(trial.user_attrs.get(FLEETS, 0) for trial in study.trials)


def opened(search: Search, name: str, storage: str | None) -> Any:
    """The study of this name, begun or gone on with."""
    optuna = extras.optuna()
    _sampler(search, 0)  # what is missing is said before a database is made
    try:
        study = optuna.create_study(
            storage=_address(storage),
            pruner=_pruner(search),
            study_name=name,
            direction="maximize",
            load_if_exists=True,
        )
    except (ImportError, OSError, optuna.exceptions.StorageInternalError) as error:
        raise SettingsError(f"--storage: {str(error).splitlines()[0]}") from None
    except Exception as error:
        if type(error).__module__.startswith("sqlalchemy"):
            why = str(error).splitlines()[0]
            raise SettingsError(f"--storage: the database cannot be used: {why}") from None
        raise
    study.sampler = _sampler(search, len(study.trials))
    return study


def _sampler(search: Search, trials: int) -> Any:
    """Seeded by how many ``trials`` there are: what goes on does not repeat what it began with."""
    samplers, seed = extras.optuna().samplers, search.plan.seed + 1000 * trials
    if search.sampler == "random":
        return samplers.RandomSampler(seed=seed + 1)  # not how the others begin
    if search.sampler == "tpe":
        return samplers.TPESampler(seed=seed, n_startup_trials=BLIND)
    extras.require_torch()
    return samplers.GPSampler(seed=seed)


def _pruner(search: Search) -> Any:
    pruners, rungs = extras.optuna().pruners, search.rungs()
    if search.pruner == "none" or len(rungs) == 1:
        return pruners.NopPruner()
    if search.pruner == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=rungs[0], reduction_factor=ETA)
    return pruners.HyperbandPruner(
        min_resource=rungs[0], max_resource=rungs[-1], reduction_factor=ETA
    )


def _address(storage: str | None) -> str | None:
    """What SQLAlchemy calls it: a file is SQLite's, PostgreSQL is spoken to by psycopg."""
    if storage is None or storage.startswith("sqlite:"):
        return storage
    scheme, found, rest = storage.partition("://")
    if not found:
        return f"sqlite:///{storage}"
    return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else storage
