"""Addresses and config files: what is taken, and that every refusal names file, key and fix."""

from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

from flaky_load_balancer.config import (
    Game,
    PoolSettings,
    RouteSettings,
    SettingsError,
    read_config,
    server_url,
)

# As the documentation shows it.
EXAMPLE = """
[pools.T2]
servers = ["http://127.0.0.1:5000", "http://127.0.0.1:5001"]
[routes.v6-T2]
path = "/v6/T2"
pool = "T2"
strategy = "v6"
"""
POOL = '[pools.p]\nservers = ["http://127.0.0.1:5000"]\n'
ROUTE = '[routes.r]\npath = "/r"\npool = "p"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "flb.toml"


def refused(config: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_config(config)
    message = str(caught.value)
    assert message.startswith(f"--config {config}: ")
    assert "\n" not in message
    return message


def test_the_example(config: Path) -> None:
    config.write_text(EXAMPLE)
    pools, routes = read_config(config)
    assert pools == {"T2": PoolSettings(("http://127.0.0.1:5000", "http://127.0.0.1:5001"))}
    assert routes == (RouteSettings("v6-T2", "/v6/T2", "T2", "v6"),)


def test_every_key_and_the_defaults(config: Path) -> None:
    config.write_bytes(
        b"\xef\xbb\xbf"  # as some editors on Windows begin a file
        + b'[pools.p]\nservers = ["a:1", "b:2"]\nscenario = "T2"\nseed = 7\n'
        + b'[routes.one]\npath = "/"\npool = "p"\n'
        + b'[routes."two:x=0.5"]\npath = "/v6:cooldown=0.5/T2"\npool = "p"\nstrategy = "v6"\n'
    )
    pools, routes = read_config(config)
    assert pools["p"] == PoolSettings(("http://a:1", "http://b:2"), "T2", 7)
    assert [route.strategy for route in routes] == ["v4", "v6"]
    assert [route.name for route in routes] == ["one", "two:x=0.5"]


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        ("", "pools", "at least one table [pools.NAME]"),
        ("pools = 3", "pools", "at least one table [pools.NAME]"),
        ("[pools]", "pools", "at least one table [pools.NAME]"),
        (POOL, "routes", "at least one table [routes.NAME]"),
        (POOL + ROUTE + "[server]\n", "server", "no such key; use pools, routes"),
        (POOL + "sed = 1\n" + ROUTE, "pools.p.sed", "use scenario, seed, servers"),
        (POOL + ROUTE + "port = 1\n", "routes.r.port", "use path, pool, strategy"),
        ("[pools]\np = 1\n" + ROUTE, "pools.p", "a table, not 1"),
        (POOL + "[routes]\nr = []\n", "routes.r", "a table, not []"),
        ("[pools.p]\n" + ROUTE, "pools.p.servers", "a list of addresses"),
        ("[pools.p]\nservers = []\n" + ROUTE, "pools.p.servers", "http://127.0.0.1:4000"),
        ('[pools.p]\nservers = "a:1"\n' + ROUTE, "pools.p.servers", "a list of addresses"),
        ("[pools.p]\nservers = [4000]\n" + ROUTE, "pools.p.servers", "in quotes, not 4000"),
        (
            '[pools.p]\nservers = ["ftp://a"]\n' + ROUTE,
            "pools.p.servers",
            "'ftp://a' is not a server's address; expected one like http://127.0.0.1:4000",
        ),
        (
            '[pools.p]\nservers = ["a:1", "http://a:1/"]\n' + ROUTE,
            "pools.p.servers",
            "each server once, http://a:1 is there twice",
        ),
        (POOL + "seed = -1\n" + ROUTE, "pools.p.seed", "a whole number from 0 up, not -1"),
        (POOL + "seed = 1.5\n" + ROUTE, "pools.p.seed", "a whole number from 0 up, not 1.5"),
        (POOL + "seed = true\n" + ROUTE, "pools.p.seed", "a whole number from 0 up, not True"),
        (POOL + "scenario = 2\n" + ROUTE, "pools.p.scenario", "a text in quotes, not 2"),
        (POOL + '[routes.r]\npool = "p"\n', "routes.r.path", "a text in quotes"),
        (POOL + ROUTE.replace('"/r"', "7"), "routes.r.path", "a text in quotes, not 7"),
        (POOL + ROUTE.replace('"/r"', '"r"'), "routes.r.path", "a path such as /v6/T2, not 'r'"),
        (POOL + ROUTE.replace('"/r"', '"/a b"'), "routes.r.path", "a path such as"),
        (POOL + ROUTE.replace('"/r"', '"/{id}"'), "routes.r.path", "a path such as"),
        (POOL + ROUTE.replace('"/r"', '"/r?x=1"'), "routes.r.path", "a path such as"),
        (POOL + '[routes.r]\npath = "/r"\n', "routes.r.pool", "a text in quotes"),
        (POOL + ROUTE.replace('"p"', '"q"'), "routes.r.pool", "one of the pools ['p'], not 'q'"),
        (POOL + ROUTE + "strategy = 4\n", "routes.r.strategy", "a text in quotes, not 4"),
        (
            POOL + ROUTE + '[routes.s]\npath = "/r"\npool = "p"\n',
            "routes.s.path",
            "a path of its own, '/r' is also that of 'r'",
        ),
        ("[pools.p\n", "not TOML", "line 1"),
        (POOL + POOL, "not TOML", "line 3"),
        (f"x = {'9' * 5000}", "not TOML", "digits"),
        (f"x = {'[' * 5000}", "not TOML", ""),
    ],
)
def test_a_wrong_file_is_refused_by_key_with_the_fix(
    config: Path, text: str, key: str, fix: str
) -> None:
    config.write_text(text)
    message = refused(config)
    assert message.startswith(f"--config {config}: {key}: ")
    assert fix in message


def test_a_file_that_cannot_be_read_is_refused(config: Path) -> None:
    assert "No such file" in refused(config)
    assert "directory" in refused(config.parent)
    config.write_bytes(b"\x80\x81" + bytes(range(256)))
    assert refused(config).endswith("not a text file in UTF-8")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
        ("http://127.0.0.1:4000/", "http://127.0.0.1:4000"),
        ("127.0.0.1:4000", "http://127.0.0.1:4000"),
        ("localhost", "http://localhost"),
        ("https://example.org/deliver/here/", "https://example.org/deliver/here"),
        ("http://[::1]:4000", "http://[::1]:4000"),
        ("[::1]:4000", "http://[::1]:4000"),
        ("HTTP://Example.org:1", "http://Example.org:1"),
        ("http://a:65535", "http://a:65535"),
    ],
)
def test_a_servers_address(text: str, url: str) -> None:
    assert server_url(text, "--server") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "http://:4000",
        "ftp://a:1",
        "//a:1",
        "http:a",
        "http://a:0",
        "http://a:99999",
        "http://a:-1",
        "http://a:x",
        "http://a b",
        " http://a",
        "http://a\n",
        "http://a/\t",
        "http://a\0b",
        "http://a\\b",
        "http://a?x=1",
        "http://a/?",
        "http://a#top",
        "http://[::1",
        "http://[::g]:1",
        "http://a[b]c",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        server_url(text, "--server")
    message = str(caught.value)
    assert message.startswith(f"--server: {text!r} is not a server's address")
    assert "http://127.0.0.1:4000" in message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_attempts", 0),
        ("free_attempts", -1),
        *[("penalty", value) for value in (-0.1, nan, inf)],
        *[("deadline", value) for value in (0.0, -1.0, nan, inf)],
        *[("attempt_timeout", value) for value in (0.0, nan, inf)],
    ],
)
def test_rules_that_cannot_be_played_are_refused_by_flag(field: str, value: float) -> None:
    wrong = replace(Game(), **{field: value})  # type: ignore[arg-type]
    with pytest.raises(SettingsError) as caught:
        wrong.checked()
    assert "--" + field.replace("_", "-") in str(caught.value)
    assert str(value) in str(caught.value)


def test_the_edges_of_the_rules_are_playable() -> None:
    game = Game(0, 1, 0.0, 0.001, 0.001)
    assert game.checked() is game
    assert game.rules(3).max_attempts == 1
