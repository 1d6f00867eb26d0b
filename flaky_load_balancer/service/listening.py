"""Sockets that the planes listen on, and TLS for clients."""

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from flaky_load_balancer.config import SettingsError, TlsKeys

BACKLOG = 4096  # connections that wait to be accepted


@contextmanager
def listening(host: str, port: int, flag: str) -> Iterator[socket.socket]:
    """A socket that listens already, so that the next program is told that the port is taken."""
    with _opened(host) as (opened, address):
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((address[0], port, *address[2:]))
            opened.listen(BACKLOG)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            if getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
                raise SettingsError(f"--host {host}: no address of this machine") from None
            raise SettingsError(
                f"{flag} {port}: {reason}; choose another port with {flag}, or 0 for any free one"
            ) from None
        yield opened


@contextmanager
def _opened(host: str) -> Iterator[tuple[socket.socket, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        family, address = found[0], found[4]
        opened = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no name of a host"
        raise SettingsError(f"--host {host}: {reason}; expected one like 127.0.0.1") from None
    with opened:
        yield opened, address


def url(opened: socket.socket, *, tls: bool = False) -> str:
    """Where this socket listens."""
    host, port = opened.getsockname()[:2]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def server_tls(keys: TlsKeys | None) -> ssl.SSLContext | None:
    """TLS with which clients are served."""
    if keys is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(keys.cert, keys.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"server.tls: expected a certificate and its key in PEM form: {error}"
        ) from None
    return context
