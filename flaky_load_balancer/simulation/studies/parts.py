"""What several studies do alike: play strategies, smooth courses, know what fixed choices earn."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.studies.play import Setting
from flaky_load_balancer.simulation.studies.report import Lines, together

Progress = Callable[[str], None]  # told what is about to be played

POINTS = 60  # of a course that is drawn


def utilities(setting: Setting, strategies: Iterable[str], progress: Progress) -> dict[str, Floats]:
    """(runs, queries) the utility of every query, for each strategy and each fixed choice."""
    found: dict[str, Floats] = {}
    for name in strategies:
        progress(name)
        found[name] = setting.utility(setting.play(name))
    return found


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
