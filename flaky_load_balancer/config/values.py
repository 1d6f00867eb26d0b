"""What single values mean: addresses of servers, hosts, sizes, statuses."""

import re
from base64 import b64encode
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from flaky_load_balancer.config.table import SettingsError

NOT_IN_URLS = frozenset(" ?#\\")  # of servers: no query is added and no fragment is sent
LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
LONGEST_HOST = 253  # characters of a name (RFC 1035)
SIZE = re.compile(r"([0-9]+) *(B|KiB|MiB|GiB|kB|MB|GB)?")
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
REDIS_TLS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}  # of rediss://...?ssl_ca_certs=FILE
_WEBHOOK = "not a URL to post to; expected one like https://alerts.example/hook"
STATUSES = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")


class Address(NamedTuple):
    """Where a server is: its URL without credentials, and these as a header."""

    url: str
    authorization: str | None


@dataclass(frozen=True)
class _WrongError(Exception):
    reason: str


def server_url(text: str, where: str) -> str:
    """A server's URL as written, less credentials; SettingsError if it is not one."""
    return server_address(text, where).url


def server_address(text: str, where: str, shown: str | None = None) -> Address:
    """Where the server is that ``text`` names; errors say ``shown`` instead, if that is given."""
    shown = text if shown is None else shown
    try:
        return _address(text)
    except _WrongError as wrong:
        raise SettingsError(
            f"{where}: {shown!r} is not a server's address{wrong.reason};"
            " expected one like http://127.0.0.1:4000"
        ) from None


def redis_url(text: str, where: str) -> str:
    """The address of a Redis, if it is one; errors do not show it, since it may hold a password."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        port = 0
    possible = (
        port != 0
        and url.scheme in {"redis", "rediss"}
        and possible_host(url.hostname or "")
        and re.fullmatch(r"(/[0-9]*)?", url.path)
        and {name for name, _ in parse_qsl(url.query)} <= REDIS_TLS
        and not url.fragment
    )
    if not possible:
        raise SettingsError(
            f"{where}: not the address of a Redis; expected one like redis://127.0.0.1:6379/0 or"
            " rediss://:PASSWORD@HOST:6379/0"
        )
    return text


def webhook_url(text: str, where: str) -> str:
    """A URL to post to, if it is one; errors do not show it, since it may hold secrets."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise SettingsError(f"{where}: {_WEBHOOK}") from None
    possible = url.scheme in {"http", "https"} and port != 0 and possible_host(url.hostname or "")
    if not possible or url.fragment or not (text.isascii() and text.isprintable()) or " " in text:
        raise SettingsError(f"{where}: {_WEBHOOK}")
    return text


def _address(text: str) -> Address:
    with_scheme = text if "//" in text else f"http://{text}"
    if set(text) & NOT_IN_URLS or not (text.isascii() and text.isprintable()):
        raise _WrongError("")
    try:
        url = urlsplit(with_scheme)
        port = url.port
    except ValueError:
        raise _WrongError("") from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0:
        raise _WrongError("")
    if "//" not in text and port is None:
        raise _WrongError(" (without http:// it needs a port)")
    if not possible_host(url.hostname):
        raise _WrongError(f": no host is called {url.hostname}")
    return Address(_without_credentials(with_scheme, url), basic(url))


def _without_credentials(text: str, url: SplitResult) -> str:
    credentials, at, _ = url.netloc.rpartition("@")
    return text.replace(credentials + at, "", 1) if at else text


def basic(url: SplitResult) -> str | None:
    """HTTP Basic authentication with the URL's user and password."""
    if url.username is None:
        return None
    pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return "Basic " + b64encode(pair.encode()).decode()


def possible_host(host: str) -> bool:
    """Whether this could be an address or the name of a host.

    Names with empty labels or ones of more than 63 characters cannot even be looked up.
    """
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        return len(host) <= LONGEST_HOST and all(LABEL.fullmatch(label) for label in labels)
    return True


def size(value: object) -> int | None:
    """Bytes, from a number or a text such as "64KiB"; None if it cannot be read."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    found = SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) * UNITS[found[2] or "B"] if found else None


def seconds(value: object) -> float | None:
    """Seconds of a text such as "90s", "5m", "1h" or "1d"; None if it cannot be read."""
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) * SECONDS[found[2]] if found else None


def loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def statuses(text: str) -> frozenset[int] | None:
    """The statuses of a text such as "500" or "502-504"; None if it cannot be read."""
    found = STATUSES.fullmatch(text)
    if found is None:
        return None
    low, high = int(found[1]), int(found[2] or found[1])
    return frozenset(range(low, high + 1)) if low <= high else None
