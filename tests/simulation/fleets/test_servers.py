"""Fleets and their servers: drawn by index alone, failing as often and when they should."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.simulation.fleets.fleet import Fleet
from flaky_load_balancer.simulation.fleets.servers import Fault, Response, Servers
from flaky_load_balancer.simulation.scenarios import (
    Failure,
    Latency,
    Limit,
    Motion,
    PerServer,
    Scenario,
    ScenarioError,
    Stretch,
    builtin,
    find,
)

OK, FAILED, REFUSED = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RATE_LIMITED
NAMES = sorted(builtin())


def scenario(failure: list[float], limit: Limit | None = None, *faults: Stretch) -> Scenario:
    """A scenario without chance in its fleet."""
    rates = tuple(failure)
    return Scenario(
        "test",
        len(rates),
        Failure(PerServer(rates, rates)),
        limits=() if limit is None else (limit,),
        faults=faults,
    )


def servers(of: Scenario, replications: int = 1, seed: int = 0, first: int = 0) -> Servers:
    return Servers(Fleet.draw(of, seed, first=first, replications=replications))


def fixed(admissions: float, count: int, **more: Any) -> Limit:
    return Limit(
        "fixed-window", 1.0, PerServer((admissions,) * count, (admissions,) * count), **more
    )


def ask(of: Servers, arm: int, now: float) -> Response:
    """One attempt in each replication."""
    rows = np.arange(of.replications)
    return of.respond(rows, np.full(len(rows), arm), np.full(len(rows), now))


def outcomes(of: Servers, arm: int, times: list[float]) -> list[int]:
    return [int(ask(of, arm, now).outcome[0]) for now in times]


def play(of: Servers, steps: int, seed: int = 1) -> list[Response]:
    """The same arms at the same times, whatever the number of replications."""
    rng = np.random.default_rng(seed)
    now, responses = 100.0, []
    for arm in rng.integers(of.arms, size=steps):
        now += rng.exponential(0.02)
        responses.append(ask(of, int(arm), now))
    return responses


class TestFleet:
    @pytest.mark.parametrize("name", NAMES)
    def test_a_replication_is_the_same_alone_and_among_others(self, name: str) -> None:
        together = play(servers(find(name), replications=3, seed=7), 300)
        for row in range(3):
            alone = play(servers(find(name), seed=7, first=row), 300)
            for one, three in zip(alone, together, strict=True):
                for mine, all_of_them in zip(
                    (one.outcome, one.latency, one.retry_after, one.fault),
                    (three.outcome, three.latency, three.retry_after, three.fault),
                    strict=True,
                ):
                    np.testing.assert_array_equal(mine[0], all_of_them[row])

    def test_a_fleet_is_drawn_by_index_not_by_port_or_size(self) -> None:
        mine = find("T3")
        large = replace(
            mine,
            port=None,
            servers=12,
            failure=Failure(PerServer((0.04,) * 12, (0.70,) * 12)),
            limits=(),
        )
        np.testing.assert_array_equal(
            Fleet.draw(mine, 3).success, Fleet.draw(large, 3).success[:, :10]
        )

    def test_scenarios_and_seeds_differ(self) -> None:
        drawn = [Fleet.draw(find(name), seed).success for name in ("T1", "T2") for seed in (0, 1)]
        assert len({each.tobytes() for each in drawn}) == 4

    def test_rates_are_uniform_in_their_range(self) -> None:
        fleet = Fleet.draw(find("T2"), 0, replications=1000)
        assert stats.kstest((fleet.success.ravel() - 0.30) / 0.66, "uniform").pvalue > 0.001
        assert stats.kstest((fleet.limits[0].base.ravel() - 11) / 29, "uniform").pvalue > 0.001

    def test_limits_of_windows_are_whole_and_include_both_ends(self) -> None:
        limit = Fleet.draw(find("quota"), 0, replications=1000).limits[0].base
        assert set(np.unique(limit)) == set(range(10, 91))
        counts = np.unique(limit, return_counts=True)[1]
        assert stats.chisquare(counts).pvalue > 0.001

    def test_given_values_are_taken(self) -> None:
        fleet = Fleet.draw(scenario([0.1, 0.2], fixed(2.5, 2)), 0, replications=2)
        np.testing.assert_allclose(fleet.success, [[0.9, 0.8]] * 2)
        np.testing.assert_array_equal(fleet.limits[0].base, [[2.5] * 2] * 2)

    @pytest.mark.parametrize("rate", [8.0, 10.0])
    def test_fleets_are_redrawn_until_their_capacity_fits(self, rate: float) -> None:
        fleet = Fleet.draw(find("T2-tight"), 5, replications=200, rate=rate)
        capacity = (fleet.limits[0].base * fleet.success).sum(axis=1) / rate
        assert ((capacity >= 1.2) & (capacity <= 1.6)).all()
        alone = Fleet.draw(find("T2-tight"), 5, first=17, rate=rate)
        np.testing.assert_array_equal(alone.limits[0].base[0], fleet.limits[0].base[17])
        np.testing.assert_array_equal(alone.success[0], fleet.success[17])

    def test_capacity_is_per_second(self) -> None:
        limit = replace(fixed(20, 2), window=2.0, capacity=(0.89, 0.91))
        assert Fleet.draw(scenario([0.1, 0.1], limit), 0, rate=20).success.shape == (1, 2)

    def test_an_impossible_capacity_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"T2-tight: limit\.capacity: .* 1000 requests"):
            Fleet.draw(find("T2-tight"), 0, replications=3, rate=1000)


class TestRespond:
    def test_failures_are_as_frequent_as_they_should_be(self) -> None:
        of = servers(scenario([0.0, 0.2, 0.5, 1.0]), replications=200)
        for arm, failure in enumerate((0.0, 0.2, 0.5, 1.0)):
            failed = [ask(of, arm, now).outcome == FAILED for now in range(100)]
            assert np.mean(failed) == pytest.approx(failure, abs=0.01)
            if 0 < failure < 1:
                pairs = np.corrcoef(np.ravel(failed[1:]), np.ravel(failed[:-1]))
                assert abs(pairs[0, 1]) < 0.03

    def test_latencies_are_lognormal(self) -> None:
        slow = replace(scenario([0.5]), latency=Latency(0.02, 0.5))
        found = ask(servers(slow, 5000), 0, 0.0).latency
        assert stats.kstest(np.log(found / 0.02) / 0.5, "norm").pvalue > 0.001

    def test_the_nth_admitted_attempt_has_its_outcome_whatever_was_refused(self) -> None:
        free, limited = scenario([0.5]), scenario([0.5], fixed(1, 1))
        expected = outcomes(servers(free), 0, [0.0] * 20)
        found = outcomes(servers(limited), 0, [n / 3 for n in range(60)])
        assert [outcome for outcome in found if outcome != REFUSED] == expected

    def test_time_begins_with_the_first_attempt_of_each_fleet(self) -> None:
        of = servers(scenario([0.0], fixed(1, 1)), replications=2)
        first, second = np.array([0]), np.array([1])
        arm = np.array([0])

        def outcome(row: Any, now: float) -> int:
            return int(of.respond(row, arm, np.array([now])).outcome[0])

        assert [outcome(first, 5.7), outcome(first, 6.6)] == [OK, REFUSED]
        assert [outcome(second, 6.6), outcome(first, 6.7)] == [OK, OK]
        assert [outcome(second, 7.5), outcome(second, 7.6)] == [REFUSED, OK]
        np.testing.assert_array_equal(of.origin, [5.7, 6.6])

    def test_a_failure_uses_an_admission_and_a_refusal_does_not(self) -> None:
        of = servers(scenario([1.0], fixed(2, 1)))
        assert outcomes(of, 0, [0, 0, 0, 0]) == [FAILED, FAILED, REFUSED, REFUSED]
        assert of.admitted[0, 0] == 2
        assert of.answered[0, 0] == 4

    def test_retry_after_is_said_where_configured(self) -> None:
        silent, speaking = (
            servers(scenario([0.0], replace(fixed(1, 1, retry_after=say), window=5.0)))
            for say in (False, True)
        )
        said = [float(ask(speaking, 0, now).retry_after[0]) for now in (0.0, 0.0, 1.2, 4.9)]
        np.testing.assert_array_equal(said, [np.nan, 5.0, 4.0, 1.0])
        assert np.isnan([ask(silent, 0, 0.0).retry_after for _ in range(3)]).all()

    def test_a_limit_of_nothing_asks_for_a_bounded_wait(self) -> None:
        limit = replace(fixed(0, 1, retry_after=True), kind="token-bucket")
        of = servers(scenario([0.0], limit))
        ask(of, 0, 0.0)
        assert ask(of, 0, 0.0).retry_after[0] == 3600

    @pytest.mark.parametrize("kind", ["token-bucket", "fixed-window", "sliding-window"])
    @pytest.mark.parametrize("motion", ["sinusoid", "steps", "walk"])
    @settings(max_examples=10, deadline=None)
    @given(gaps=st.lists(st.floats(0, 0.2), min_size=1, max_size=60), seed=st.integers(0, 99))
    def test_no_flood_is_admitted_beyond_the_bound(
        self, kind: str, motion: str, gaps: list[float], seed: int
    ) -> None:
        moving = Motion(motion, (0.5, 1.0), (0.5, 4.0))
        limit = Limit(kind, 0.5, PerServer((1.0,) * 2, (6.0,) * 2), motion=moving)
        of = servers(scenario([0.3, 0.3], limit), replications=5, seed=seed)
        times = 50 + np.cumsum(gaps)
        for now in times:
            for arm in range(2):
                ask(of, arm, now)
        most = of.admissions(0.0, times[-1] - times[0])
        assert most.shape == (5, 2)
        assert (of.admitted <= most + 1e-6).all()

    def test_what_is_left_is_told(self) -> None:
        of = servers(scenario([0.0, 0.0], fixed(3, 2)), replications=2)
        np.testing.assert_array_equal(of.remaining(0.0), [[3, 3]] * 2)
        of.respond(np.array([1]), np.array([0]), np.array([10.0]))
        np.testing.assert_array_equal(of.remaining(np.array([10.0, 10.0])), [[3, 3], [2, 3]])
        np.testing.assert_array_equal(of.rate(11.0), [[3, 3]] * 2)
        free = servers(scenario([0.0]))
        assert np.isinf([free.remaining(0.0), free.rate(0.0), free.admissions(0, 9)]).all()


def trouble(kind: str, **more: float) -> Servers:
    """Server 0 is in trouble from 1 s to 2 s."""
    return servers(scenario([0.0, 0.0], fixed(1, 2), Stretch((0,), 1.0, 2.0, kind, **more)))


class TestFaults:
    @pytest.mark.parametrize(
        ("kind", "latency"), [("down", 0), ("hang", np.inf), ("reset", 0), ("garbage", 0)]
    )
    def test_a_broken_server_fails_before_it_counts(self, kind: str, latency: float) -> None:
        of = trouble(kind)
        ask(of, 1, 100.0)
        for now in (101.0, 101.5, 101.999):
            response = ask(of, 0, now)
            assert response.outcome[0] == FAILED
            assert response.fault[0] == Fault[kind.upper()]
            assert response.latency[0] == latency
            assert np.isnan(response.retry_after[0])
        assert of.admitted[0, 0] == 0
        np.testing.assert_array_equal(of.remaining(101.5), [[1, 1]])
        assert outcomes(of, 0, [102.0, 102.0]) == [OK, REFUSED]

    def test_other_servers_go_on(self) -> None:
        of = trouble("down")
        ask(of, 1, 100.0)
        rows = np.zeros(1, dtype=np.intp)
        assert of.respond(rows, np.array([1]), np.array([101.5])).outcome[0] == OK

    def test_errors_raise_the_rate_and_use_admissions(self) -> None:
        of = trouble("error", rate=1.0)
        assert outcomes(of, 0, [100.0, 101.0, 101.0, 102.0]) == [OK, FAILED, REFUSED, OK]
        better = servers(scenario([0.9], None, Stretch((0,), 0.0, 1.0, "error", rate=0.1)))
        np.testing.assert_allclose(better.success(0.5), [[0.1]])

    def test_error_rates_are_as_given(self) -> None:
        of = servers(scenario([0.1], None, Stretch((0,), 1.0, 2.0, "error", rate=0.6)), 4000)
        ask(of, 0, 0.0)
        assert np.mean(ask(of, 0, 1.5).outcome == FAILED) == pytest.approx(0.6, abs=0.03)
        assert np.mean(ask(of, 0, 2.5).outcome == FAILED) == pytest.approx(0.1, abs=0.02)

    def test_slow_servers_answer_late(self) -> None:
        of = trouble("slow", delay=0.75)
        assert ask(of, 0, 100.0).latency[0] < 0.1
        assert 0.75 < ask(of, 0, 101.0).latency[0] < 0.85
        assert ask(of, 1, 101.0).latency[0] < 0.1

    def test_success_and_down_follow_the_faults(self) -> None:
        of = trouble("down")
        np.testing.assert_array_equal(of.success(0.5), [[1, 1]])
        np.testing.assert_array_equal(of.success(1.0), [[0, 1]])
        np.testing.assert_array_equal(of.success(2.0), [[1, 1]])
        assert [of.down(t) for t in (0.5, 1.0, 2.0)] == [set(), {0}, set()]
        assert trouble("hang").down(1.0) == set()
        np.testing.assert_array_equal(trouble("hang").success(np.array([1.5])), [[0, 1]])

    def test_some_replications_may_be_in_trouble_while_others_are_not(self) -> None:
        of = servers(scenario([0.0], None, Stretch((0,), 1.0, 2.0, "hang")), replications=3)
        rows = np.arange(3)
        arm = np.zeros(3, dtype=np.intp)
        of.respond(rows, arm, np.array([0.0, 0.5, 1.0]))
        response = of.respond(rows, arm, np.full(3, 1.75))
        np.testing.assert_array_equal(response.fault, [Fault.HANG, Fault.HANG, Fault.NONE])
        np.testing.assert_array_equal(np.isinf(response.latency), [True, True, False])
        np.testing.assert_array_equal(of.admitted.ravel(), [1, 1, 2])


def test_t2_refuses_a_second_hit_and_forgives_it_soon() -> None:
    """What the recordings of the original problem say about its second scenario."""
    hit = servers(find("T2"), replications=500)
    assert (ask(hit, 0, 0.0).outcome != REFUSED).all()
    assert (ask(hit, 0, 0.005).outcome == REFUSED).all()
    assert (ask(hit, 0, 0.092).outcome != REFUSED).all()


def test_memory_is_bounded() -> None:
    def size(of: Servers) -> int:
        arrays = [*vars(of).values(), *vars(of.limiter).values()]
        for stream in (of._luck, of._latency):
            arrays += vars(stream).values()
        return sum(each.nbytes for each in arrays if isinstance(each, np.ndarray))

    sliding = replace(find("T2-tight"), name="sliding")
    sliding = replace(sliding, limits=(replace(sliding.limits[0], kind="sliding-window"),))
    for each in (find("T3"), sliding):
        assert size(servers(each, replications=1000)) < 50e6


def test_shared_answers_cannot_be_overwritten() -> None:
    response = ask(servers(scenario([0.0])), 0, 0.0)
    with pytest.raises(ValueError, match="read-only"):
        response.retry_after[0] = 1.0
