"""What the balancer is told to do: one frozen object, read once at the edge."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.core.types import Rules

PATH = re.compile(r"/[A-Za-z0-9._~:=,@/+-]*")
NOT_IN_URLS = frozenset(" ?#\\@")  # of servers: we add no query and send no fragment


class SettingsError(UserError):
    """Something that a user wrote is wrong; the message names where and how to mend it."""


def flag(name: str) -> str:
    """The option of the command line that a field is set by."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class Game:
    """The rules that every route plays by; times in seconds."""

    free_attempts: int = 3
    max_attempts: int = 10
    penalty: float = 0.5
    deadline: float = 10.0
    attempt_timeout: float = 2.0

    def rules(self, arms: int) -> Rules:
        return Rules(arms, self.free_attempts, self.max_attempts, self.penalty)

    def checked(self, called: Callable[[str], str] = flag) -> "Game":
        """These rules, if they can be played by; ``called``: what errors call a field."""
        if self.max_attempts < 1:
            name = called("max_attempts")
            raise SettingsError(f"{name} must be at least 1, not {self.max_attempts}")
        if self.free_attempts < 0:
            name = called("free_attempts")
            raise SettingsError(f"{name} must not be negative: {self.free_attempts}")
        for field_name in ("penalty", "deadline", "attempt_timeout"):
            value = getattr(self, field_name)
            low = 0 if field_name == "penalty" else 1e-3
            if not low <= value < 1e6:
                name = called(field_name)
                raise SettingsError(f"{name} must be a number from {low} up, not {value}")
        return self


@dataclass(frozen=True)
class PoolSettings:
    """Servers that belong together; the scenario and seed are known for our own flaky ones."""

    servers: tuple[str, ...]
    scenario: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class RouteSettings:
    """A path, where it leads, and what chooses."""

    name: str
    path: str
    pool: str
    strategy: str


@dataclass(frozen=True)
class Settings:
    """All that ``flb serve`` is told."""

    pools: dict[str, PoolSettings]
    routes: tuple[RouteSettings, ...]
    game: Game = field(default_factory=Game)
    host: str = "127.0.0.1"
    port: int = 8000
    admin_port: int = 8001
    max_in_flight: int = 1024
    seed: int = 0
    rate: float = 10.0  # requests per second and route that are expected, and
    requests: int = 100  # how many of them: the bound depends on both
    data_dir: Path | None = Path(".flb")  # None: no records
    keep: str | None = None
    session: str | None = None  # an existing session to join, else a new one
    log_format: str = "text"


def server_url(text: str, where: str) -> str:
    """A server's address without a trailing slash; SettingsError if it is not one."""
    try:
        url = urlsplit(text if "//" in text else f"http://{text}")
        valid = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        valid = False
    if not valid or set(text) & NOT_IN_URLS or not (text.isascii() and text.isprintable()):
        raise SettingsError(
            f"{where}: {text!r} is not a server's address; expected one like http://127.0.0.1:4000"
        )
    return url.geturl().rstrip("/")


def read_config(path: Path) -> tuple[dict[str, PoolSettings], tuple[RouteSettings, ...]]:
    """Pools and routes from a TOML file; SettingsError names the file, the key and the fix."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"--config {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"--config {path}: not a text file in UTF-8") from None
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits
        raise SettingsError(f"--config {path}: not TOML: {error}") from None
    return _Reader(path).document(document)


class _Reader:
    """Turns a parsed config file into settings, complaining by file and key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def document(
        self, document: dict[str, Any]
    ) -> tuple[dict[str, PoolSettings], tuple[RouteSettings, ...]]:
        self.known(document, "", {"pools", "routes"})
        pools = {
            name: self.pool(name, table) for name, table in self.tables(document, "pools").items()
        }
        routes = tuple(
            self.route(name, table, pools)
            for name, table in self.tables(document, "routes").items()
        )
        paths: dict[str, str] = {}
        for route in routes:
            if route.path in paths:
                raise self.wrong(
                    f"routes.{route.name}.path",
                    f"a path of its own, {route.path!r} is also that of {paths[route.path]!r}",
                )
            paths[route.path] = route.name
        return pools, routes

    def pool(self, name: str, table: Any) -> PoolSettings:
        key = f"pools.{name}"
        self.known(table, key, {"servers", "scenario", "seed"})
        servers = table.get("servers")
        if not isinstance(servers, list) or not servers:
            raise self.wrong(f"{key}.servers", "a list of addresses such as http://127.0.0.1:4000")
        for server in servers:
            if not isinstance(server, str):
                raise self.wrong(f"{key}.servers", f"addresses in quotes, not {server!r}")
        where = f"--config {self.path}: {key}.servers"
        urls = tuple(server_url(server, where) for server in servers)
        doubled = next((url for url in urls if urls.count(url) > 1), None)
        if doubled is not None:
            raise self.wrong(f"{key}.servers", f"each server once, {doubled} is there twice")
        scenario = self.text(table, key, "scenario", optional=True)
        seed = table.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise self.wrong(f"{key}.seed", f"a whole number from 0 up, not {seed!r}")
        return PoolSettings(urls, scenario, seed)

    def route(self, name: str, table: Any, pools: dict[str, PoolSettings]) -> RouteSettings:
        key = f"routes.{name}"
        self.known(table, key, {"path", "pool", "strategy"})
        path = self.text(table, key, "path") or ""
        if not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise self.wrong(f"{key}.path", f"a path such as /v6/T2, not {path!r}")
        pool = self.text(table, key, "pool") or ""
        if pool not in pools:
            raise self.wrong(f"{key}.pool", f"one of the pools {sorted(pools)}, not {pool!r}")
        strategy = self.text(table, key, "strategy", optional=True) or "v4"
        return RouteSettings(name, path, pool, strategy)

    def tables(self, document: dict[str, Any], key: str) -> dict[str, Any]:
        tables = document.get(key)
        if not isinstance(tables, dict) or not tables:
            raise self.wrong(key, f"at least one table [{key}.NAME]")
        return tables

    def text(
        self, table: dict[str, Any], key: str, name: str, optional: bool = False
    ) -> str | None:
        value = table.get(name)
        if value is None and optional:
            return None
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{key}.{name}", f"a text in quotes, not {value!r}")
        return value

    def known(self, table: Any, key: str, names: set[str]) -> None:
        if not isinstance(table, dict):
            raise self.wrong(key, f"a table, not {table!r}")
        for name in table:
            if name not in names:
                dotted = f"{key}.{name}" if key else name
                there = ", ".join(sorted(names))
                raise SettingsError(f"--config {self.path}: {dotted}: no such key; use {there}")

    def wrong(self, key: str, expected: str) -> SettingsError:
        return SettingsError(f"--config {self.path}: {key}: expected {expected}")
