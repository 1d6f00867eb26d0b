"""Priors from other fleets: what was drawn is found again, and strategies take it."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from flaky_load_balancer import registry
from flaky_load_balancer.cli.main import flb as program
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Rules
from flaky_load_balancer.simulation.fitting.log import Log, parse
from flaky_load_balancer.simulation.fitting.prior import Limits, Prior
from strategies.capacity.intervals import HIGHEST, LOWEST, Intervals
from strategies.cascade import Cascade


def log(chances: list[float], attempts: int, rng: np.random.Generator) -> Log:
    """Servers with these chances of success, each attempted so often."""
    lines = ["server,time,outcome"]
    for count in range(attempts):
        for arm, chance in enumerate(chances):
            outcome = "succeeded" if rng.random() < chance else "failed"
            lines.append(f"s{arm},{count}.{arm:03},{outcome}")
    return parse(StringIO("\n".join(lines)), "log")


def windows(limits: list[int], seconds: int = 20) -> Log:
    """Servers that admit so many attempts in each second, and are asked twelve times."""
    lines = ["server,time,outcome"]
    for tick in range(12 * seconds):
        for arm, limit in enumerate(limits):
            outcome = "succeeded" if tick % 12 < limit else "rate-limited"
            lines.append(f"s{arm},{tick / 12:.4f},{outcome}")
    return parse(StringIO("\n".join(lines)), "log")


def test_the_distribution_that_servers_were_drawn_from_is_found() -> None:
    rng = np.random.default_rng(1)
    logs = [log(rng.beta(8.0, 2.0, size=20).tolist(), 60, rng) for _ in range(12)]
    prior = Prior.of(logs)
    assert (prior.fleets, prior.servers, prior.limits) == (12, 240, None)
    assert prior.a / (prior.a + prior.b) == pytest.approx(0.8, abs=0.02)
    assert prior.a + prior.b == pytest.approx(10.0, rel=0.25)
    assert prior.doubts == []


def test_chance_is_not_taken_for_a_difference() -> None:
    """Few attempts at equal servers: their rates differ, and that says nothing."""
    rng = np.random.default_rng(2)
    prior = Prior.of([log([0.5] * 30, 8, rng) for _ in range(6)])
    assert prior.a + prior.b > 50
    low, high = prior.between
    assert 0.3 < low < 0.5 < high < 0.7


def test_limits_are_between_the_ends_that_were_seen_and_a_little_more() -> None:
    prior = Prior.of([windows([2, 4]), windows([3, 6])])
    assert prior.limits is not None
    assert prior.limits.servers == 4
    assert prior.limits.low == pytest.approx(2.0 / 3.0 ** (1 / 3), rel=0.1)
    assert prior.limits.high == pytest.approx(6.0 * 3.0 ** (1 / 3), rel=0.1)


def test_strategies_take_what_was_learnt() -> None:
    prior = Prior(8.0, 2.0, 3, 30, Limits(1.5, 6.0, 30))
    assert prior.specs == ["cascade:a=8,b=2,slowest=1.5,fastest=6", "v4:a=8,b=2"]
    for spec in prior.specs:
        strategy = registry.load(spec)
        strategy.reset(Rules(2), 1, np.random.default_rng(0))
        assert strategy.beliefs(np.zeros(1))["mean"] == pytest.approx(0.8)


def test_a_single_server_has_nothing_in_common_with_others() -> None:
    with pytest.raises(UserError, match="--prior: expected the attempts of two servers or more"):
        Prior.of([log([0.5], 10, np.random.default_rng(0))])


def test_intervals_begin_between_the_ends_of_a_prior_and_answers_may_leave_it() -> None:
    usual, given = Intervals(1, LOWEST, HIGHEST), Intervals(1, 2.0, 4.0)
    assert np.array_equal(usual.low, Intervals(1).low)
    assert np.array_equal(usual.high, Intervals(1).high)
    assert (given.low >= usual.low).all()
    assert (given.high <= usual.high).all()
    lane, limiter = np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
    assert 2.0 < given.rate(lane, limiter)[0] < 4.0
    between = given.widened_one(lane, limiter, np.zeros(1))
    given.narrow_one((lane, limiter), between, np.log([50.0]), np.zeros(1, dtype=bool))
    assert given.rate(lane, limiter)[0] > 49.0


@pytest.mark.parametrize(("slowest", "fastest"), [(0.0, 1.0), (3.0, 2.0)])
def test_ends_that_cannot_be_are_refused(slowest: float, fastest: float) -> None:
    with pytest.raises(ValueError, match=r"slowest|fastest"):
        Cascade(slowest=slowest, fastest=fastest)


def test_the_command_prints_strategies(tmp_path: Path) -> None:
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]
    for file in files:
        lines = (
            f"s{arm},{count},{200 + 300 * (count % 3 == 0)}" for arm in "ab" for count in range(9)
        )
        file.write_text("server,time,status\n" + "\n".join(lines))
    words = ["fit", "--prior", *map(str, files)]
    done = CliRunner().invoke(program, [*words, "--json", "-"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["fleets"], result["servers"], result["limits"]) == (2, 4, None)
    assert "4 servers of 2 logs" in done.stderr
    assert CliRunner().invoke(program, words).stdout.split() == result["specs"]
    for wrong, said in (
        (["fit", "--prior"], "--prior: expected the logs of one fleet or more"),
        (["fit", *map(str, files)], "a scenario is fitted to one log; --prior takes several"),
        ([*words, "--tasks", "x"], "--prior: expected the logs of one fleet or more"),
    ):
        done = CliRunner().invoke(program, wrong)
        assert done.exit_code == 2
        assert said in " ".join(done.stderr.split())
