"""What deploy/ holds fits the program: its config, its fleet, its metrics."""

import json
import re
from pathlib import Path

import pytest

from flaky_load_balancer.admin import metrics
from flaky_load_balancer.cli import serving
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.simulation import scenarios
from tests.routes import answering, deliver, route

DEPLOY = Path(__file__).parent.parent / "deploy"


def test_its_config_is_one_and_its_servers_are_those_of_its_fleet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLB_ADMIN_TOKEN", "secret")
    settings = serving.check(DEPLOY / "flb.toml")
    fleet = scenarios.find(str(DEPLOY / "fleet.toml"))
    ports = [int(each.url.rpartition(":")[2]) for each in settings.pools["flaky"].servers]
    assert fleet.port is not None
    assert ports == [fleet.port + arm for arm in range(fleet.servers)]


async def test_its_board_shows_metrics_that_exist() -> None:
    served = route(answering(Outcome.SUCCEEDED))
    await deliver(served)
    families = metrics.Routes([served], lambda: 0, {}).collect()
    exist = {sample.name for family in families for sample in family.samples}
    exist |= {family.name for family in metrics.Routes([served], lambda: 0, {}).collect()}
    board = json.loads((DEPLOY / "grafana" / "boards" / "flb.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert set(re.findall(r"flb_\w+", " ".join(queries))) <= exist


def test_its_unit_and_image_call_commands_that_exist() -> None:
    unit = (DEPLOY / "flb.service").read_text()
    assert "ExecStartPre=/usr/local/bin/flb check " in unit
    assert "Type=notify" in unit
    image = (DEPLOY / "Containerfile").read_text()
    for copied in re.findall(r"-r (\S+)", image):
        assert (DEPLOY.parent / copied).is_file()
