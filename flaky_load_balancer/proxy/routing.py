"""Which route a request takes, and what path its server sees.  No I/O."""

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from flaky_load_balancer.config import RouteSettings

R = TypeVar("R")
SEPARATORS = re.compile(rb"/|\\|%2f|%5c", re.IGNORECASE)  # what some server may take for a slash
DOTS = re.compile(rb"(?:\.|%2e){1,2}(?:;.*)?", re.IGNORECASE)


class DotSegmentError(ValueError):
    """A path with ``.`` or ``..``: a server would resolve it to one of another route."""


class Router(Generic[R]):
    """The routes of one configuration.

    The host decides first: exactly, then by the longest wildcard, then routes without hosts; among
    these the longest path that is a prefix of the request's, on whole segments.
    """

    def __init__(self, routes: Iterable[R], settings: Callable[[R], RouteSettings]) -> None:
        self._exact: dict[str, dict[str, tuple[R, bool]]] = {}
        self._wildcards: dict[str, dict[str, tuple[R, bool]]] = {}
        self._anywhere: dict[str, tuple[R, bool]] = {}
        for route in routes:
            self._add(route, settings(route))

    def find(self, host: bytes, path: bytes) -> R | None:
        """The route of a request; ``path`` with its query.  DotSegmentError if it has dots."""
        path = path.partition(b"?")[0]
        if (b"." in path or b"%2" in path) and has_dot_segments(path):
            raise DotSegmentError
        text = path.decode("latin-1")
        for paths in self._of_hosts(host) if self._exact or self._wildcards else ():
            found = _longest(paths, text)
            if found is not None:
                return found
        return _longest(self._anywhere, text)

    def _add(self, route: R, settings: RouteSettings) -> None:
        entry = route, settings.kind != "ids"  # the game knows no prefixes
        if not settings.hosts:
            self._anywhere[settings.path] = entry
        for host in settings.hosts:
            if host.startswith("*."):
                self._wildcards.setdefault(host[1:], {})[settings.path] = entry
            else:
                self._exact.setdefault(host, {})[settings.path] = entry

    def _of_hosts(self, host: bytes) -> Iterable[dict[str, tuple[R, bool]]]:
        name = host_name(host)
        if name in self._exact:
            yield self._exact[name]
        dot = name.find(".")
        while dot >= 0:
            if name[dot:] in self._wildcards:
                yield self._wildcards[name[dot:]]
            dot = name.find(".", dot + 1)


def host_name(authority: bytes) -> str:
    """The host of an authority, without its port and a dot at its end, in lower case."""
    text = authority.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].removesuffix(".")


def has_dot_segments(path: bytes) -> bool:
    """Whether a server may find ``.`` or ``..`` in it, after decoding and without parameters."""
    return any(DOTS.fullmatch(segment) for segment in SEPARATORS.split(path))


def upstream_target(base: bytes, prefix: bytes, path: bytes, *, strip: bool) -> bytes:
    """What a server is asked for: its base path as written, and the request's path and query.

    With ``strip`` the route's ``prefix`` is taken off first.
    """
    if path == b"*":
        return path
    if strip and prefix != b"/":
        path = path[len(prefix.removesuffix(b"/")) :]
    if base in {b"", b"/"}:
        return path if path.startswith(b"/") else b"/" + path
    if path.startswith(b"/"):
        return base.removesuffix(b"/") + path
    return base + path


def _longest(paths: dict[str, tuple[R, bool]], path: str) -> R | None:
    found = paths.get(path)
    if found is not None:
        return found[0]
    end = len(path)
    while (end := path.rfind("/", 0, end)) >= 0:
        for prefix in (path[: end + 1], path[:end]):
            found = paths.get(prefix)
            if found is not None and found[1]:
                return found[0]
    return _whole_server(paths, path)


def _whole_server(paths: dict[str, tuple[R, bool]], path: str) -> R | None:
    """``OPTIONS *`` is about the server as a whole: for the route that takes all the rest."""
    found = paths.get("/")
    return found[0] if path == "*" and found is not None and found[1] else None
