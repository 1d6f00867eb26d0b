"""What can go wrong on the wire, with a machine-readable reason for each."""

import errno
import ssl
from enum import StrEnum


class Reason(StrEnum):
    """Why an attempt on a server failed before a whole answer was there."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    CLOSED = "closed"  # the server ended the connection in an orderly way, but too early
    TIMEOUT = "timeout"
    NAME = "name"  # its name does not resolve
    CERTIFICATE = "certificate"
    TLS = "tls"  # any other trouble of the handshake
    NOT_HTTP = "not HTTP"
    OURS = "ours"  # shortage of sockets or memory on this machine: says nothing about the server


class UpstreamError(Exception):
    """An attempt that ended without a whole answer.

    ``sent``: a byte of the request may have reached the server.  False means that it surely was
    not processed.
    """

    def __init__(self, reason: Reason, detail: str, *, sent: bool) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.sent = sent


class BadRequestError(Exception):
    """A request that is refused below every handler: its status and why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class BodyError(Exception):
    """The body of a request will not come to its end: cut off, broken, or too slow."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status  # what the client may be told, if its answer has not begun
        self.detail = detail


REASONS = {
    errno.ECONNREFUSED: Reason.REFUSED,
    errno.ECONNRESET: Reason.RESET,
    errno.ECONNABORTED: Reason.RESET,
    errno.EPIPE: Reason.RESET,
    errno.ETIMEDOUT: Reason.TIMEOUT,
    errno.EMFILE: Reason.OURS,
    errno.ENFILE: Reason.OURS,
    errno.ENOBUFS: Reason.OURS,
    errno.ENOMEM: Reason.OURS,
    errno.EAGAIN: Reason.OURS,  # connect: no local port is left
    errno.EADDRINUSE: Reason.OURS,
}


def reason_of(error: BaseException) -> Reason:
    """The reason behind an exception of connecting, reading or writing."""
    if isinstance(error, ssl.CertificateError):
        return Reason.CERTIFICATE
    if isinstance(error, ssl.SSLError):
        return Reason.TLS
    if isinstance(error, TimeoutError) and getattr(error, "errno", None) is None:
        return Reason.TIMEOUT
    if isinstance(error, OSError):
        if error.errno == errno.EADDRNOTAVAIL:  # of a connect: the local ports are used up
            return Reason.OURS
        return REASONS.get(error.errno or 0, Reason.UNREACHABLE)
    return Reason.RESET
