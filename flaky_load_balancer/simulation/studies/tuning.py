"""``a4``: how much parameters matter, by Optuna's Parzen estimator (the extra ``tune``).

Parameters are tuned on one seed and judged on another: what is gained there is what counts.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.simulation.studies.parts import Players
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Cell, Report, Table, together

QUESTION = "How sensitive are strategies to their parameters, and what does tuning bring?"
TRIALS = 25
Space = Callable[[Any], dict[str, float]]
SPACES: dict[str, Space] = {
    "linucb": lambda trial: {
        "alpha": trial.suggest_float("alpha", 0.01, 3.0, log=True),
        "strength": trial.suggest_float("strength", 0.01, 10.0, log=True),
    },
    "lints": lambda trial: {
        "v": trial.suggest_float("v", 0.01, 2.0, log=True),
        "variance": trial.suggest_float("variance", 0.05, 20.0, log=True),
    },
    "eps-greedy": lambda trial: {
        "epsilon_decay": trial.suggest_float("epsilon_decay", 0.9, 0.999),
        "least": trial.suggest_float("least", 0.001, 0.1, log=True),
    },
}


def tuning(setting: Setting, players: Players) -> Report:
    """Each strategy with its defaults and with the parameters that did best, on a fresh seed."""
    _optuna()
    searches = players.each(partial(_tuned, setting), {name: name for name in SPACES})
    rows = [row for _, row in searches]
    head = ["tuned", "defaults", "tuned on another seed", "gained", "best - worst of the trials"]
    best = max(rows, key=lambda row: row[3].mean)  # type: ignore[union-attr]
    gain = best[3]
    found = f"Tuning brings most to {str(best[0]).partition(':')[0]}: {gain.mean:+.3f}."  # type: ignore[union-attr]
    return Report(
        setting,
        "a4",
        QUESTION,
        [Table(f"{TRIALS} trials each", head, rows)],
        found,
    )


def _tuned(setting: Setting, name: str) -> list[Cell]:
    """One strategy: what is tried next depends on what came before."""
    optuna = _optuna()
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=setting.seed)
    )
    study.optimize(partial(_value, setting, name), TRIALS)
    tuned = _spec(name, study.best_params)
    fresh = setting.but(seed=setting.seed + 1)
    usual, better = (fresh.utility(fresh.play(spec)).mean(axis=1) for spec in (name, tuned))
    values = [trial.value for trial in study.trials if trial.value is not None]
    return [
        tuned,
        together(usual, len(SPACES)),
        together(better, len(SPACES)),
        together(better - usual, len(SPACES)),
        max(values) - min(values),
    ]


def _value(setting: Setting, name: str, trial: Any) -> float:
    spec = _spec(name, SPACES[name](trial))
    return float(setting.utility(setting.play(spec)).mean())


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise SettingsError("a4 needs Optuna: pip install 'flaky-load-balancer[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _spec(name: str, parameters: dict[str, float]) -> str:
    return f"{name}:" + ",".join(f"{key}={value:.4g}" for key, value in parameters.items())
