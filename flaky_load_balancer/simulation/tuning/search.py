"""Trials: each plays some fleets with some parameters, and more of them only if it is promising.

Fleets are the fidelity: after a ninth and a third of them a trial that lags behind is stopped
(successive halving: Karnin, Koren and Somekh 2013; Hyperband: Li et al., JMLR 2018).  Every trial
plays the same fleets, those of the seed.  What is tried next depends on what came before, so how
many are tried at the same time is said (``batch``), and does not depend on who plays.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
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
    batch: int = 1  # trials that are drawn before the first of them has ended
    mapped: Map = map  # who plays them

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
        while left > 0:
            batch = [study.ask() for _ in range(min(self.batch, left))]
            try:
                self._play(study, batch, told)
            except BaseException:
                fail = extras.optuna().trial.TrialState.FAIL
                for trial in batch:
                    study.tell(trial, state=fail, skip_if_finished=True)
                raise
            left -= len(batch)

    def _play(self, study: Any, batch: Sequence[Any], told: Told) -> None:
        """All of the batch at the same time, rung by rung; they are looked at in their order.

        A trial's value is its points for 100 requests, the mean of all fleets that it played.
        """
        pruned = extras.optuna().trial.TrialState.PRUNED
        playing: list[tuple[Any, Strategy, list[Floats]]] = []
        for trial in batch:
            try:
                made = self.made({each.name: each.suggest(trial) for each in self.ranges})
                playing.append((trial, made, []))
            except ValueError:  # each value is allowed, but not with the others
                trial.set_user_attr(FLEETS, 0)
                told(study.tell(trial, state=pruned))
        before = 0
        for fleets in self.rungs():
            found = scores(
                self.plan, [made for _, made, _ in playing], before, fleets - before, self.mapped
            )
            going = []
            for trial, made, earlier in playing:
                so_far = [*earlier, next(found)]
                value = float(np.concatenate(so_far).mean())
                trial.set_user_attr(FLEETS, fleets * len(self.plan.scenarios))
                trial.report(value, fleets)
                if fleets == self.plan.replications:
                    told(study.tell(trial, value))
                elif trial.should_prune():
                    told(study.tell(trial, state=pruned))
                else:
                    going.append((trial, made, so_far))
            playing, before = going, fleets


def scores(
    plan: Plan, strategies: Sequence[Strategy], first: int, count: int, mapped: Map = map
) -> Iterator[Floats]:
    """(count,) points of each for 100 requests on these fleets, the mean of all scenarios."""
    games = list(product(strategies, plan.scenarios))
    found = mapped(partial(_score, plan, first, count), games)
    for _ in strategies:
        mean: Floats = np.mean([next(found) for _ in plan.scenarios], axis=0)
        yield mean * 100 / plan.requests


def _score(plan: Plan, first: int, count: int, game: tuple[Strategy, Scenario]) -> Floats:
    return played(plan, *game, first, count).score


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
