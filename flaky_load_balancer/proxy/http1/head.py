"""The heads of HTTP/1 messages (RFC 9112): strict with clients, lenient with servers.

A head is read only once all of it is there.  What clients send is read in one way or refused; of
what servers send everything is tolerated that the common proxies tolerate.
"""

import re
import string
from dataclasses import dataclass
from functools import lru_cache

from flaky_load_balancer.proxy.http1.failures import BadRequestError

Headers = list[tuple[bytes, bytes]]  # as sent: order, case and repetitions

CHUNKED = -1  # in place of a body's length: it comes in chunks
UNTIL_CLOSE = -2  # in place of a body's length: it ends with the connection

LARGEST_HEAD = 65536  # bytes
LONGEST_HOST = 1024  # bytes
MOST_HEADERS = 1000  # in a request

TOKEN = (string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode()
TEXT = bytes([9, *range(32, 127), *range(128, 256)])  # what a line may consist of
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~\x80-\xff]+) HTTP/(\d)\.(\d)")
ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
AUTHORITY = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[\w\-.~%!$&'()*+,;=]*)(?::\d*)?")
STATUS_LINE = re.compile(rb"HTTP/1\.(\d)[ \t]+(\d{3})(?:[ \t]([^\x00\r]*))?", re.IGNORECASE)
FOLD = re.compile(rb"[ \t]*\r?\n[ \t]+")
END_OF_LENIENT_HEAD = re.compile(rb"\n\r?\n")
HOP_BY_HOP = frozenset(  # RFC 9110, section 7.6.1; a connection's own, and its framing
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
DROPPED = HOP_BY_HOP | {b"content-length", b"expect"}  # what is answered or added here
NOTHING: frozenset[bytes] = frozenset()
SPECIAL = frozenset(b"connection content-length expect host transfer-encoding upgrade".split())


@dataclass(slots=True, eq=False)
class RequestHead:
    """What a client asks for."""

    method: bytes
    target: bytes  # as sent
    minor: int  # of the version: HTTP/1.0 or HTTP/1.1
    headers: Headers
    host: bytes  # the authority of an absolute-form target, else Host; b"" without one
    path: bytes  # the target in origin form, query included
    length: int  # of the body in bytes, or CHUNKED
    keep_alive: bool
    expects_continue: bool
    upgrade: bool  # offers another protocol, and names it in Upgrade
    named: frozenset[bytes]  # the names in Connection, in lower case


@dataclass(slots=True, eq=False)
class AnswerHead:
    """The status line and the headers of a server's answer."""

    status: int
    reason: bytes  # may be empty
    minor: int
    headers: Headers
    length: int  # of the body in bytes, CHUNKED, or UNTIL_CLOSE
    keep_alive: bool
    named: frozenset[bytes]  # the names in Connection, in lower case


class NotHttpError(ValueError):
    """An answer that cannot be read."""


def end_to_end(headers: Headers, named: frozenset[bytes] = frozenset()) -> Headers:
    """The headers that a proxy passes on: none of the connection, none of the framing."""
    drop = DROPPED | named if named else DROPPED
    return [header for header in headers if header[0].lower() not in drop]


def parse_request(head: bytes) -> RequestHead:
    """The head of a request, without the empty line at its end; else BadRequestError."""
    lines = head.split(b"\r\n")
    first = lines.pop(0)
    if head.translate(None, TEXT) != b"\r\n" * len(lines):
        raise BadRequestError(400, "a control character, or a line that does not end in CR LF")
    line = REQUEST_LINE.fullmatch(first)
    if line is None:
        raise BadRequestError(400, "the request line is not 'METHOD target HTTP/1.1'")
    method, target, major, minor = line.groups()
    if major != b"1":
        raise BadRequestError(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    if len(lines) > MOST_HEADERS:
        raise BadRequestError(431, f"a request has at most {MOST_HEADERS} headers")
    headers, special = _request_headers(lines)
    modern = minor != b"0"
    host, path = _target(method, target, _host(special.get(b"host"), modern))
    if not special or (len(special) == 1 and b"host" in special):  # most requests
        named, length, expects = NOTHING, 0, False
    else:
        named = _names(special.get(b"connection"))
        length = _request_length(special, modern)
        expects = modern and b"100-continue" in _names(special.get(b"expect"))
    return RequestHead(
        method,
        target,
        int(modern),
        headers,
        host,
        path,
        length,
        b"close" not in named if modern else b"keep-alive" in named,
        expects,
        modern and b"upgrade" in named and b"upgrade" in special,
        named,
    )


def _request_headers(lines: list[bytes]) -> tuple[Headers, dict[bytes, list[bytes]]]:
    """All headers, and by name those that matter to the connection."""
    headers: Headers = []
    special: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, TOKEN):
            raise BadRequestError(400, f"not a header: {line[:40].decode('latin-1')!a}")
        value = value.strip(b" \t")
        headers.append((name, value))
        lower = name.lower()
        if lower in SPECIAL:
            special.setdefault(lower, []).append(value)
    return headers, special


def _names(values: list[bytes] | None) -> frozenset[bytes]:
    """The members of a list of names, such as Connection has, in lower case."""
    if not values:
        return NOTHING
    return frozenset(name.strip(b" \t") for name in b",".join(values).lower().split(b","))


def _host(hosts: list[bytes] | None, modern: bool) -> bytes:
    if hosts is None:
        if modern:
            raise BadRequestError(400, "HTTP/1.1 needs a Host")
        return b""
    if len(hosts) > 1:
        raise BadRequestError(400, "more than one Host")
    if not _is_authority(hosts[0]):
        raise BadRequestError(400, "Host names no host")
    return hosts[0]


@lru_cache(maxsize=1024)
def _is_authority(host: bytes) -> bool:
    return len(host) <= LONGEST_HOST and AUTHORITY.fullmatch(host) is not None


def _target(method: bytes, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """Host and path that are asked for (RFC 9112, section 3.2)."""
    if method == b"CONNECT":
        raise BadRequestError(405, "CONNECT is not served here")
    if target.startswith(b"/"):
        if b"#" in target:
            raise BadRequestError(400, "a target has no fragment")
        return host, target
    if target == b"*" and method == b"OPTIONS":
        return host, target
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is None or not absolute[1] or not _is_authority(absolute[1]):
        raise BadRequestError(400, "the target is neither a path nor an http(s) URL")
    path = absolute[2]
    if not path and method == b"OPTIONS":
        return absolute[1], b"*"
    return absolute[1], path if path.startswith(b"/") else b"/" + path


def _request_length(special: dict[bytes, list[bytes]], modern: bool) -> int:
    """The length of the body, where it can be read in one way only (RFC 9112, section 6.3)."""
    lengths = special.get(b"content-length")
    if codings := special.get(b"transfer-encoding"):
        if lengths:
            raise BadRequestError(400, "Content-Length beside Transfer-Encoding")
        if not modern:
            raise BadRequestError(400, "HTTP/1.0 has no Transfer-Encoding")
        coding = b",".join(codings).lower()
        if coding != b"chunked":
            ends = coding.endswith(b"chunked") and coding.count(b"chunked") == 1
            raise BadRequestError(501 if ends else 400, "Transfer-Encoding may only be 'chunked'")
        return CHUNKED
    if not lengths:
        return 0
    if len(lengths) > 1:
        raise BadRequestError(400, "more than one Content-Length")
    length = _digits(lengths[0])
    if length is None:
        raise BadRequestError(400, "Content-Length is not a number of bytes")
    return length


def _digits(value: bytes) -> int | None:
    """A length; 18 digits are more than any body has."""
    return int(value) if value.isdigit() and len(value) <= 18 else None


def lenient_head_end(buffer: bytes | bytearray) -> tuple[int, int] | None:
    """Where the head of an answer ends and where what follows it begins."""
    end = END_OF_LENIENT_HEAD.search(buffer)
    return None if end is None else end.span()


def parse_answer(head: bytes, method: bytes) -> AnswerHead:
    """The head of an answer to a request of this method; else NotHttpError.

    Tolerated: lines that end in LF, folded lines, spaces before a colon, equal double lengths,
    lengths beside chunks (which win).
    """
    if b"\n " in head or b"\n\t" in head:
        head = FOLD.sub(b" ", head)
    first, *lines = head.split(b"\n")
    line = STATUS_LINE.fullmatch(first.rstrip(b"\r"))
    if line is None:
        raise NotHttpError(f"status line {first[:40].decode('latin-1')!a}")
    minor, status, reason = int(line[1]), int(line[2]), (line[3] or b"").strip(b" \t")
    if status < 100:
        raise NotHttpError(f"status {status}")
    if b"\0" in head:
        raise NotHttpError("a NUL in the head")
    headers, special = _answer_headers(lines)
    named = _names(special.get(b"connection"))
    length, sure = _answer_length(special, method, status)
    keep_alive = b"close" not in named if minor else b"keep-alive" in named
    return AnswerHead(status, reason, min(minor, 1), headers, length, sure and keep_alive, named)


def _answer_headers(lines: list[bytes]) -> tuple[Headers, dict[bytes, list[bytes]]]:
    headers: Headers = []
    special: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name, value = name.rstrip(b" \t"), value.strip(b" \t\r")
        if not colon or not name or name.translate(None, TOKEN) or b"\r" in value:
            raise NotHttpError(f"header {line[:40].decode('latin-1')!a}")
        headers.append((name, value))
        lower = name.lower()
        if lower in SPECIAL:
            special.setdefault(lower, []).append(value)
    return headers, special


def _answer_length(
    special: dict[bytes, list[bytes]], method: bytes, status: int
) -> tuple[int, bool]:
    """The body's length, and whether the connection may be trusted after it."""
    coded, values = special.get(b"transfer-encoding"), special.get(b"content-length")
    if method == b"HEAD" or status < 200 or status in {204, 304}:
        return 0, True
    if coded and (codings := _names(coded) - {b"identity", b""}):
        if codings != {b"chunked"}:
            raise NotHttpError("a transfer coding that was not asked for")
        return CHUNKED, not values
    if not values:
        return UNTIL_CLOSE, False
    length = _digits(values[0])
    if length is not None and len(values) == 1:  # as most answers
        return length, True
    lengths = {_digits(value) for value in _names(values)}
    length = lengths.pop()
    if lengths or length is None:
        raise NotHttpError(f"Content-Length {b', '.join(values).decode('latin-1')!a}")
    return length, True


def body_length(length: int) -> int | None:
    """A length for whoever passes a body on: in bytes, None if only its end will tell."""
    return length if length >= 0 else None


def answer_length(head: AnswerHead, method: bytes) -> int | None:
    """The same of an answer; to HEAD, and with 304, what its headers say."""
    if method == b"HEAD" or head.status == 304:
        for name, value in head.headers:
            if name.lower() == b"content-length":
                return _digits(value)
        return None
    return body_length(head.length)


def render(first: bytes, headers: Headers, last: bytes) -> bytes:
    """A head: its first line, headers, and further headers as lines that end in CR LF."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    return b"%b\r\n%b%b\r\n" % (first, lines, last)
