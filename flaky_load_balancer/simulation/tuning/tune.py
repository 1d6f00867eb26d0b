"""Tune, search by chance at equal cost, and judge both on fleets that neither has seen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from flaky_load_balancer.registry import canonical
from flaky_load_balancer.simulation.comparison.intervals import Estimate
from flaky_load_balancer.simulation.studies.report import together
from flaky_load_balancer.simulation.tuning import extras
from flaky_load_balancer.simulation.tuning.search import Search, cost, ended, opened, scores

TOGETHER = 16  # trials by chance: what one comes to is nothing to the next
LOOKS = 2  # at what was gained: over the defaults, and over chance
Told = Callable[[str, Any], None]


@dataclass(frozen=True)
class Verdict:
    """Points for 100 requests, on other fleets."""

    usual: Estimate
    tuned: Estimate
    chance: Estimate
    over_usual: Estimate  # of the same fleets; the two hold together
    over_chance: Estimate

    @property
    def sentence(self) -> str:
        return (
            f"Tuned, it {_against('its defaults', self.over_usual)}, and"
            f" {_against('random search', self.over_chance)} at equal cost."
        )


@dataclass(frozen=True)
class Tuned:
    """What came of it; ``study`` and ``chance`` are Optuna's."""

    search: Search
    name: str
    study: Any
    chance: Any
    verdict: Verdict

    @property
    def best(self) -> str:
        return spec(self.name, self.study.best_trial.params, self.search)

    def json(self) -> dict[str, Any]:
        plan, verdict = self.search.plan, self.verdict
        return {
            "strategy": self.name,
            "scenarios": [scenario.name for scenario in plan.scenarios],
            "seed": plan.seed,
            "requests": plan.requests,
            "replications": plan.replications,
            "ranges": list(map(str, self.search.ranges)),
            "best": self.best,
            "random": spec(self.name, self.chance.best_trial.params, self.search),
            "fleets": {"tuned": cost(self.study), "random": cost(self.chance)},
            "trials": [_trial(trial) for trial in ended(self.study)],
            "verdict": {
                "seed": plan.seed + 1,
                "default": verdict.usual.json(),
                "tuned": verdict.tuned.json(),
                "random": verdict.chance.json(),
                "over_default": verdict.over_usual.json(),
                "over_random": verdict.over_chance.json(),
                "sentence": verdict.sentence,
            },
        }


def tune(search: Search, name: str, trials: int, storage: str | None, told: Told) -> Tuned:
    """``trials`` of the search, as many fleets by chance, and the verdict on the next seed.

    With a ``storage`` it goes on where it was, for the same settings.
    """
    label = f"{name} {_digest(search)}"
    study = opened(search, label, storage)
    search.run(study, trials, lambda trial: told("tune", trial))
    blind = replace(search, sampler="random", pruner="none", batch=TOGETHER)
    chance = opened(blind, f"{label} random", storage)
    each = search.plan.replications * len(search.plan.scenarios)
    blind.run(chance, max(1, round(cost(study) / each)), lambda trial: told("random", trial))
    return Tuned(search, name, study, chance, _judged(search, study, chance))


def spec(name: str, parameters: dict[str, Any], search: Search) -> str:
    """The strategy with these parameters, as ``--strategy`` takes it."""
    made = search.made(_usable(parameters, search))
    pairs = [f"{key}={_text(getattr(made, key))}" for key in parameters]
    return canonical(f"{name}{',' if ':' in name else ':'}{','.join(pairs)}")


def _usable(parameters: dict[str, Any], search: Search) -> dict[str, Any]:
    """As the trial played them: numbers are rounded after Optuna has drawn them."""
    fixed = extras.optuna().trial.FixedTrial(parameters)
    return {each.name: each.suggest(fixed) for each in search.ranges}


def _judged(search: Search, study: Any, chance: Any) -> Verdict:
    fresh = replace(search.plan, seed=search.plan.seed + 1)

    found = (search.made(_usable(each.best_trial.params, search)) for each in (study, chance))
    usual, tuned, blind = scores(
        fresh, [search.strategy, *found], 0, fresh.replications, search.mapped
    )
    return Verdict(
        *map(Estimate.of, (usual, tuned, blind)),
        *(together(tuned - other, LOOKS) for other in (usual, blind)),
    )


def _against(what: str, gain: Estimate) -> str:
    if gain.low > 0:
        return f"beats {what} by {gain.mean:.3g} points ({gain.low:.3g} to {gain.high:.3g})"
    if gain.high < 0:
        return f"is behind {what} by {-gain.mean:.3g} points ({-gain.high:.3g} to {-gain.low:.3g})"
    return f"cannot be told from {what} ({gain.low:+.3g} to {gain.high:+.3g})"


def _digest(search: Search) -> str:
    """What two searches have in common that can go on with each other's trials."""
    plan = search.plan
    settings = (
        *(repr(search.strategy), list(map(str, search.ranges)), search.sampler, search.pruner),
        search.batch,
        *(plan.scenarios, plan.requests, plan.replications, plan.rate, plan.seed, plan.game),
    )
    return sha256(repr(settings).encode()).hexdigest()[:12]


def _trial(trial: Any) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.value,
        "fleets": trial.user_attrs["fleets"],
        "parameters": trial.params,
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
