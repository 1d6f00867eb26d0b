"""``flb serve``: pools and routes from flags or a file, or a refusal that names them."""

from pathlib import Path

import pytest

from flaky_load_balancer.cli.serve import routes
from flaky_load_balancer.config import PoolSettings, RouteSettings
from tests.cli.test_selection import refused, scenario_file


def test_routes_from_flags() -> None:
    pools, found = routes(["a:1", "http://b:2/"], None, "v6", None, 0)
    assert pools == {"default": PoolSettings(("http://a:1", "http://b:2"))}
    assert found == (RouteSettings("default", "/", "default", "v6"),)
    pools, _ = routes([], "T2", "v4", None, 7)
    assert pools["default"].servers[0] == "http://127.0.0.1:5000"
    assert len(pools["default"].servers) == 10
    assert (pools["default"].scenario, pools["default"].seed) == ("T2", 7)


def test_routes_need_exactly_one_source(tmp_path: Path) -> None:
    anywhere = scenario_file(tmp_path)
    with refused(["--server", "--scenario", "--config", "none"]):
        routes([], None, "v4", None, 0)
    with refused(["--server and --scenario"]):
        routes(["a:1"], "T1", "v4", None, 0)
    with refused(["--server http://a:1 is there twice"]):
        routes(["a:1", "http://a:1/"], None, "v4", None, 0)
    with refused(["--server", "'ftp://a'"]):
        routes(["ftp://a"], None, "v4", None, 0)
    with refused(["--strategy", "nope"]):
        routes(["a:1"], None, "nope", None, 0)
    with refused(["T9", "T1"]):
        routes([], "T9", "v4", None, 0)
    with refused([f"--scenario {anywhere}", "first port", "--server URL"]):
        routes([], anywhere, "v4", None, 0)


@pytest.mark.parametrize(
    ("pool", "strategy", "words"),
    [
        ("", "nope", ["routes.r.strategy", "'nope'"]),
        ("", "v6:cooldown=x", ["routes.r.strategy", "cooldown"]),
        ('scenario = "T9"', "v4", ["pools.p.scenario", "T9"]),
        ('scenario = "T1"', "v4", ["pools.p", "1 servers, but T1 has 10"]),
    ],
)
def test_a_config_file_is_checked_in_full(
    tmp_path: Path, pool: str, strategy: str, words: list[str]
) -> None:
    config = tmp_path / "flb.toml"
    config.write_text(
        f'[pools.p]\nservers = ["a:1"]\n{pool}\n'
        f'[routes.r]\npath = "/"\npool = "p"\nstrategy = "{strategy}"\n'
    )
    with refused([f"--config {config}", *words]):
        routes([], None, "v4", config, 0)
