"""What is known of our own fleets."""

import pytest

from flaky_load_balancer.config import Game
from flaky_load_balancer.simulation import scenarios
from flaky_load_balancer.simulation.bounds.bound import unlimited
from flaky_load_balancer.simulation.bounds.known import known
from flaky_load_balancer.simulation.fleets.fleet import Fleet


def test_the_truth_is_that_of_the_fleet_with_this_seed() -> None:
    scenario = scenarios.find("T1")
    fleet = Fleet.draw(scenario, 5)
    assert known(scenario, 5, Game(), 10.0, 100).success == tuple(fleet.success[0].tolist())


def test_the_bound_of_t1_is_the_closed_form_at_every_count() -> None:
    fleet = known(scenarios.find("T1"), 0, Game(), 10.0, 100)
    for requests in (1, 2, 37, 99, 100):
        best = unlimited(max(fleet.success), requests, Game().rules(10))
        assert fleet.bound(requests) == pytest.approx(best)
    assert fleet.bound(0) == 0
    assert fleet.bound(101) is None


@pytest.mark.parametrize("name", ["T2-tight", "T3-tide", "quota"])
def test_limits_lower_the_bound(name: str) -> None:
    fleet = known(scenarios.find(name), 1, Game(), 10.0, 100)
    value = fleet.bound(100)
    assert value is not None
    assert 50 < value < unlimited(max(fleet.success), 100, Game().rules(10))


def test_a_fault_lowers_the_bound_as_far_as_it_cannot_be_waited_for() -> None:
    outage = known(scenarios.find("outage"), 0, Game(deadline=1.0), 10.0, 100).bound(100)
    patient = known(scenarios.find("outage"), 0, Game(deadline=10.0), 10.0, 100).bound(100)
    assert outage is not None
    assert patient is not None
    rules = Game().rules(10)
    best, second = unlimited(0.95, 100, rules), unlimited(0.85, 100, rules)
    assert second < outage < patient
    assert patient == pytest.approx(best)


def test_truth_is_a_function_of_time() -> None:
    """In the scenario ``outage`` server 3 is down from 3 to 6 s, and again later."""
    fleet = known(scenarios.find("outage"), 0, Game(), 10.0, 10)
    assert [piece.success[3] for piece in fleet.pieces[:3]] == pytest.approx([0.95, 0.0, 0.95])
    assert [(piece.start, piece.end) for piece in fleet.pieces[:2]] == [(0.0, 3.0), (3.0, 6.0)]
    assert fleet.pieces[-1].end == float("inf")
    assert fleet.truth()["from"][:3] == [0.0, 3.0, 6.0]
    assert fleet.truth()["success"][1][7] == pytest.approx(0.85)
    assert fleet.faults()[0] == {"from": 3.0, "to": 6.0, "servers": [3], "kind": "down"}
    assert fleet.success[3] == pytest.approx(0.95)


def test_a_still_fleet_has_one_truth() -> None:
    fleet = known(scenarios.find("T2"), 4, Game(), 10.0, 10)
    (piece,) = fleet.pieces
    assert piece.success == pytest.approx(fleet.success)
    assert fleet.faults() == []


def test_what_answers_too_late_has_failed() -> None:
    """Servers that are 0.8 s late are as good as ever with 2 s for an attempt, worth nothing with
    half a second.
    """
    slow = scenarios.find("slow")
    for timeout, expected in ((2.0, 0.95), (0.5, 0.0)):
        fleet = known(slow, 0, Game(attempt_timeout=timeout), 10.0, 10)
        assert fleet.pieces[1].success[3] == pytest.approx(expected)
    patient, hasty = (
        known(slow, 0, Game(deadline=1.0, attempt_timeout=timeout), 10.0, 100).bound(100)
        for timeout in (1.0, 0.5)
    )
    assert patient is not None
    assert hasty is not None
    assert hasty < patient
