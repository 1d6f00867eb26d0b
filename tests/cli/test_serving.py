"""Flags and file of ``flb serve``: flags win, and each wrong one is refused by name."""

from dataclasses import replace
from pathlib import Path

import pytest

from flaky_load_balancer.cli import serving
from flaky_load_balancer.cli.serving import Flags, settings
from flaky_load_balancer.config import (
    Game,
    RouteSettings,
    Scoring,
    ServerSettings,
    Settings,
    SettingsError,
    Timeouts,
)
from tests.cli.test_selection import refused, scenario_file

FILE = """
[server]
port = 81
max_in_flight = 5
[pools.p]
servers = ["a:1"]
{pool}
[routes.r]
path = "/"
pool = "p"
{route}
"""


def config(folder: Path, pool: str = "", route: str = "") -> Path:
    path = folder / "flb.toml"
    path.write_text(FILE.format(pool=pool, route=route))
    return path


def test_one_route_from_flags() -> None:
    found = settings(Flags(["a:1", "http://b:2/"], kind="http", strategy="V6"))
    assert found.routes == (RouteSettings("default", "/", "default", "v6"),)
    assert found.pools["default"].names == ("http://a:1", "http://b:2/")
    assert found.pools["default"].servers[0] == ServerSettings.at("http://a:1")
    game = settings(Flags(["a:1"], kind="ids"))
    assert game.routes == (RouteSettings.of_ids("default", "/", "default", "cascade", Game()),)


def test_a_scenario_is_the_game_on_its_ports_with_the_truth() -> None:
    found = settings(Flags(scenario="T2", seed=7))
    pool = found.pools["default"]
    assert found.routes[0].kind == "ids"
    assert pool.names[0] == "http://127.0.0.1:5000"
    assert (pool.scenario, pool.seed, len(pool.names)) == ("T2", 7, 10)
    assert pool.truth is not None
    assert pool.pieces == {"from": [0.0], "success": [list(pool.truth)]}
    assert pool.faults == ()
    assert pool.bound is not None
    assert len(pool.truth) == 10
    assert pool.bound[-1][0] == found.requests == 100


def test_there_is_exactly_one_source(tmp_path: Path) -> None:
    anywhere = scenario_file(tmp_path)
    for flags, words in [
        (Flags(), ["--server", "--scenario", "--config", "none"]),
        (Flags(["a:1"], "T1"), ["--server and --scenario"]),
        (Flags(["a:1", "http://a:1"]), ["--server http://a:1 is there twice"]),
        (Flags(["ftp://a"]), ["--server", "'ftp://a'"]),
        (Flags(["foo"]), ["--server", "'foo'", "needs a port"]),
        (Flags(["a:1"], strategy="nope"), ["--strategy", "nope"]),
        (Flags(scenario="T9"), ["T9", "T1"]),
        (Flags(scenario=anywhere), [f"--scenario {anywhere}", "first port", "--server URL"]),
        (Flags(config=config(tmp_path), kind="ids"), ["--kind ids", "leave it out"]),
    ]:
        with refused(words):
            settings(flags)


@pytest.mark.parametrize(
    ("pool", "route", "words"),
    [
        ("", 'strategy = "nope"', ["routes.r.strategy", "'nope'"]),
        ("", 'strategy = "v6:cooldown=x"', ["routes.r.strategy", "cooldown"]),
        (
            "",
            'split = [{strategy = "v4", percent = 50}, {strategy = "x", percent = 50}]',
            ["routes.r.split[1].strategy", "'x'"],
        ),
        ('scenario = "T9"', "", ["pools.p.scenario", "T9"]),
        ('scenario = "T1"', "", ["pools.p", "1 servers, but T1 has 10"]),
    ],
)
def test_a_file_is_checked_in_full(tmp_path: Path, pool: str, route: str, words: list[str]) -> None:
    path = config(tmp_path, pool, route)
    with refused([f"--config {path}: ", *words]):
        settings(Flags(config=path))
    with refused([f"{path}: ", *words]):
        serving.check(path)


def test_a_certificate_is_checked_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    path = tmp_path / "flb.toml"
    text = FILE.format(pool="", route="")
    path.write_text(text.replace("port = 81", 'tls = { cert = "empty.pem", key = "empty.pem" }'))
    with refused([f"{path}: server.tls:", "a certificate and its key in PEM form"]):
        serving.check(path)


def test_flags_that_were_given_win_over_the_file(tmp_path: Path) -> None:
    path = config(tmp_path, route="game = { max_attempts = 2 }\ntimeouts = { idle = 4 }")
    file = serving.check(path)
    assert settings(Flags(config=path)) == file
    assert (file.port, file.max_in_flight, file.data_dir) == (81, 5, Settings({}, ()).data_dir)
    flags = Flags(config=path, port=82, penalty=0.25, deadline=9.0, attempt_timeout=3.0)
    found = settings(replace(flags, strategy="V4", no_records=True))
    assert (found.port, found.max_in_flight, found.data_dir) == (82, 5, None)
    assert found.routes[0].strategy == "v4"
    assert found.routes[0].game == Scoring(3, 2, 0.25)
    assert found.routes[0].timeouts == Timeouts(1.0, 3.0, 4.0, 9.0)


def test_a_strategy_from_the_environment_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLB_TEST_SECRET", "hush")
    path = config(tmp_path, route='strategy = "env:FLB_TEST_SECRET"')
    with pytest.raises(SettingsError) as caught:
        settings(Flags(config=path))
    assert "routes.r.strategy: 'env:FLB_TEST_SECRET'" in str(caught.value)
    assert "hush" not in str(caught.value)
