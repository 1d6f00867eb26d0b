"""The keys of kind ``openai``: what servers serve and cost, what a route allows and aims at."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from flaky_load_balancer.config.settings import (
    Budget,
    Gateway,
    Prices,
    Provider,
    RouteSettings,
    Settings,
)
from flaky_load_balancer.config.table import ENVIRONMENT, SettingsError, Table, from_environment
from flaky_load_balancer.config.values import loopback, seconds
from flaky_load_balancer.core.errors import shown
from flaky_load_balancer.features import FeatureError, Features

FILE = "file:"
CLIENT = "client"  # as a server's key: whatever the client sent
OTHERS = stat.S_IRWXO | stat.S_IWGRP  # what nobody may do with a file of secrets
LONGEST_SECRET = 16_384  # bytes
SECRET = re.compile(r"[!-~]+")
EVERYTHING = "*"


def private(path: Path) -> bool:
    """Whether nobody but its owner and its group can read a file, and only its owner write it."""
    return not path.stat().st_mode & OTHERS


def provider(table: Table) -> Provider:
    """What a server's table says for kind ``openai``."""
    usual = Provider()
    most = 2**53
    return Provider(
        model=table.text("model"),
        key=_secret(table, "key") if "key" in table else None,
        prices=_prices(table.table("usd_per_mtok")),
        max_output=table.whole("max_output", 0, 1, most) or None,
        context=table.whole("context", 0, 1, most) or None,
        ask_usage=table.switch("ask_usage", default=usual.ask_usage),
    )


def gateway(table: Table, servers: tuple[str, ...]) -> Gateway:
    """What a route's table says; ``servers`` are the names of its pool's."""
    usual = Gateway()
    objective = table.optional("objective")
    found = Gateway(
        models=tuple(_models(table.table("models"), servers)),
        reward=_reward(table),
        usd=objective.number("usd", usual.usd, 0, 1e9),
        seconds=objective.number("seconds", usual.seconds, 0, 1e9),
        budget=_budget(table.table("budget")),
        features=_features(table),
        keys=_keys(table),
    )
    objective.finish()
    return found


def refuse_leaks(table: Table, route: RouteSettings, providers: dict[str, Provider]) -> None:
    """A client's token opens the gateway or goes to a server, but not both."""
    passing = [name for name, each in providers.items() if each.key == CLIENT]
    if passing and route.gateway is not None and route.gateway.keys:
        raise table.wrong(
            "keys", f'none beside the server {passing[0]}, which has key = "{CLIENT}"'
        )


def refuse_open(settings: Settings, host: str, keys: str) -> None:
    """A gateway without keys is only for this machine; ``host`` and ``keys``: what errors say."""
    for route in settings.routes:
        open_ = route.gateway is not None and not route.gateway.keys
        if open_ and not loopback(settings.host):
            raise SettingsError(
                f"{host} {settings.host}: whoever reaches it could spend your money;"
                f" set {keys.format(route.name)} or listen on 127.0.0.1"
            )


def _secret(table: Table, name: str) -> str:
    """``env:NAME``, ``file:PATH``, or the secret itself in a file that others cannot read."""
    return _read_secret(table, name, table.value(name), client=True)


def _keys(table: Table) -> tuple[str, ...]:
    values = table.value("keys")
    if values is None:
        return ()
    if not isinstance(values, list) or not values:
        raise table.wrong("keys", 'a list such as ["env:FLB_KEY"]')
    return tuple(_read_secret(table, "keys", value, client=False) for value in values)


def _read_secret(table: Table, name: str, value: object, *, client: bool) -> str:
    if not isinstance(value, str) or not value:
        raise table.wrong(name, '"env:NAME" or "file:PATH"')
    where = f"{table.file}: {table.dotted(name)}"
    if client and value == CLIENT:
        return CLIENT
    if value.startswith(ENVIRONMENT):
        secret = from_environment(value, where)
    elif value.startswith(FILE):
        secret = _from_file(table, name, table.folder / value.removeprefix(FILE))
    elif table.private:
        secret = value
    else:
        raise table.wrong(
            name, '"env:NAME" or "file:PATH": others can read this file, and so the key in it'
        )
    if not SECRET.fullmatch(secret):
        raise table.wrong(name, "a key of printable ASCII characters without spaces")
    return secret


def _from_file(table: Table, name: str, path: Path) -> str:
    try:
        if not private(path):
            raise table.wrong(name, f"a file that others cannot read: chmod 600 {path}")
        with path.open("rb") as file:
            return file.read(LONGEST_SECRET).decode("ascii", "replace").strip()
    except OSError as error:
        raise table.wrong(name, f"a file, {path}: {error.strerror}") from None


def _prices(table: Table | None) -> Prices | None:
    if table is None:
        return None
    most = 1e6
    input_ = table.number("input", 0.0, 0, most)
    prices = Prices(
        input_, table.number("output", 0.0, 0, most), table.number("cached", input_, 0, most)
    )
    table.finish()
    return prices


def _models(
    table: Table | None, servers: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    if table is None:
        return
    for model in table.names:
        value = table.value(model)
        if value == EVERYTHING:
            yield model, None
            continue
        names = table.texts(model, f'names of servers, or "{EVERYTHING}"') or ()
        for name in names:
            if name not in servers:
                raise table.wrong(model, f"servers of {sorted(servers)}, not {name!r}")
        yield model, names
    table.finish()


def _reward(table: Table) -> str:
    reward = table.text("reward") or Gateway().reward
    if reward not in {"feedback", "delivered"}:
        raise table.wrong("reward", f'"feedback" or "delivered", not {reward!r}')
    return reward


def _budget(table: Table | None) -> Budget | None:
    if table is None:
        return None
    if "usd" not in table:
        raise table.wrong("usd", "the dollars that may be spent")
    written = table.value("per")
    per = seconds(written)
    if per is None or not 1 <= per <= 366 * 86_400:
        raise table.wrong("per", f'a time such as "1h", "1d" or "30d", not {shown(written)}')
    budget = Budget(table.number("usd", 0.0, 0, 1e9), per)
    table.finish()
    return budget


def _features(table: Table) -> tuple[str, ...]:
    written = table.texts("features", 'features such as "task" or "hash:16"') or ()
    try:
        Features(written)
    except FeatureError as error:
        raise table.wrong("features", f"other ones: {error}") from None
    return written
