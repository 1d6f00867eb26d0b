"""What several studies do alike: play strategies, smooth courses, know what fixed choices earn."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flaky_load_balancer.core.strategy import Strategy
from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.comparison.workers import Map, Result, Task
from flaky_load_balancer.simulation.engine.trace import Trace
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Lines, together

Progress = Callable[[str], None]  # told what is about to be played

POINTS = 60  # of a course that is drawn


class Game(NamedTuple):
    """A strategy in a setting."""

    setting: Setting
    strategy: str | Strategy

    def play(self) -> Trace:
        return self.setting.play(self.strategy)


@dataclass(frozen=True)
class Players:
    """Who plays the games of a study: this process, others, or a cluster."""

    mapped: Map = map
    progress: Progress = lambda _: None

    def each(
        self, work: Callable[[Task], Result], tasks: Mapping[str, Task]
    ) -> Iterator[tuple[str, Result]]:
        """What comes of every task, in their order, by the name that progress is told."""
        results = self.mapped(work, tasks.values())
        for name in tasks:
            self.progress(name)
            yield name, next(results)

    def traces(self, games: Mapping[str, Game]) -> Iterator[tuple[str, Trace]]:
        """What every query of each game brought."""
        return self.each(Game.play, games)

    def utilities(self, games: Mapping[str, Game]) -> dict[str, Floats]:
        """(runs, queries) the utility of every query of each game."""
        return {name: games[name].setting.utility(trace) for name, trace in self.traces(games)}


def games(setting: Setting, strategies: Iterable[str]) -> dict[str, Game]:
    """Each strategy in the same setting."""
    return {name: Game(setting, name) for name in strategies}


def references(setting: Setting) -> dict[str, Floats]:
    """(runs, queries) the utility of fixed choices and of what knows the answers."""
    answers = setting.answers
    fixed = {f"always {why}": answers.utility[:, :, arm] for why, arm in answers.fixed().items()}
    return fixed | {"task oracle": answers.task_oracle(), "row oracle": answers.row_oracle()}


def course(
    name: str, title: str, label: str, values: Mapping[str, Floats], marks: tuple[float, ...] = ()
) -> Lines:
    """Means over stretches of queries, with the interval over runs."""
    x, y = {}, {}
    for key, table in values.items():
        runs, queries = table.shape
        width = max(1, queries // POINTS)
        whole = queries // width * width
        blocks = table[:, :whole].reshape(runs, -1, width).mean(axis=2)
        estimates = [together(blocks[:, place], 1) for place in range(blocks.shape[1])]
        x[key] = (np.arange(blocks.shape[1]) + 0.5) * width
        means, lows, highs = (np.array(each) for each in zip(*estimates, strict=True))
        y[key] = means, lows, highs
    return Lines(name, title, "query", label, x, y, marks)


def reached(values: Floats, level: float, window: int = 100) -> int | None:
    """After how many queries the mean of the next ``window`` is ``level`` for good; None: never.

    ``values`` (runs, queries); the mean is over runs.
    """
    mean = np.convolve(values.mean(axis=0), np.ones(window) / window, mode="valid")
    below = np.flatnonzero(mean < level)
    if not below.size:
        return 0
    after = int(below[-1]) + 1
    return after if after < len(mean) else None
