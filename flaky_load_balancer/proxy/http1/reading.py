"""The heads of a client's requests as they arrive, in pieces of any size."""

import re

from flaky_load_balancer.proxy.http1.failures import BadRequestError
from flaky_load_balancer.proxy.http1.head import LARGEST_HEAD, TEXT, RequestHead, parse_request

BARE_LF = re.compile(rb"(?<!\r)\n")
EMPTY_LINES = re.compile(rb"(?:\r\n)+")
LINE_BYTES = TEXT + b"\r\n"


class HeadReader:
    """Collects a head until all of it is there."""

    __slots__ = ("_part",)

    def __init__(self) -> None:
        self._part = bytearray()

    @property
    def begun(self) -> bool:
        """Some of a head is there."""
        return bool(self._part)

    def feed(self, data: bytes) -> tuple[RequestHead, bytes] | None:
        """A head and what follows it, or None for now; BadRequestError as soon as it is wrong."""
        searched = 0
        if self._part:
            searched = len(self._part)
            self._part += data
            data = bytes(self._part)
        if data.startswith(b"\r\n"):  # empty lines before a request (RFC 9112, section 2.2)
            data, searched = EMPTY_LINES.sub(b"", data, count=1), 0
        end = data.find(b"\r\n\r\n", max(0, searched - 3))
        if end < 0 or end > LARGEST_HEAD:
            self._check(data, searched)
            self._part[:] = data
            return None
        head = parse_request(data[:end])
        self._part.clear()
        return head, data[end + 4 :]

    @staticmethod
    def _check(data: bytes, searched: int) -> None:
        """Half a head: is it wrong already?"""
        if len(data) > LARGEST_HEAD:
            status = 431 if b"\r\n" in data[:LARGEST_HEAD] else 414
            raise BadRequestError(status, f"the head of a request has at most {LARGEST_HEAD} bytes")
        if BARE_LF.search(data, searched) or data[searched:].translate(None, LINE_BYTES):
            raise BadRequestError(400, "a control character, or a line that does not end in CR LF")
