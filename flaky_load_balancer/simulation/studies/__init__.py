"""Questions about choosing by context, each answered by one command: ``flb study NAME``.

STUDIES[name].play(setting, players)        a Report: tables, a finding, plots
"""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from flaky_load_balancer.simulation.studies.parts import Players
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Report


class Study(NamedTuple):
    """A study, in the module of this package that has a function of its name."""

    module: str
    question: str
    world: str  # that it is played on, if no table is given

    def play(self, setting: Setting, players: Players) -> Report:
        module = import_module(f"{__name__}.{self.module}")
        function: Callable[[Setting, Players], Report] = getattr(module, self.module)
        return function(setting, players)


STUDIES = {
    "a2": Study("warmup", "How many queries does learning take?", "llm-tasks"),
    "a3": Study("ablation", "Which features are worth having?", "llm-tasks"),
    "a4": Study("tuning", "How much do parameters matter? (needs Optuna)", "llm-tasks"),
    "a5": Study("bakeoff", "Which strategy chooses best?", "llm-tasks"),
    "a6": Study("sweep", "What does quality cost?", "llm-costs"),
    "a8": Study("adaptability", "What if servers come, go or get worse?", "llm-tasks"),
    "crossed": Study("crossed", "What do learnt features gain over lines?", "crossed"),
    "budget": Study("budgets", "How much quality does a budget buy?", "llm-costs"),
    "prior": Study("prior", "What do preferences save at the start?", "llm-tasks"),
    "steps": Study("steps", "Greedy, or with a plan, over several attempts?", "llm-tasks"),
    "hundred": Study("hundred", "Are 100 trials enough for five models?", "five-models"),
}
