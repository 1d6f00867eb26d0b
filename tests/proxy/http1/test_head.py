"""Heads, read by pure functions; llhttp is the referee of what is accepted."""

import contextlib

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaky_load_balancer.proxy.http1.failures import BadRequestError
from flaky_load_balancer.proxy.http1.head import (
    CHUNKED,
    UNTIL_CLOSE,
    NotHttpError,
    answer_length,
    end_to_end,
    parse_answer,
    parse_request,
    render,
)

LINES = [
    b"GET / HTTP/1.1",
    b"POST /a?b=c HTTP/1.1",
    b"PUT //x/../%2e HTTP/1.0",
    b"GET  / HTTP/1.1",
    b"GET / HTTP/1.1 ",
    b"GET\t/ HTTP/1.1",
    b"GET / HTTP/2.0",
    b"get / HTTP/1.1",
    b"GET /\x80 HTTP/1.1",
]
HEADERS = [
    b"Host: x",
    b"Host: x:80",
    b"Host: x/y",
    b"host:x",
    b"Host : x",
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length: 05",
    b"Content-Length: 5,5",
    b"Content-Length: 5 ",
    b"content-length:\t5",
    b"Content-Length: \xb2",
    b"Content-Length: 5;",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: \x00chunked",
    b"Connection: close",
    b"Connection: keep-alive, X",
    b"X: a\r b",
    b"X: a\n b",
    b"X: a\nContent-Length: 5",
    b" X: folded",
    b"\tX: folded",
    b"X",
    b":",
    b"X\x00: a",
    b"X(: a",
    b"X: \x7f",
    b"X: \xff\xfe",
    b"",
]


class Referee:
    """What llhttp makes of the same bytes."""

    def __init__(self, data: bytes) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.heads = 0
        self.messages = 0
        self.keep_alive = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.heads += 1
        self.keep_alive = self.parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


@given(st.sampled_from(LINES), st.lists(st.sampled_from(HEADERS), max_size=5), st.booleans())
@settings(max_examples=1500, deadline=None)
def test_what_is_accepted_is_read_as_llhttp_reads_it(
    line: bytes, headers: list[bytes], host: bool
) -> None:
    raw = b"\r\n".join([line, *([b"Host: y"] if host else []), *headers])
    raw = raw.partition(b"\r\n\r\n")[0]
    try:
        head = parse_request(raw)
    except BadRequestError:
        return
    if not head.method.isupper() or b"\x80" in head.target:
        return  # beyond what llhttp reads
    bodies = {CHUNKED: b"5\r\nhello\r\n0\r\n\r\n", 0: b"", 5: b"hello"}
    referee = Referee(raw + b"\r\n\r\n" + bodies[head.length])
    assert (referee.heads, referee.messages) == (1, 1)
    assert referee.url == head.target
    assert referee.headers == head.headers
    assert referee.body == (b"hello" if head.length else b"")
    assert referee.keep_alive == head.keep_alive


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(BadRequestError):
        parse_request(data)
    with contextlib.suppress(NotHttpError):
        parse_answer(data, b"GET")
    with contextlib.suppress(NotHttpError):
        parse_answer(b"HTTP/1.1 200 OK\r\n" + data, b"GET")


def test_hop_by_hop_headers_are_taken_out() -> None:
    head = parse_request(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, X-Hop\r\nx-hop: 1\r\nKeep-Alive: 5\r\n"
        b"Proxy-Connection: a\r\nTE: b\r\nTrailer: c\r\nUpgrade: d\r\nExpect: 100-continue\r\n"
        b"Content-Length: 5\r\nX-Kept: e\r\nx-kept: f"
    )
    assert end_to_end(head.headers, head.named) == [
        (b"Host", b"x"),
        (b"X-Kept", b"e"),
        (b"x-kept", b"f"),
    ]
    assert head.expects_continue
    assert not head.upgrade  # Connection does not name it


@pytest.mark.parametrize(
    ("head", "method", "length", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"GET", 5, 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", b"HEAD", 0, 5),
        (b"HTTP/1.1 304 Not\r\nContent-Length: 5", b"GET", 0, 5),
        (b"HTTP/1.1 204 No", b"GET", 0, 0),
        (b"HTTP/1.1 200 OK", b"GET", UNTIL_CLOSE, None),
        (b"HTTP/1.1 200 OK", b"HEAD", 0, None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"GET", CHUNKED, None),
    ],
)
def test_lengths_of_answers(head: bytes, method: bytes, length: int, said: int | None) -> None:
    answer = parse_answer(head, method)
    assert (answer.length, answer_length(answer, method)) == (length, said)


def test_what_a_server_folds_becomes_one_line() -> None:
    answer = parse_answer(b"HTTP/1.1 429 Slow down\nRetry-After:\r\n\t7\nX: a  \n  b", b"GET")
    assert answer.headers == [(b"Retry-After", b"7"), (b"X", b"a b")]
    assert answer.reason == b"Slow down"


def test_render() -> None:
    assert render(b"HTTP/1.1 200 ", [(b"A", b"b")], b"C: d\r\n") == (
        b"HTTP/1.1 200 \r\nA: b\r\nC: d\r\n\r\n"
    )
