"""Which route a request takes, and what its server is asked for."""

import pytest

from flaky_load_balancer.config import RouteSettings
from flaky_load_balancer.proxy.routing import (
    DotSegmentError,
    Router,
    has_dot_segments,
    host_name,
    upstream_target,
)

ROUTES = [
    RouteSettings("rest", "/", "p"),
    RouteSettings("orders", "/orders", "p"),
    RouteSettings("slash", "/slash/", "p"),
    RouteSettings("deep", "/orders/deep", "p"),
    RouteSettings("game", "/game", "p", kind="ids"),
    RouteSettings("api", "/orders", "p", hosts=("api.example.org",)),
    RouteSettings("wild", "/orders", "p", hosts=("*.example.org",)),
    RouteSettings("wilder", "/", "p", hosts=("*.eu.example.org", "[::1]")),
]


def found(host: str, path: str) -> str | None:
    route = Router(ROUTES, lambda route: route).find(host.encode(), path.encode())
    return route.name if route else None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "rest"),
        ("/orders", "orders"),
        ("/orders/", "orders"),
        ("/orders/1?x=/orders/deep", "orders"),
        ("/orders?x", "orders"),
        ("/ordersX", "rest"),  # whole segments only
        ("/orders/deep/1", "deep"),
        ("/orders/deeper", "orders"),
        ("/slash", "rest"),
        ("/slash/", "slash"),
        ("/slash/x", "slash"),
        ("/game", "game"),
        ("/game/", "rest"),  # the game knows no prefixes
        ("//orders", "rest"),  # compared as sent
        ("/%6frders", "rest"),
        ("*", "rest"),
    ],
)
def test_the_longest_prefix_of_whole_segments(path: str, name: str) -> None:
    assert found("x", path) == name


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        ("api.example.org", "/orders", "api"),
        ("API.example.org.:8000", "/orders/1", "api"),
        ("api.example.org", "/other", "rest"),
        ("b.example.org", "/orders", "wild"),
        ("a.b.example.org", "/orders", "wild"),
        ("a.eu.example.org", "/orders", "wilder"),  # the longer wildcard, before the longer path
        ("example.org", "/orders", "orders"),
        ("[::1]:8000", "/x", "wilder"),
        ("", "/orders", "orders"),
    ],
)
def test_the_host_comes_before_the_path(host: str, path: str, name: str) -> None:
    assert found(host, path) == name


def test_without_a_route_for_all_the_rest_there_may_be_none() -> None:
    router = Router(ROUTES[1:3], lambda route: route)
    assert router.find(b"x", b"/") is None
    assert router.find(b"x", b"*") is None


@pytest.mark.parametrize(
    "path",
    [
        *("/..", "/.", "/a/../b", "/a/./b", "/a/%2e%2E/b", "/a/.%2e", "/%2e", "/a/..%2fb"),
        *("/a%5c..%5cb", "/a/..;x/b", "/a\\..\\b", "/orders/%2e%2e/admin?x=1"),
    ],
)
def test_dot_segments_are_refused(path: str) -> None:
    assert has_dot_segments(path.partition("?")[0].encode())
    with pytest.raises(DotSegmentError):
        found("x", path)


@pytest.mark.parametrize("path", ["/...", "/a.b", "/.hidden", "/a/..b", "/a?x=/../b", "/%2f"])
def test_other_dots_are_fine(path: str) -> None:
    assert found("x", path) == "rest"


@pytest.mark.parametrize(
    ("base", "prefix", "path", "strip", "target"),
    [
        ("", "/", "/a?b", False, "/a?b"),
        ("/", "/", "/a", False, "/a"),
        ("/base", "/", "/a", False, "/base/a"),
        ("/base/", "/", "/a", False, "/base/a"),
        ("/base/", "/", "/", False, "/base/"),
        ("/base", "/", "/?x", False, "/base/?x"),
        ("", "/orders", "/orders/1?x", True, "/1?x"),
        ("", "/orders", "/orders", True, "/"),
        ("", "/orders", "/orders?x", True, "/?x"),
        ("/base", "/orders", "/orders", True, "/base"),
        ("/base/", "/orders", "/orders", True, "/base/"),
        ("/base/", "/orders", "/orders?x", True, "/base/?x"),
        ("/base/", "/orders", "/orders/", True, "/base/"),
        ("/base", "/slash/", "/slash/1", True, "/base/1"),
        ("/base", "/", "/a", True, "/base/a"),
        ("/base", "/", "*", False, "*"),
    ],
)
def test_what_a_server_is_asked_for(
    base: str, prefix: str, path: str, strip: bool, target: str
) -> None:
    words = base.encode(), prefix.encode(), path.encode()
    assert upstream_target(*words, strip=strip) == target.encode()


def test_hosts() -> None:
    assert host_name(b"A.b:80") == "a.b"
    assert host_name(b"[::1]:80") == "[::1]"
