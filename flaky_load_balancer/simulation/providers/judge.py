"""How good an answer is: what ``[quality]`` says of the model and of the task of the question."""

from math import prod

import numpy as np

from flaky_load_balancer.features.tasks import keyword_tasks
from flaky_load_balancer.simulation.scenarios import Scenario, Stretch
from flaky_load_balancer.simulation.scenarios.contexts import ONE_TASK
from flaky_load_balancer.simulation.worlds.world import worth


class Judge:
    """The qualities of a scenario's models; 1 where it says nothing of them."""

    def __init__(self, scenario: Scenario) -> None:
        contexts = scenario.contexts
        self._quality = None if contexts is None else contexts.quality
        tasks = None if contexts is None else contexts.tasks
        self._labels = (ONE_TASK,) if tasks is None else tasks.labels
        self._tasks = keyword_tasks()

    def worth(self, arm: int, text: str, luck: float, faults: list[Stretch]) -> float:
        """The quality of an answer to this text, from a uniform number."""
        if self._quality is None:
            return 1.0
        mean = self._quality.mean[self._task(text)][arm]
        mean *= prod(fault.factor for fault in faults if fault.kind == "quality")
        if self._quality.spread is None:
            return float(luck < mean)
        return float(worth(np.array([mean]), self._quality, np.array([luck]))[0])

    def _task(self, text: str) -> int:
        """By the words of the text; the first one where they say nothing."""
        if len(self._labels) == 1:
            return 0
        label = self._tasks.label(text)
        return self._labels.index(label) if label in self._labels else 0
