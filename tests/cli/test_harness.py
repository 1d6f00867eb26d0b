"""``flb harness``: what could not be played is refused before anything starts."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from flaky_load_balancer.cli import harness, selection
from flaky_load_balancer.config import Game
from flaky_load_balancer.harness.plan import Plan
from tests.cli.test_selection import refused, scenario_file
from tests.programs import free_range, taken_port


def test_a_server_binary_is_a_program_and_the_one_that_was_meant(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_text("#!/bin/sh\n")
    assert harness.program(None) is None
    with refused(["--server-binary", str(binary)]):  # not executable
        harness.program(binary)
    binary.chmod(0o755)
    assert harness.program(binary) == binary.resolve()
    with refused(["--server-binary", "missing"]):
        harness.program(tmp_path / "missing")
    with refused(["--server-binary", str(tmp_path)]):
        harness.program(tmp_path)
    right = hashlib.sha256(binary.read_bytes()).hexdigest()
    assert harness.program(binary, right.upper()) == binary.resolve()
    with refused(["--strict-hash", "another file", right]):
        harness.program(binary, "0" * 64)
    with refused(["--strict-hash abc", "64 hex digits"]):
        harness.program(binary, "abc")
    with refused(["--strict-hash", "--server-binary"]):
        harness.program(None, right)


@pytest.fixture
def plan() -> Plan:
    scenarios = selection.scenarios(["T1", "T2"])
    return Plan(["v4", "v6"], scenarios, Game(), port=0, admin_port=0)


def test_a_race_has_a_copy_of_each_fleet_for_each_strategy(plan: Plan) -> None:
    harness.check(plan)
    assert [(run.route, run.path, run.pool) for run in plan.runs()] == [
        ("v4-T1", "/v4/T1", "T1-0"),
        ("v4-T2", "/v4/T2", "T2-0"),
        ("v6-T1", "/v6/T1", "T1-1"),
        ("v6-T2", "/v6/T2", "T2-1"),
    ]
    assert {run.copy for run in replace(plan, sequential=True).runs()} == {0}


def test_ports_that_collide_or_are_taken_are_refused(plan: Plan) -> None:
    with refused(["--port", "--admin-port", "4321"]):
        harness.check(replace(plan, port=4321, admin_port=4321))
    with taken_port() as port:
        with refused([f"--port: port {port} is taken", "another port"]):
            harness.check(replace(plan, port=port))
        with refused([f"--admin-port: port {port} is taken"]):
            harness.check(replace(plan, admin_port=port))
        with refused([f"--port: port {port} is taken"]):  # given, so not chosen by --free-ports
            harness.check(replace(plan, port=port, free_ports=True))


def test_a_port_that_is_given_is_kept() -> None:
    assert harness.plane_port(None, 8000, free_ports=False) == 8000
    assert harness.plane_port(None, 8000, free_ports=True) == 0
    assert harness.plane_port(4321, 8000, free_ports=True) == 4321
    assert harness.plane_port(0, 8000, free_ports=False) == 0


def test_a_server_binary_needs_ports_of_its_own(plan: Plan, tmp_path: Path) -> None:
    binary = replace(plan, server_binary=Path("/bin/true"))
    anywhere = scenario_file(tmp_path)
    with refused([f"--scenario {anywhere}", "first port"]):
        harness.check(replace(binary, scenarios=selection.scenarios([anywhere])))
    with refused(["--free-ports"]):
        harness.check(replace(binary, free_ports=True))
    with taken_port() as port:
        taken = scenario_file(tmp_path, "taken", f"port = {port}")
        with refused([f"--scenario {taken}", f"port {port} is taken", "another first port"]):
            harness.check(replace(binary, scenarios=selection.scenarios([taken])))
    free = scenario_file(tmp_path, "free", f"port = {free_range(2)}")
    harness.check(replace(binary, scenarios=selection.scenarios([free])))


def test_providers_of_models_are_no_servers_of_the_game(plan: Plan) -> None:
    with refused(["--scenario llm-mixed", "flb gateway"]):
        harness.check(replace(plan, scenarios=selection.scenarios(["llm-mixed"])))
