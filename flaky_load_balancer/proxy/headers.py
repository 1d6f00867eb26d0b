"""The headers of a request on its way to a server, and of an answer on its way back.  No I/O."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import getrandbits
from re import compile as pattern

from flaky_load_balancer.proxy.http1.head import AnswerHead, Headers, RequestHead, end_to_end

VIA = b"Via", b"1.1 flb"
SANE = pattern(rb"[!-~]{1,128}")
REQUEST_ID = b"x-request-id"
FORWARDED = b"x-forwarded-"
OURS = frozenset(
    b"x-flb-server x-flb-attempts x-flb-decision x-flb-cost-usd x-flb-cost-estimated".split()
)


class Trusted:
    """The peers whose ``X-Forwarded-*`` and ``Forwarded`` are kept: other proxies of ours."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(each) for each in networks]

    def __contains__(self, peer: str) -> bool:
        if not self._networks or not peer:
            return False
        address = ip_address(peer.partition("%")[0])
        return any(address in network for network in self._networks)


def request_id(headers: Headers) -> bytes:
    """The client's own name for its request if it is sane, else a new one."""
    for name, value in headers:
        if name.lower() == REQUEST_ID:
            return value if SANE.fullmatch(value) else _new_id()
    return _new_id()


def to_server(
    head: RequestHead, *, peer: str, tls: bool, trusted: bool, request_id: bytes
) -> Headers:
    """What every server gets of a request's headers; Host is added for each server."""
    passed: Headers = []
    forwarded_for: list[bytes] = []
    seen: set[bytes] = set()
    for name, value in end_to_end(head.headers, head.named):
        lower = name.lower()
        if lower in {b"host", REQUEST_ID}:
            continue
        if lower == b"forwarded" or lower.startswith(FORWARDED):
            if not trusted:
                continue
            seen.add(lower)
            if lower == b"x-forwarded-for":
                forwarded_for.append(value)
                continue
        passed.append((name, value))
    if peer:
        forwarded_for.append(peer.encode())
    if forwarded_for:
        passed.append((b"X-Forwarded-For", b", ".join(forwarded_for)))
    if b"x-forwarded-proto" not in seen:
        passed.append((b"X-Forwarded-Proto", b"https" if tls else b"http"))
    if b"x-forwarded-host" not in seen and head.host:
        passed.append((b"X-Forwarded-Host", head.host))
    passed += [VIA, (b"X-Request-ID", request_id)]
    if head.upgrade:
        passed += [header for header in head.headers if header[0].lower() == b"upgrade"]
    return passed


def with_own(headers: Headers, host: bytes, own: Headers) -> Headers:
    """The headers for one server: its Host first, and its own in place of the client's."""
    if own:
        names = {name for name, _ in own}
        host = next((value for name, value in own if name == b"host"), host)
        headers = [header for header in headers if header[0].lower() not in names]
        headers += [header for header in own if header[0] != b"host"]
    return [(b"Host", host), *headers]


def to_client(head: AnswerHead, marks: Headers, request_id: bytes | None) -> Headers:
    """An answer's headers as the client gets them; ``marks`` are ours, which replace a server's.

    ``request_id`` is added unless the server named the request itself; None to leave it out.
    """
    headers = end_to_end(head.headers, head.named)
    if marks:
        headers = [header for header in headers if header[0].lower() not in OURS]
    if request_id is not None and REQUEST_ID not in [name.lower() for name, _ in headers]:
        headers.append((b"X-Request-ID", request_id))
    return [*headers, VIA, *marks]


def _new_id() -> bytes:
    return b"%032x" % getrandbits(128)
