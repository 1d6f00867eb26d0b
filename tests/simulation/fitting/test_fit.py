"""Known fleets are found again from what they answered, and what is uncertain is said."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flaky_load_balancer.simulation.fitting import Fitted, fit
from flaky_load_balancer.simulation.fitting.fit import Fit, described
from flaky_load_balancer.simulation.fitting.log import parse, read
from flaky_load_balancer.simulation.scenarios import Limit, Scenario
from flaky_load_balancer.simulation.scenarios import parse as scenario_of
from tests.simulation.fitting.known import record

LIMITS = {
    "bucket 1": '[limit]\nkind="token-bucket"\nwindow=1.0\nvalues=[3, 5.5, 8]',
    "bucket 5": '[limit]\nkind="token-bucket"\nwindow=1.0\nvalues=[2.5, 3, 4]\nburst=5',
    "fixed 1 s": '[limit]\nkind="fixed-window"\nwindow=1.0\nvalues=[2, 4, 6]',
    "fixed 60 s": '[limit]\nkind="fixed-window"\nwindow=60.0\nvalues=[90, 120, 250]',
    "fixed 7.3 s": '[limit]\nkind="fixed-window"\nwindow=7.3\nvalues=[14, 19, 30]',
    "sliding 3 s": '[limit]\nkind="sliding-window"\nwindow=3.0\nvalues=[7, 12, 15]',
}


def found(path: Path) -> tuple[Scenario, Limit]:
    """The scenario that is written, read again as ``--scenario`` reads it."""
    scenario = scenario_of(fit(path).toml, source="mine.toml")
    return scenario, scenario.limits[0]


@pytest.mark.parametrize("jitter", [0.0, pytest.param(0.001, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", LIMITS)
def test_a_limiter_is_found_again(tmp_path: Path, name: str, jitter: float) -> None:
    path = tmp_path / "log.csv"
    fleet = record(path, LIMITS[name], requests=1000, jitter=jitter)
    truth = fleet.scenario.limits[0]
    assert truth is not None
    _, limit = found(path)
    assert (limit.kind, limit.burst) == (truth.kind, truth.burst)
    assert limit.window == pytest.approx(truth.window, rel=0.003)
    close = 0.01 if truth.kind == "token-bucket" else 0.0
    assert limit.admissions.low == pytest.approx(truth.admissions.low, rel=close)


def test_the_truth_lies_within_the_intervals(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    record(path, LIMITS["bucket 1"], requests=1000)
    made = Fit.of(read(path))
    assert made.best is not None
    for limit, truth in zip(made.best.limits, [3, 5.5, 8], strict=True):
        assert limit.low <= truth <= limit.high
        assert limit.high - limit.low < 0.1 * truth
    for rate, truth in zip(made.failure, [0.1, 0.3, 0.5], strict=True):
        assert rate.low < truth < rate.high


def test_failure_rates_and_latency_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    record(path, "", requests=1000)
    made = fit(path)
    scenario = scenario_of(made.toml, source="mine.toml")
    assert scenario.name == "log"
    assert scenario.failure.rate.low == pytest.approx([0.1, 0.3, 0.5], abs=0.04)
    assert scenario.latency.median == pytest.approx(0.01, rel=0.03)
    assert scenario.latency.sigma == pytest.approx(0.3, rel=0.05)
    assert not scenario.limits
    assert made.doubts[0].startswith("nothing was refused: limits above")


@pytest.mark.slow
def test_a_moving_limit_is_not_passed_off_as_a_still_one(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    moving = '\n[limit.motion]\nkind="sinusoid"\namplitude=0.9\nperiod=40.0'
    record(path, LIMITS["bucket 1"] + moving, requests=1000)
    assert any("limits may move" in doubt for doubt in fit(path).doubts)


def test_refusals_by_chance_need_no_limiter(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    rows = [f"a,{t:.4f},{429 if chance.random() < 0.2 else 200}" for t in np.arange(0, 99, 0.1)]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["server,time,status", *rows]), encoding="utf-8")
    made = fit(path)
    assert scenario_of(made.toml, source="mine.toml").limits == ()
    assert any("better than chance" in doubt for doubt in made.doubts)


def fitted(path: Path, change: Callable[[list[str]], list[str]]) -> Fitted:
    """The log of a known bucket of 3, 5.5 and 8 per second with its lines changed."""
    record(path, LIMITS["bucket 1"], requests=1000)
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    changed = [",".join(change(line.split(","))) for line in lines]
    path.write_text("\n".join([head, *changed]), encoding="utf-8")
    return fit(path)


def test_epoch_milliseconds_are_taken_for_what_they_are(tmp_path: Path) -> None:
    made = fitted(tmp_path / "l.csv", lambda row: [row[0], f"{1e3 * float(row[1]):.0f}", *row[2:]])
    limit = scenario_of(made.toml, source="mine.toml").limits[0]
    assert limit is not None
    assert limit.admissions.low == pytest.approx((3, 5.5, 8), rel=0.03)
    assert "times are taken for milliseconds" in made.doubts


def test_a_clock_that_is_too_coarse_is_said(tmp_path: Path) -> None:
    made = fitted(tmp_path / "l.csv", lambda row: [row[0], row[1].partition(".")[0], *row[2:]])
    assert any("clock of the log is too coarse, it counts in 1 s" in d for d in made.doubts)
    limit = scenario_of(made.toml, source="mine.toml").limits[0]
    assert limit is None or limit.window >= 1


def test_clients_that_hung_up_are_no_failures(tmp_path: Path) -> None:
    """Half of what succeeded is 499 instead."""
    luck = np.random.default_rng(1)

    def hung_up(row: list[str]) -> list[str]:
        gone = row[2] == "succeeded" and luck.random() < 0.5
        return [*row[:2], "499" if gone else row[2], row[3]]

    path = tmp_path / "l.csv"
    made = fitted(path, hung_up)
    rates = scenario_of(made.toml, source="mine.toml").failure.rate.low
    expected = [each / 2 / (1 - each / 2) for each in (0.9, 0.7, 0.5)]  # of delivered and failed
    assert rates == pytest.approx([1 - each for each in expected], abs=0.06)
    assert any("cancelled attempts tell nothing" in doubt for doubt in made.doubts)


def test_relative_times_are_said_to_be_taken_for_seconds() -> None:
    made = Fit.of(parse(["server,time,status", "a,36.073,200", "a,1059.5,429"], "log.csv"))
    assert any("taken for seconds, 1,023.43 from the first" in doubt for doubt in made.doubts)


def test_failures_in_front_of_the_limiter_are_no_moving_limit(tmp_path: Path) -> None:
    """Two fifths of all attempts fail before the limiter sees them."""
    path, chance = tmp_path / "log.csv", np.random.default_rng(5)
    rows, used, window = [], 0, -1
    for t in np.cumsum(chance.exponential(0.1, 1500)):
        if int(t) != window:
            used, window = 0, int(t)
        if chance.random() < 0.4:
            rows.append(f"a,{1.7e9 + t:.6f},500")
        else:
            rows.append(f"a,{1.7e9 + t:.6f},{200 if used < 3 else 429}")
            used += used < 3
    path.write_text("\n".join(["server,time,status", *rows]), encoding="utf-8")
    made = fit(path)
    limit = scenario_of(made.toml, source="mine.toml").limits[0]
    assert limit is not None
    assert (limit.kind, limit.window, limit.admissions.low) == ("fixed-window", 1.0, (3.0,))
    assert any("failures seem to use no admission" in doubt for doubt in made.doubts)
    assert not any("limits may move" in doubt for doubt in made.doubts)


def test_what_cannot_be_told_apart_is_said() -> None:
    """Two in a burst, every ten seconds: the second is always refused, for many reasons."""
    rows = [f"a,{10 * k + d},{s}" for k in range(30) for d, s in ((0, 200), (0.01, 429))]
    made = Fit.of(parse(["server,time,status", *rows], "log.csv"))
    assert made.best is not None
    rivals = [each for each in made.explanations[1:] if each.bic - made.best.bic < 10]
    assert rivals
    assert all(any(described(each) in doubt for doubt in made.doubts) for each in rivals)


def test_a_server_that_never_refused_is_named_and_gets_the_best_limit(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    record(path, '[limit]\nkind="fixed-window"\nwindow=1.0\nvalues=[2, 4, 500]', requests=800)
    made = fit(path)
    limit = scenario_of(made.toml, source="mine.toml").limits[0]
    assert limit is not None
    assert limit.admissions.low[:2] == (2, 4)
    assert limit.admissions.low[2] >= 4
    assert any(doubt.endswith("servers 2") for doubt in made.doubts)


def test_a_log_shorter_than_the_window_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    record(path, '[limit]\nkind="fixed-window"\nwindow=60.0\nvalues=[30, 60, 90]', requests=300)
    limit = found(path)[1]
    assert (limit.kind, limit.admissions.low) == ("fixed-window", (30, 60, 90))
    assert limit.window == 30
    doubts = fit(path).doubts
    assert any("too short to tell how long the window is" in doubt for doubt in doubts)
    assert any("sliding-window of 30 s explains the refusals nearly" in doubt for doubt in doubts)


def test_a_limit_that_is_seldom_met_is_known_roughly(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    record(path, '[limit]\nkind="token-bucket"\nwindow=1.0\nvalues=[4, 8, 40]', requests=150)
    assert any(doubt.endswith("intervals: servers 2") for doubt in fit(path).doubts)


def test_limits_begin_anew_with_every_run(tmp_path: Path) -> None:
    """As in an export of runs that followed each other on the same ports."""
    path = tmp_path / "log.csv"
    record(path, LIMITS["fixed 60 s"], requests=700)
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    later = [line.split(",") for line in lines]
    moved = [",".join([s, f"{float(t) + 77.7:.6f}", o, ms]) for s, t, o, ms in later]
    both = [f"{head},run", *(f"{line},1" for line in lines), *(f"{line},2" for line in moved)]
    path.write_text("\n".join(both), encoding="utf-8")
    assert found(path)[1].admissions.low == (90, 120, 250)
