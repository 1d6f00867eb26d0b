"""Config files: what is taken, and that every refusal names file, key and fix."""

import re
from pathlib import Path

import certifi
import pytest

from flaky_load_balancer.config import (
    Game,
    Health,
    Hedge,
    Mirror,
    Part,
    PoolSettings,
    Retry,
    RouteSettings,
    Scoring,
    ServerSettings,
    SettingsError,
    Share,
    Timeouts,
    Tls,
    TlsKeys,
    read_config,
)

# As the documentation shows it.
EXAMPLE = """
[pools.T2]
servers = ["http://127.0.0.1:5000", "http://127.0.0.1:5001"]
[routes.v6-T2]
kind = "ids"
path = "/v6/T2"
pool = "T2"
strategy = "v6"
"""
HUGE = "0x" + "f" * 9000  # too large for a float, and for Python to print
POOL = '[pools.p]\nservers = ["http://127.0.0.1:5000"]\n'
ROUTE = '[routes.r]\npath = "/r"\npool = "p"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "flb.toml"


def refused(config: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_config(config)
    message = str(caught.value)
    assert message.startswith(f"{config}: ")
    assert "\n" not in message
    return message


def test_the_game(config: Path) -> None:
    config.write_text(EXAMPLE)
    settings = read_config(config)
    urls = ("http://127.0.0.1:5000", "http://127.0.0.1:5001")
    assert settings.pools == {"T2": PoolSettings(tuple(map(ServerSettings.at, urls)))}
    assert settings.routes == (RouteSettings.of_ids("v6-T2", "/v6/T2", "T2", "v6", Game()),)
    assert settings.routes[0].timeouts == Timeouts(2.0, 2.0, 2.0, 10.0)


def test_the_defaults(config: Path) -> None:
    config.write_bytes(b"\xef\xbb\xbf" + (POOL + ROUTE).encode())  # as some editors begin a file
    settings = read_config(config)
    assert settings.routes == (RouteSettings("r", "/r", "p"),)
    route = settings.routes[0]
    assert (route.kind, route.strategy, route.game) == ("http", "cascade", Scoring(3, 3, 0.5))
    assert route.timeouts == Timeouts(1.0, 10.0, 30.0, 60.0)
    methods = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
    assert route.retry == Retry(methods, 20, 10, 64 * 1024)
    assert route.failed == {500, 502, 503, 504, *range(520, 600)}
    assert (route.hedge, route.mirror, route.split, route.flb_headers) == (None, None, (), True)
    assert (settings.host, settings.port, settings.admin_host, settings.admin_port) == (
        *("127.0.0.1", 8000, "127.0.0.1", 8001),
    )
    assert (settings.max_in_flight, settings.drain, settings.trust_forwarded) == (1024, 5.0, ())


EVERY_KEY = """
[server]
host = "0.0.0.0"
port = 80
admin_host = "::1"
admin_port = 81
admin_token = "env:FLB_TEST_TOKEN"
admin_names = ["flb.example.org"]
tls = { cert = "cert.pem", key = "key.pem" }
trust_forwarded = ["127.0.0.1", "10.0.0.0/8"]
max_in_flight = 7
drain = 1.5
workers = 2
data_dir = "records"
records = "postgresql://db/flb"

[pools.partners]
servers = [
  "https://a.example/base/",
  { url = "http://b", name = "b", max_in_flight = 20, headers = { X-Key = "env:FLB_TEST_KEY" } },
  { url = "env:FLB_TEST_URL" },
]
tls = { verify = false, ca = "cert.pem", server_name = "a.example" }
scenario = "T2"
seed = 7
truth = [0.5, 1, 0]
bound = [[0, 0.0], [100, 93.5]]
[pools.partners.health]
path = "/healthz"
every = 1
timeout = 0.5
fall = 4
rise = 5

[routes.orders]
kind = "http"
path = "/orders"
hosts = ["API.example.org", "*.example.org"]
pool = "partners"
strip_path = true
preserve_host = true
flb_headers = false
game = { free_attempts = 1, max_attempts = 2, penalty = 0.25 }
timeouts = { connect = 2, first_byte = 3, idle = 4, total = 5 }
retry = { methods = ["GET"], budget_percent = 10, budget_per_second = 1, buffer = "1MiB" }
hedge = { after = "p99", percent = 2 }
mirror = { pool = "partners", percent = 10 }
split = [{ strategy = "v4", percent = 50 }, { strategy = "cascade", percent = 50 }]
failed = ["404", "500-599"]
"""


def test_every_key(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLB_TEST_TOKEN", "token")
    monkeypatch.setenv("FLB_TEST_KEY", "Bearer secret")
    monkeypatch.setenv("FLB_TEST_URL", "http://user:password@hidden.example")
    pem = config.with_name("cert.pem")
    pem.write_text(certifi.contents())
    config.with_name("key.pem").touch()
    config.write_text(EVERY_KEY)
    settings = read_config(config)
    assert (settings.host, settings.port) == ("0.0.0.0", 80)
    assert (settings.admin_host, settings.admin_port, settings.admin_token) == ("::1", 81, "token")
    assert settings.tls == TlsKeys(pem, config.with_name("key.pem"))
    assert settings.trust_forwarded == ("127.0.0.1", "10.0.0.0/8")
    assert (settings.admin_names, settings.max_in_flight) == (("flb.example.org",), 7)
    assert (settings.drain, settings.workers) == (1.5, 2)
    assert (settings.data_dir, settings.records) == (Path("records"), "postgresql://db/flb")
    pool = settings.pools["partners"]
    assert pool.names == ("https://a.example/base/", "b", "env:FLB_TEST_URL")
    assert pool.servers[1].headers == (("x-key", "Bearer secret"),)
    assert pool.servers[1].max_in_flight == 20
    assert pool.servers[2].url == "http://hidden.example"
    assert pool.servers[2].headers[0][0] == "authorization"
    assert pool.tls == Tls(verify=False, ca=pem, server_name="a.example")
    assert pool.health == Health("/healthz", 1.0, 0.5, 4, 5)
    assert (pool.scenario, pool.seed, pool.truth) == ("T2", 7, (0.5, 1.0, 0.0))
    assert pool.bound == ((0, 0.0), (100, 93.5))
    (route,) = settings.routes
    assert route.hosts == ("api.example.org", "*.example.org")
    assert (route.strip_path, route.preserve_host, route.flb_headers) == (True, True, False)
    assert route.game == Scoring(1, 2, 0.25)
    assert route.timeouts == Timeouts(2, 3, 4, 5)
    assert route.retry == Retry(frozenset({"GET"}), 10, 1, 2**20)
    assert route.hedge == Hedge(2.0, quantile=0.99)
    assert route.mirror == Mirror("partners", 10.0)
    assert route.split == (Part("v4", 50), Part("cascade", 50))
    assert route.failed == {404, *range(500, 600)}
    shown = repr(settings)
    assert not [secret for secret in ("secret", "password", "'token'", "hidden") if secret in shown]


def test_a_missing_variable_of_the_environment_is_refused(config: Path) -> None:
    config.write_text('[pools.p]\nservers = ["env:FLB_TEST_NOWHERE"]\n' + ROUTE)
    assert "pools.p.servers[0].url: the environment has no FLB_TEST_NOWHERE; set it" in refused(
        config
    )


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        ("", "pools", "at least one table [pools.NAME]"),
        ("pools = 3", "pools", "at least one table [pools.NAME]"),
        ("[pools]", "pools", "at least one table [pools.NAME]"),
        (POOL, "routes", "at least one table [routes.NAME]"),
        (POOL + ROUTE + "[sever]\n", "sever", "did you mean server? use alerts, pools, routes"),
        (POOL + "sed = 1\n" + ROUTE, "pools.p.sed", "did you mean seed? use bound, faults"),
        (POOL + ROUTE + "poll = 1\n", "routes.r.poll", "did you mean pool?"),
        (POOL + ROUTE + "zzz = 1\n", "routes.r.zzz", "no such key; use failed, flb_headers"),
        (POOL + ROUTE + 'kind = "ids"\ntimeouts = {}\n', "routes.r.timeouts", "no such key"),
        ("[pools]\np = 1\n" + ROUTE, "pools.p", "a table, not 1"),
        (POOL + "[routes]\nr = []\n", "routes.r", "a table, not []"),
        ("[pools.p]\n" + ROUTE, "pools.p.servers", "a list of addresses"),
        ("[pools.p]\nservers = []\n" + ROUTE, "pools.p.servers", "http://127.0.0.1:4000"),
        ('[pools.p]\nservers = "a:1"\n' + ROUTE, "pools.p.servers", "a list of addresses"),
        ("[pools.p]\nservers = [4000]\n" + ROUTE, "pools.p.servers", "in quotes, not 4000"),
        (
            '[pools.p]\nservers = ["ftp://a"]\n' + ROUTE,
            "pools.p.servers[0].url",
            "'ftp://a' is not a server's address; expected one like http://127.0.0.1:4000",
        ),
        (
            '[pools.p]\nservers = ["a:1", "http://a:1"]\n' + ROUTE,
            "pools.p.servers",
            "each server once, http://a:1 is there twice; give each a name",
        ),
        *[
            (f"[pools.p]\nservers = [{server}]\n" + ROUTE, f"pools.p.servers[0].{key}", fix)
            for server, key, fix in [
                ('"http://a..b:1"', "url", "no host is called a..b"),
                ("{}", "url", "a text in quotes, not None"),
                ('{ url = "a:1", max_in_flight = 0 }', "max_in_flight", "from 1 to 1000000, not 0"),
                ('{ url = "a:1", header = {} }', "header", "did you mean headers?"),
                ('{ url = "a:1", headers = { "a b" = "c" } }', "headers.a b", "name of a header"),
                ('{ url = "a:1", headers = { a = "b\\n" } }', "headers.a", "printable"),
                ('{ url = "a:1", headers = { TE = "trailers" } }', "headers.TE", "frames"),
                ('{ url = "a:1", headers = { Upgrade = "x" } }', "headers.Upgrade", "connection"),
                ('{ url = "a:1", name = "a\\nb" }', "name", "printable characters"),
            ]
        ],
        *[
            (POOL + pool + "\n" + ROUTE, f"pools.p.{key}", fix)
            for pool, key, fix in [
                ('tls = { ca = "no.pem" }', "tls.ca", "a file, no.pem is none"),
                ('tls = { ca = "flb.toml" }', "tls.ca", "in PEM form, flb.toml has none"),
                ("tls = { verify = 1 }", "tls.verify", "true or false, not 1"),
                ('health = { path = "x" }', "health.path", "a path such as /healthz, not 'x'"),
                ("health = { every = 0 }", "health.every", "a number from 0.001 to 1e+06, not 0"),
                ("health = { fall = 0 }", "health.fall", "a whole number from 1 to 1000, not 0"),
                ("truth = [0.5, 0.5]", "truth", "for each of the 1 servers"),
                ("bound = [[2, 1.0], [1, 1.0]]", "bound", "ascending"),
                ("bound = 7", "bound", "pairs such as [100, 93.5]"),
                ("pieces = { from = [0] }", "pieces", "lists `from` and `success`"),
                ("faults = [{ from = 0 }]", "faults[0].kind", "a text in quotes"),
            ]
        ],
        *[
            (POOL + ROUTE + route + "\n", f"routes.r.{key}", fix)
            for route, key, fix in [
                ('kind = "tcp"', "kind", '"http", "ids" or "openai", not \'tcp\''),
                ('hosts = ["a..b"]', "hosts", "hosts such as *.example.org, not 'a..b'"),
                ("game = { max_attempts = 0 }", "game.max_attempts", "from 1 to 1000000, not 0"),
                ("game = { penalty = -1 }", "game.penalty", "a number from 0 to 1e+06, not -1"),
                ("timeouts = { idle = nan }", "timeouts.idle", "a number from 0.001"),
                ('timeouts = { total = "1s" }', "timeouts.total", "not '1s'"),
                ('retry = { methods = "GET" }', "retry.methods", 'such as ["GET", "PUT"]'),
                ('retry = { buffer = "64kb" }', "retry.buffer", '"64KiB", 1 GiB at most'),
                ("retry = { budget_percent = 101 }", "retry.budget_percent", "from 0 to 100"),
                ('hedge = { after = "95" }', "hedge.after", '"p95" or seconds such as 0.2'),
                ('mirror = { pool = "q" }', "mirror.pool", "one of the pools ['p'], not 'q'"),
                ('split = [{ strategy = "v4" }]', "split", "percents that sum up to 100"),
                ('failed = ["5xx"]', "failed", '"500" or "502-504", not \'5xx\''),
                ("strip_path = 1", "strip_path", "true or false"),
            ]
        ],
        *[
            (POOL + ROUTE + "[server]\n" + server + "\n", f"server.{key}", fix)
            for server, key, fix in [
                ("port = 70000", "port", "from 0 to 65535, not 70000"),
                ('host = "a b"', "host", "an address such as 127.0.0.1"),
                ('tls = { cert = "no.pem", key = "no.pem" }', "tls.cert", "a file, no.pem is none"),
                ('trust_forwarded = ["x"]', "trust_forwarded", "such as 10.0.0.0/8, not 'x'"),
                ("admin_token = 7", "admin_token", "a text in quotes, not 7"),
            ]
        ],
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
        (POOL + ROUTE + f"timeouts = {{ idle = {HUGE} }}\n", "routes.r.timeouts.idle", "not that"),
        (
            POOL + ROUTE + f"retry = {{ budget_per_second = {HUGE} }}\n",
            "routes.r.retry.budget_per_second",
            "not that",
        ),
        (POOL + ROUTE + f"retry = {{ buffer = {HUGE} }}\n", "routes.r.retry.buffer", "not that"),
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
    assert message.startswith(f"{config}: {key}: ")
    assert fix in message


def test_a_file_that_cannot_be_read_is_refused(config: Path) -> None:
    assert "No such file" in refused(config)
    assert "directory" in refused(config.parent)
    config.write_bytes(b"\x80\x81" + bytes(range(256)))
    assert refused(config).endswith("not a text file in UTF-8")


@pytest.mark.parametrize(
    "route",
    [
        'hosts = ["env:FLB_TEST_SECRET"]',
        'failed = ["env:FLB_TEST_SECRET"]',
        'kind = "env:FLB_TEST_SECRET"',
        'mirror = { pool = "env:FLB_TEST_SECRET" }',
        '[server]\ntrust_forwarded = ["env:FLB_TEST_SECRET"]',
    ],
)
def test_a_refusal_never_shows_what_the_environment_holds(
    config: Path, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    monkeypatch.setenv("FLB_TEST_SECRET", "hunter2://swordfish")
    config.write_text(POOL + ROUTE + route)
    message = refused(config)
    assert "env:FLB_TEST_SECRET" in message
    assert "swordfish" not in message


@pytest.mark.parametrize("name", ["", "a~mirror", "a\\nb"])
def test_names_of_routes_and_pools_can_be_carried_by_headers_and_addresses(
    config: Path, name: str
) -> None:
    config.write_text(POOL + ROUTE.replace("[routes.r]", f'[routes."{name}"]'))
    assert "expected a name" in refused(config)
    config.write_text(POOL.replace("[pools.p]", f'[pools."{name}"]') + ROUTE)
    assert "expected a name" in refused(config)


SHARED = '[pools.p]\nservers = ["http://a:1"]\n[routes.r]\npath = "/"\npool = "p"\n[share]\n'


def shared(folder: Path, text: str) -> Share | None:
    path = folder / "flb.toml"
    path.write_text(SHARED + text)
    return read_config(path).share


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://host",
        "rediss://user:pa%20ss@host:6380/12?ssl_ca_certs=/etc/roots.pem",
        "redis://[::1]:6379",
    ],
)
def test_where_replicas_meet(tmp_path: Path, url: str) -> None:
    assert shared(tmp_path, f'url = "{url}"') == Share(url, "flb")
    assert shared(tmp_path, f'url = "{url}"\nname = "blue"') == Share(url, "blue")


def test_where_replicas_meet_may_be_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARED_REDIS", "redis://:secret@host/1")
    found = shared(tmp_path, 'url = "env:SHARED_REDIS"')
    assert found is not None
    assert found.url == "redis://:secret@host/1"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "share.url"),
        ('url = "http://:secret@host"', "share.url"),
        ('url = "redis://"', "share.url"),
        ('url = "redis://:secret@host:99999"', "share.url"),
        ('url = "redis://:secret@host:0"', "share.url"),
        ('url = "redis://:secret@host/one"', "share.url"),
        ('url = "redis://:secret@host?socket_timeout=1"', "share.url"),
        ('url = "redis://host"\nname = "a b"', "share.name"),
        ('url = "redis://host"\nname = 1', "share.name"),
        ('url = "redis://host"\ndatabase = 1', "share.database"),
    ],
)
def test_where_replicas_cannot_meet(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(key)) as refused:
        shared(tmp_path, text)
    assert "secret" not in str(refused.value)
