"""From a TOML file to settings."""

import re
import ssl
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from flaky_load_balancer.config import alerts, gateway
from flaky_load_balancer.config.settings import (
    FAILED,
    MOST_WORKERS,
    Contexts,
    Game,
    Health,
    Hedge,
    Kind,
    Mirror,
    Part,
    PoolSettings,
    Retry,
    RouteSettings,
    Scoring,
    ServerSettings,
    Settings,
    Share,
    Timeouts,
    Tls,
    TlsKeys,
)
from flaky_load_balancer.config.table import ENVIRONMENT, SettingsError, Table
from flaky_load_balancer.config.values import (
    loopback,
    possible_host,
    redis_url,
    server_address,
    size,
    statuses,
)
from flaky_load_balancer.core.errors import shown

PATH = re.compile(r"/(?:[A-Za-z0-9._~:=,@/+!$&'()*;-]|%[0-9A-Fa-f]{2})*")
HEALTH_PATH = re.compile(r"/[!-~]*")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
QUANTILE = re.compile(r"p([1-9][0-9]?(?:\.[0-9]+)?)")
SHARED = re.compile(r"[A-Za-z0-9._-]+")
PORTS = 65535
FRAMING = {  # headers that say where a message ends, or belong to one connection
    *("content-length", "transfer-encoding", "trailer", "te", "expect"),
    *("connection", "keep-alive", "upgrade"),
}


def read_config(path: Path, called: str | None = None) -> Settings:
    """The settings of a file; SettingsError names the file (as ``called``), the key and the fix."""
    called = called or str(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{called}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{called}: not a text file in UTF-8") from None
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise SettingsError(f"{called}: not TOML: {error}") from None
    private = gateway.private(path)
    return _settings(Table(called, "", document, path.parent, private=private))


def _settings(document: Table) -> Settings:
    pools = {_name(table, name): _pool(table) for name, table in document.tables("pools").items()}
    routes = tuple(_route(name, table, pools) for name, table in document.tables("routes").items())
    server, share = document.optional("server"), _share(document.table("share"))
    watched = alerts.alerts(document.optional("alerts"), [route.name for route in routes])
    document.finish()
    _refuse_doubled(document, routes)
    return replace(_server(server, pools, routes), share=share, alerts=watched)


def _name(table: Table, name: str) -> str:
    """A name that people, addresses and headers can carry; `~` is between a route and its part."""
    if not name.isprintable() or not name or "~" in name:
        raise SettingsError(f"{table.file}: {table.key!a}: expected a name of letters, without `~`")
    return name


def _server(
    table: Table, pools: dict[str, PoolSettings], routes: tuple[RouteSettings, ...]
) -> Settings:
    usual = Settings({}, ())
    data_dir = table.text("data_dir")
    settings = Settings(
        pools,
        routes,
        host=_host(table, "host", usual.host),
        port=table.whole("port", usual.port, 0, PORTS),
        admin_host=_host(table, "admin_host", usual.admin_host),
        admin_port=table.whole("admin_port", usual.admin_port, 0, PORTS),
        admin_token=table.text("admin_token"),
        admin_names=table.texts("admin_names", "names of hosts") or (),
        tls=_keys(table.table("tls")),
        trust_forwarded=_networks(table),
        max_in_flight=table.whole("max_in_flight", usual.max_in_flight, 1, 1_000_000),
        drain=table.number("drain", usual.drain, 0, 86_400),
        workers=table.whole("workers", usual.workers, 1, MOST_WORKERS),
        data_dir=usual.data_dir if data_dir is None else Path(data_dir),
        records=table.text("records"),
    )
    table.finish()
    if settings.admin_token is None and not loopback(settings.admin_host):
        raise table.wrong("admin_host", "an admin_token beside an address that is not loopback")
    return settings


def _share(table: Table | None) -> Share | None:
    if table is None:
        return None
    url = redis_url(table.required("url"), f"{table.file}: {table.dotted('url')}")
    name = table.text("name") or Share(url).name
    if not SHARED.fullmatch(name):
        raise table.wrong("name", "a name of letters, digits and . _ -")
    table.finish()
    return Share(url, name)


def _host(table: Table, name: str, default: str) -> str:
    host = table.text(name) or default
    if not possible_host(host):
        raise table.wrong(name, "an address such as 127.0.0.1")
    return host


def _keys(table: Table | None) -> TlsKeys | None:
    if table is None:
        return None
    keys = TlsKeys(_file(table, "cert"), _file(table, "key"))
    table.finish()
    return keys


def _file(table: Table, name: str) -> Path:
    """A file that is there; relative names are looked up beside the config file."""
    text = table.required(name)
    path = table.folder / text
    if not path.is_file():
        raise table.wrong(name, f"a file, {_shown(table, name)} is none")
    return path


def _networks(table: Table) -> tuple[str, ...]:
    networks = table.texts("trust_forwarded", "addresses or networks") or ()
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            fix = f"addresses or networks such as 10.0.0.0/8, not {network!r}"
            raise table.wrong("trust_forwarded", fix) from None
    return networks


def _pool(table: Table) -> PoolSettings:
    servers = tuple(_servers(table))
    names = Counter(server.identity for server in servers)
    doubled = next((name for name, count in names.items() if count > 1), None)
    if doubled is not None:
        raise table.wrong(
            "servers", f"each server once, {doubled} is there twice; give each a name of its own"
        )
    pool = PoolSettings(
        servers,
        tls=_tls(table.optional("tls")),
        health=_health(table.table("health")),
        scenario=table.text("scenario"),
        seed=table.whole("seed", 0),
        truth=_truth(table, len(servers)),
        bound=_bound(table),
        pieces=_pieces(table),
        faults=tuple(_faults(table)),
    )
    table.finish()
    return pool


def _servers(table: Table) -> Iterator[ServerSettings]:
    values = table.value("servers")
    if not isinstance(values, list) or not values:
        raise table.wrong("servers", "a list of addresses such as http://127.0.0.1:4000")
    for number, value in enumerate(values):
        if not isinstance(value, str | dict):
            raise table.wrong("servers", f"addresses in quotes, not {shown(value)}")
        whole = {"url": value} if isinstance(value, str) else value
        yield _one_server(table.within(f"servers[{number}]", whole))


def _one_server(table: Table) -> ServerSettings:
    text, written = table.required("url"), _shown(table, "url")
    where = f"{table.file}: {table.dotted('url')}"
    address = server_address(text, where, written)
    headers = dict(_headers(table.optional("headers")))
    if address.authorization is not None:
        headers.setdefault("authorization", address.authorization)
    # An address from the environment may hold secrets: such a server is called as it is written.
    identity = written if written.startswith(ENVIRONMENT) else address.url
    limit = table.whole("max_in_flight", 0, 1, 1_000_000)
    name = table.text("name")
    if name is not None and not name.isprintable():
        raise table.wrong("name", "a name of printable characters")
    provider = gateway.provider(table)
    table.finish()
    own = tuple(headers.items())
    return ServerSettings(address.url, name or identity, limit or None, own, provider)


def _headers(table: Table) -> Iterator[tuple[str, str]]:
    for name, value in table.pairs():
        if not TOKEN.fullmatch(name):
            raise table.wrong(name, "the name of a header")
        if name.lower() in FRAMING:
            raise table.wrong(name, "no header that frames a message or belongs to a connection")
        if not value.isascii() or not value.isprintable():
            raise table.wrong(name, "a value of printable ASCII characters")
        yield name.lower(), value


def _tls(table: Table) -> Tls:
    tls = Tls(
        verify=table.switch("verify", default=True),
        ca=_roots(table) if "ca" in table else None,
        server_name=table.text("server_name"),
    )
    table.value("ca")
    table.finish()
    return tls


def _roots(table: Table) -> Path:
    path = _file(table, "ca")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ssl.SSLError):
        shown = _shown(table, "ca")
        raise table.wrong("ca", f"certificates in PEM form, {shown} has none") from None
    return path


def _health(table: Table | None) -> Health | None:
    if table is None:
        return None
    usual = Health()
    path = table.text("path") or usual.path
    if not HEALTH_PATH.fullmatch(path):
        raise table.wrong("path", f"a path such as /healthz, not {path!r}")
    health = Health(
        path=path,
        every=table.seconds("every", usual.every),
        timeout=table.seconds("timeout", usual.timeout),
        fall=table.whole("fall", usual.fall, 1, 1000),
        rise=table.whole("rise", usual.rise, 1, 1000),
    )
    table.finish()
    return health


def _truth(table: Table, servers: int) -> tuple[float, ...] | None:
    values = table.value("truth")
    if values is None:
        return None
    chances = isinstance(values, list) and all(
        isinstance(value, int | float) and 0 <= value <= 1 for value in values
    )
    if not chances or len(values) != servers:
        raise table.wrong("truth", f"a chance of success for each of the {servers} servers")
    return tuple(float(value) for value in values)


def _bound(table: Table) -> tuple[tuple[int, float], ...] | None:
    values = table.value("bound")
    if values is None:
        return None
    try:
        grid = tuple((int(requests), float(score)) for requests, score in values)
    except (TypeError, ValueError):
        grid = ()
    if not grid or list(grid) != sorted(grid):
        raise table.wrong("bound", "pairs such as [100, 93.5]: requests, ascending, and a score")
    return grid


def _pieces(table: Table) -> dict[str, list[Any]] | None:
    """The truth over time: ``success[n]`` holds from second ``from[n]`` on."""
    pieces = table.table("pieces")
    if pieces is None:
        return None
    found = {name: pieces.value(name) for name in ("from", "success")}
    lists = all(isinstance(values, list) for values in found.values())
    if not lists or len(found["from"]) != len(found["success"]):
        raise table.wrong("pieces", "lists `from` and `success` of the same length")
    pieces.finish()
    return found


def _faults(table: Table) -> Iterator[dict[str, Any]]:
    """Stretches of trouble, as the lab's scenarios have them; without ``to`` one never ends."""
    if table.value("faults") is None:
        return
    for each in table.list_of_tables("faults"):
        fault = {name: each.value(name) for name in ("from", "to", "servers")}
        yield fault | {"kind": each.required("kind")}
        each.finish()


def _route(name: str, table: Table, pools: dict[str, PoolSettings]) -> RouteSettings:
    _name(table, name)
    kind = _kind(table)
    pool = _known_pool(table, "pool", pools)
    path = table.required("path")
    if not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise table.wrong("path", f"a path such as /v6/T2, not {path!r}")
    strategy = table.text("strategy")
    usual = Game() if kind == "ids" else Scoring()
    game = _scoring(table.optional("game"), usual)
    route = RouteSettings(name, path, pool, strategy or "cascade", kind, game=game)
    if kind == "ids":
        route = RouteSettings.of_ids(name, path, pool, route.strategy, Game(**vars(game)))
        route = replace(route, contexts=_contexts(table.table("contexts")))
    elif kind == "http":
        route = _http(route, table, pools)
    else:
        route = _openai(route, table, pools[pool])
    table.finish()
    return route


def _contexts(table: Table | None) -> Contexts | None:
    if table is None:
        return None
    features = table.whole("features", 0, 0, 4096)
    tasks = table.value("tasks")
    marks = [0, 0] if tasks is None else tasks
    whole = isinstance(marks, list) and all(type(mark) is int for mark in marks)
    if not whole or len(marks) != 2 or not 0 <= marks[0] <= marks[1] <= features:
        raise table.wrong("tasks", f"two columns of the {features} features, such as [0, 3]")
    contexts = Contexts(
        features,
        (marks[0], marks[1]),
        rewards=table.switch("rewards", default=False),
        usd=table.number("usd", 0.0, 0, 1e9),
        seconds=table.number("seconds", 0.0, 0, 1e9),
    )
    table.finish()
    return contexts


def _kind(table: Table) -> Kind:
    kind = table.text("kind")
    if kind is None or kind == "http":
        return "http"
    if kind == "ids":
        return "ids"
    if kind == "openai":
        return "openai"
    raise table.wrong("kind", f'"http", "ids" or "openai", not {kind!r}')


def _known_pool(table: Table, name: str, pools: dict[str, PoolSettings]) -> str:
    pool = table.required(name)
    if pool not in pools:
        raise table.wrong(name, f"one of the pools {sorted(pools)}, not {pool!r}")
    return pool


def _scoring(table: Table, usual: Scoring) -> Scoring:
    scoring = Scoring(
        free_attempts=table.whole("free_attempts", usual.free_attempts, 0, 1_000_000),
        max_attempts=table.whole("max_attempts", usual.max_attempts, 1, 1_000_000),
        penalty=table.number("penalty", usual.penalty, 0, 1e6),
    )
    table.finish()
    return scoring


def _http(route: RouteSettings, table: Table, pools: dict[str, PoolSettings]) -> RouteSettings:
    """A route of kind ``http``: its name, path, pool and game are known already."""
    return RouteSettings(
        route.name,
        route.path,
        route.pool,
        route.strategy,
        hosts=_hosts(table),
        strip_path=table.switch("strip_path", default=False),
        preserve_host=table.switch("preserve_host", default=False),
        flb_headers=table.switch("flb_headers", default=True),
        game=route.game,
        timeouts=_timeouts(table.optional("timeouts"), Timeouts()),
        retry=_retry(table.optional("retry"), Retry()),
        hedge=_hedge(table.table("hedge")),
        mirror=_mirror(table.table("mirror"), pools),
        split=tuple(_split(table)),
        failed=_failed(table),
    )


def _openai(route: RouteSettings, table: Table, pool: PoolSettings) -> RouteSettings:
    """A route of kind ``openai``: its name, path, pool, strategy and game are known already."""
    usual = RouteSettings.of_openai(route.name, route.path, route.pool)
    found = replace(
        usual,
        strategy=route.strategy,
        game=route.game,
        hosts=_hosts(table),
        flb_headers=table.switch("flb_headers", default=True),
        timeouts=_timeouts(table.optional("timeouts"), usual.timeouts),
        retry=_retry(table.optional("retry"), usual.retry),
        split=tuple(_split(table)),
        gateway=gateway.gateway(table, pool.names),
    )
    gateway.refuse_leaks(table, found, {each.identity: each.provider for each in pool.servers})
    return found


def _hosts(table: Table) -> tuple[str, ...]:
    hosts = table.texts("hosts", 'hosts such as "api.example.org" or "*.example.org"') or ()
    for host in hosts:
        if not possible_host(host.removeprefix("*.").strip("[]")):
            raise table.wrong("hosts", f"hosts such as *.example.org, not {host!r}")
    return tuple(host.lower() for host in hosts)


def _timeouts(table: Table, usual: Timeouts) -> Timeouts:
    timeouts = Timeouts(
        connect=table.seconds("connect", usual.connect),
        first_byte=table.seconds("first_byte", usual.first_byte),
        idle=table.seconds("idle", usual.idle),
        total=table.seconds("total", usual.total),
    )
    table.finish()
    return timeouts


def _retry(table: Table, usual: Retry) -> Retry:
    buffer = table.value("buffer")
    bytes_ = usual.buffer if buffer is None else size(buffer)
    if bytes_ is None or bytes_ > 2**30:
        raise table.wrong("buffer", f'a size such as "64KiB", 1 GiB at most, not {shown(buffer)}')
    methods = table.value("methods")
    valid = isinstance(methods, list) and all(
        isinstance(method, str) and TOKEN.fullmatch(method) for method in methods
    )
    if methods is not None and not valid:
        raise table.wrong("methods", f'a list such as ["GET", "PUT"], not {shown(methods)}')
    retry = Retry(
        methods=usual.methods if methods is None else frozenset(methods),
        budget_percent=table.percent("budget_percent", usual.budget_percent),
        budget_per_second=table.number("budget_per_second", usual.budget_per_second, 0, 1e6),
        buffer=bytes_,
    )
    table.finish()
    return retry


def _hedge(table: Table | None) -> Hedge | None:
    if table is None:
        return None
    after = table.value("after")
    percent = table.percent("percent", Hedge().percent)
    table.finish()
    if after is None:
        return Hedge(percent)
    if isinstance(after, str) and (found := QUANTILE.fullmatch(after)):
        return Hedge(percent, quantile=float(found[1]) / 100)
    if isinstance(after, str):
        raise table.wrong("after", f'"p95" or seconds such as 0.2, not {after!r}')
    return Hedge(percent, after=table.seconds("after", 0.0), quantile=None)


def _mirror(table: Table | None, pools: dict[str, PoolSettings]) -> Mirror | None:
    if table is None:
        return None
    mirror = Mirror(_known_pool(table, "pool", pools), table.percent("percent", 100.0))
    table.finish()
    return mirror


def _split(table: Table) -> Iterator[Part]:
    if table.value("split") is None:
        return
    if "strategy" in table:
        raise table.wrong("split", "either this or strategy, not both")
    parts = []
    for each in table.list_of_tables("split"):
        parts.append(Part(each.required("strategy"), each.percent("percent", 0.0)))
        each.finish()
    if len(parts) < 2 or abs(sum(part.percent for part in parts) - 100) > 1e-6:
        raise table.wrong("split", "two strategies or more, with percents that sum up to 100")
    if len({part.strategy for part in parts}) < len(parts):
        raise table.wrong("split", "each strategy once")
    yield from parts


def _failed(table: Table) -> frozenset[int]:
    texts = table.texts("failed", 'statuses such as "500" or "502-504"')
    if texts is None:
        return FAILED
    found: set[int] = set()
    for text in texts:
        some = statuses(text)
        if some is None:
            raise table.wrong("failed", f'statuses such as "500" or "502-504", not {text!r}')
        found |= some
    return frozenset(found)


def _refuse_doubled(document: Table, routes: tuple[RouteSettings, ...]) -> None:
    """Two routes for the same requests would leave one of them without any."""
    places: dict[tuple[str, str], str] = {}
    for route in routes:
        for host in route.hosts or ("",):
            if (route.path, host) in places:
                other = places[route.path, host]
                raise document.wrong(
                    f"routes.{route.name}.path",
                    f"a path of its own, {route.path!r} is also that of {other!r}",
                )
            places[route.path, host] = route.name


def _shown(table: Table, name: str) -> str:
    """A text as the file has it: what comes from the environment is never printed."""
    return str(table.value(name))
