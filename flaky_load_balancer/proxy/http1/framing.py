"""Where a body ends: decoders that are fed what arrives and hand on what belongs to the body.

``feed`` returns what of the data belongs to the body, and what comes after its end: None as long
as the end is not reached.
"""

import re
from typing import Protocol

LONGEST_LINE = 4096  # bytes of a chunk's size and extensions
LARGEST_TRAILERS = 65536  # bytes; they are dropped
HEX = b"0123456789abcdefABCDEF"
PLAIN = re.compile(rb"([0-9a-fA-F]{1,15})\r\n")  # the line before a chunk, without extensions


class FramingError(ValueError):
    """A body that cannot be read any further."""


class Decoder(Protocol):
    """Reads one body."""

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]: ...


class Counted:
    """A body of so many bytes."""

    __slots__ = ("left",)

    def __init__(self, length: int) -> None:
        self.left = length

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        size = len(data)
        if size < self.left:
            self.left -= size
            return data, None
        if size == self.left:
            self.left = 0
            return data, b""
        left, self.left = self.left, 0
        return data[:left], data[left:]


class Endless:
    """A body that ends with its connection."""

    __slots__ = ()

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        return data, None


class Chunked:
    """A body in chunks (RFC 9112, section 7.1).

    Extensions and trailers are dropped.  ``lenient``: lines may end in LF alone, and spaces may
    follow a size, as some servers send them.
    """

    __slots__ = ("_left", "_lenient", "_pending", "_trailers")

    def __init__(self, *, lenient: bool = False) -> None:
        self._lenient = lenient
        self._left = 0  # bytes of the chunk that are to come, its line end included
        self._pending = b""  # the beginning of a line
        self._trailers = -1  # bytes of them so far; -1 before the last chunk

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        pieces: list[bytes] = []
        if self._pending:
            data = self._pending + data
            self._pending = b""
        at = 0
        while True:
            if not self._left and self._trailers < 0:
                at = _take_whole(data, at, pieces)
            if self._left > 2:
                piece = data[at : at + self._left - 2]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
            if self._left > 2 or at >= len(data):
                break
            end = data.find(b"\n", at)
            if end < 0:
                self._keep(data[at:])
                break
            line, at = self._line(data[at:end]), end + 1
            if self._ended(line):
                return b"".join(pieces), data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), None

    def _keep(self, part: bytes) -> None:
        if len(part) > (2 if self._left else LONGEST_LINE):
            raise FramingError("a line of chunked coding does not end")
        self._pending = part

    def _line(self, line: bytes) -> bytes:
        if line.endswith(b"\r"):
            line = line[:-1]
        elif not self._lenient:
            raise FramingError("a line of chunked coding does not end in CR LF")
        if b"\r" in line or b"\0" in line:
            raise FramingError("a control character in chunked coding")
        return line

    def _ended(self, line: bytes) -> bool:
        """Take a line in; whether it was the last of the body."""
        if self._left:  # the line end after a chunk
            if line:
                raise FramingError("a chunk is longer than its size")
            self._left = 0
        elif self._trailers >= 0:
            self._trailers += len(line)
            if self._trailers > LARGEST_TRAILERS:
                raise FramingError("the trailers do not end")
            return not line
        else:
            size = self._size(line)
            if size:
                self._left = size + 2
            else:
                self._trailers = 0
        return False

    def _size(self, line: bytes) -> int:
        digits = line.partition(b";")[0]
        if self._lenient or b";" in line:
            digits = digits.rstrip(b" \t")
        if not digits or len(digits) > 15 or digits.translate(None, HEX):
            raise FramingError(f"size of a chunk: {line[:20].decode('latin-1')!a}")
        return int(digits, 16)


def _take_whole(data: bytes, at: int, pieces: list[bytes]) -> int:
    """Take chunks in their usual form, as far as all of them is there; where the next begins.

    They need no care, and are taken in a fifth of the time of others.
    """
    while plain := PLAIN.match(data, at):
        start = plain.end()
        end = start + int(plain[1], 16)
        if end == start or data[end : end + 2] != b"\r\n":
            break
        pieces.append(data[start:end])
        at = end + 2
    return at
