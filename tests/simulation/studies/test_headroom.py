"""Context pays where the task oracle says so, and costs next to nothing where it does not."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.scenarios import parse
from flaky_load_balancer.simulation.studies.play import Setting

WORLD = """
name = "{name}"
servers = 4

[tasks]
a = 0.4
b = 0.35
c = 0.25

[tasks.features]
d = 8
noise = 0.2

[quality]
{quality}
"""
MATTERS = "a = [0.9, 0.5, 0.4, 0.6]\nb = [0.4, 0.85, 0.5, 0.6]\nc = [0.3, 0.4, 0.9, 0.6]"
DOES_NOT = "a = [0.5, 0.8, 0.6, 0.4]\nb = [0.6, 0.9, 0.7, 0.5]\nc = [0.4, 0.7, 0.5, 0.3]"
LINEAR = ["linucb", *(pytest.param(n, marks=pytest.mark.slow) for n in ("lints", "lin-eps-greedy"))]


def played(name: str, quality: str, strategy: str) -> tuple[Floats, Setting]:
    setting = Setting(parse(WORLD.format(name=name, quality=quality), source=name), 8, 1600)
    return setting.utility(setting.play(strategy))[:, 800:], setting


def best_single(setting: Setting) -> float:
    return float(setting.answers.utility[:, 800:].mean(axis=(0, 1)).max())


@pytest.mark.slow
@pytest.mark.parametrize("strategy", LINEAR)
def test_ahead_of_the_best_single_server_where_tasks_matter(strategy: str) -> None:
    utility, setting = played("matters", MATTERS, strategy)
    oracle = float(setting.answers.task_oracle()[:, 800:].mean())
    assert oracle > best_single(setting) + 0.2
    assert utility.mean() > oracle - 0.04


@pytest.mark.slow
@pytest.mark.parametrize("strategy", LINEAR)
def test_next_to_nothing_is_lost_where_they_do_not(strategy: str) -> None:
    """Features here are noise to the choice, and eight of them have to be found out to be."""
    utility, setting = played("does-not", DOES_NOT, strategy)
    error = float(utility.mean(axis=1).std() / np.sqrt(len(utility)))
    assert utility.mean() > best_single(setting) - 0.01 - 2 * error
