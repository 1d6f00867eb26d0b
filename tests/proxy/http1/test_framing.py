"""Bodies in chunks mean the same however they arrive."""

import pytest

from flaky_load_balancer.proxy.http1.framing import Chunked, FramingError


def fed(pieces: list[bytes], *, lenient: bool) -> tuple[bytes, bytes | None] | str:
    """The body and what comes after it, or what is wrong with it."""
    decoder, body = Chunked(lenient=lenient), b""
    for place, piece in enumerate(pieces):
        try:
            part, after = decoder.feed(piece)
        except FramingError as error:
            return str(error)
        body += part
        if after is not None:
            return body, after + b"".join(pieces[place + 1 :])
    return body, None


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"3\r\nabc\r\n02\r\nde\r\n0\r\n\r\nGET", (b"abcde", b"GET")),
        (b"3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n", (b"abc0123456789", b"")),
        (b"1\r\na\r\n1\r\nb\r\n5\r\nhal", (b"abhal", None)),
        (b"2\r\n\r\n\r\n0\r\n\r\n", (b"\r\n", b"")),
        (b"1\r\na\r\n2\r\nabc\r\n0\r\n\r\n", "does not end in CR LF|longer than its size"),
        (b"1\r\na\r\n-1\r\nb\r\n", "size of a chunk"),
        (b"1\r\na\r\n0x1\r\nb\r\n", "size of a chunk"),
        (b"1\r\na\r\n1111111111111111\r\nb\r\n", "size of a chunk"),
    ],
)
def test_whole_chunks_and_single_bytes_are_read_alike(
    data: bytes, found: tuple[bytes, bytes | None] | str, lenient: bool
) -> None:
    ways = [[data], [data[place : place + 1] for place in range(len(data))]]
    ways += [[data[:cut], data[cut:]] for cut in range(1, len(data))]
    for way in ways:
        read = fed(way, lenient=lenient)
        if isinstance(found, str):
            assert isinstance(read, str)
            assert any(part in read for part in (*found.split("|"), "does not end"))
        else:
            assert read == found
