"""What headers servers and clients get."""

import pytest

from flaky_load_balancer.proxy import headers
from flaky_load_balancer.proxy.headers import Trusted
from flaky_load_balancer.proxy.http1.head import Headers, parse_answer, parse_request

REQUEST = b"""GET /a HTTP/1.1
Host: api.example.org
Connection: close, X-Mine
X-Mine: hop
Keep-Alive: 5
TE: trailers
Proxy-Authorization: kept
Accept: */*
X-Forwarded-For: 9.9.9.9
X-Forwarded-Proto: https
X-Forwarded-Port: 444
Forwarded: for=9.9.9.9
traceparent: 00-1-2-01
X-Request-ID: mine""".replace(b"\n", b"\r\n")


def sent(request: bytes = REQUEST, *, trusted: bool = False, peer: str = "1.2.3.4") -> Headers:
    return headers.to_server(
        parse_request(request), peer=peer, tls=False, trusted=trusted, request_id=b"id"
    )


def test_hop_by_hop_headers_end_here_and_the_way_is_told() -> None:
    assert sent() == [
        (b"Proxy-Authorization", b"kept"),
        (b"Accept", b"*/*"),
        (b"traceparent", b"00-1-2-01"),
        (b"X-Forwarded-For", b"1.2.3.4"),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Forwarded-Host", b"api.example.org"),
        (b"Via", b"1.1 flb"),
        (b"X-Request-ID", b"id"),
    ]


def test_what_a_trusted_proxy_says_is_kept() -> None:
    found = dict(sent(trusted=True))
    assert found[b"X-Forwarded-For"] == b"9.9.9.9, 1.2.3.4"
    assert found[b"X-Forwarded-Proto"] == b"https"
    assert found[b"X-Forwarded-Port"] == b"444"
    assert found[b"Forwarded"] == b"for=9.9.9.9"


def test_peers_are_trusted_by_address_and_network() -> None:
    trusted = Trusted(["127.0.0.1", "10.0.0.0/8", "fe80::/10"])
    assert "127.0.0.1" in trusted
    assert "10.9.9.9" in trusted
    assert "fe80::1%eth0" in trusted
    assert "127.0.0.2" not in trusted
    assert "" not in trusted
    assert "127.0.0.1" not in Trusted([])


def test_an_upgrade_is_passed_on() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket"
    assert (b"Upgrade", b"websocket") in sent(request)
    assert (b"Upgrade", b"h2c") not in sent(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c"  # not named in Connection
    )


def test_a_servers_own_headers_replace_the_clients() -> None:
    passed: Headers = [(b"Authorization", b"client"), (b"Accept", b"*/*")]
    own: Headers = [(b"authorization", b"server"), (b"host", b"virtual")]
    assert headers.with_own(passed, b"real", []) == [(b"Host", b"real"), *passed]
    assert headers.with_own(passed, b"real", own) == [
        (b"Host", b"virtual"),
        (b"Accept", b"*/*"),
        (b"authorization", b"server"),
    ]


def test_an_answer_keeps_its_headers_but_those_of_the_connection() -> None:
    head = parse_answer(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 5\r\n"
        b"Connection: X-Hop\r\nX-Hop: 1\r\nX-FLB-Server: inner\r\nContent-Type: text/plain",
        b"GET",
    )
    marks = [(b"X-FLB-Server", b"outer")]
    kept = [(b"Set-Cookie", b"a"), (b"Set-Cookie", b"b")]
    assert headers.to_client(head, marks, b"id") == [
        *kept,
        (b"Content-Type", b"text/plain"),
        (b"X-Request-ID", b"id"),
        (b"Via", b"1.1 flb"),
        *marks,
    ]
    assert (b"X-FLB-Server", b"inner") in headers.to_client(head, [], None)


@pytest.mark.parametrize(("value", "kept"), [(b"a-1", True), (b"a b", False), (b"", False)])
def test_a_sane_name_of_a_request_is_kept(value: bytes, kept: bool) -> None:
    found = headers.request_id([(b"X-Request-Id", value)])
    assert (found == value) is kept
    assert len(headers.request_id([])) == 32
