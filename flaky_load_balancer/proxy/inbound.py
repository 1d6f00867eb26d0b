"""uvicorn's HTTP protocol, with what a server that faces clients should refuse or ignore."""

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from flaky_load_balancer.proxy.problems import MEDIA_TYPE, details

LARGEST_HEAD = 65536  # bytes of a request before its body
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


class Inbound(HttpToolsProtocol):
    """One connection of a client.

    A head may not grow for ever (431).  An offer to upgrade is not taken up (RFC 9110, section
    7.8, allows that): the parser would drop the body that comes with it, and Java's own client
    offers HTTP/2 in every first request.
    """

    _head = 0  # bytes of the head that is being received
    _in_head = True

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head += len(data)
            if b"pgrade" in data:
                data = UPGRADE.sub(b"", data)
        super().data_received(data)
        if self._in_head and self._head > LARGEST_HEAD:
            self._refuse(431, f"the head of a request has at most {LARGEST_HEAD} bytes")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _refuse(self, status: int, detail: str) -> None:
        """Answer below the app, which never saw the request, and close."""
        if self.transport.is_closing():
            return
        body = details(status, detail)
        head = (
            f"HTTP/1.1 {status} \r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
