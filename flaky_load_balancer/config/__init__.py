"""What the balancer is configured to do: frozen objects, read once at the edge, by one reader."""

from flaky_load_balancer.config.gateway import CLIENT, refuse_open
from flaky_load_balancer.config.reader import read_config
from flaky_load_balancer.config.settings import (
    MOST_WORKERS,
    Budget,
    Game,
    Gateway,
    Health,
    Hedge,
    Kind,
    Mirror,
    Part,
    PoolSettings,
    Prices,
    Provider,
    Retry,
    RouteSettings,
    Scoring,
    ServerSettings,
    Settings,
    Timeouts,
    Tls,
    TlsKeys,
    flag,
)
from flaky_load_balancer.config.table import SettingsError
from flaky_load_balancer.config.values import server_url

__all__ = [
    "CLIENT",
    "MOST_WORKERS",
    "Budget",
    "Game",
    "Gateway",
    "Health",
    "Hedge",
    "Kind",
    "Mirror",
    "Part",
    "PoolSettings",
    "Prices",
    "Provider",
    "Retry",
    "RouteSettings",
    "Scoring",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "Timeouts",
    "Tls",
    "TlsKeys",
    "flag",
    "read_config",
    "refuse_open",
    "server_url",
]
