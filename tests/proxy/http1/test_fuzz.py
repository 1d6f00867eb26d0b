"""Random bytes, to us and through us: nothing breaks, and no fault of ours is answered."""

import asyncio
import random

import pytest

from flaky_load_balancer.proxy.http1 import Client, Exchange, Limits
from tests.proxy.http1.wire import (
    WAIT,
    Got,
    answering,
    opened,
    passing,
    peer,
    rest,
    sent,
    serving,
)

LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
WORDS = [
    b"GET / HTTP/1.1\r\n",
    b"POST /a HTTP/1.1\r\nHost: x\r\n",
    b"PUT /a HTTP/1.0\r\n",
    b"Host: x\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 99999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: Upgrade\r\nUpgrade: x\r\n",
    b"Expect: 100-continue\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"abc",
    b"\x00",
    b"\xff" * 50,
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 103 Hint\r\n\r\n",
]


def sentence(chance: random.Random) -> bytes:
    """A mixture of what means something and what does not."""
    words = chance.choices(WORDS, k=chance.randrange(1, 12))
    return b"".join(words) + chance.randbytes(chance.randrange(0, 8))


async def swallow(exchange: Exchange) -> None:
    await exchange.body.read_all()
    exchange.reply(200, [], b"ok")


async def hurl(port: int, data: bytes, chance: random.Random) -> Got:
    """Send these bytes in some pieces, and an end; what came back."""
    reader, writer = await opened(port)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(3))
    for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
        writer.write(data[a:b])
        await asyncio.sleep(0)
    writer.write_eof()
    got = await rest(reader)
    writer.close()
    return got


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_bytes_from_clients(count: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(11)
    async with serving(swallow, Limits(linger=0.2)) as port:
        for i in range(count):
            data = chance.randbytes(100) if i % 3 == 0 else sentence(chance)
            got = await hurl(port, data, chance)
            assert not {status for status in got.statuses if status not in {100, 200}} - {
                *range(400, 500),
                501,
                505,
            }
        assert (await sent(port, LAST)).statuses == [200]
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("count", [100, pytest.param(5_000, marks=pytest.mark.slow)])
async def test_bytes_from_servers(count: int, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(12)
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    answers = iter([chance.randbytes(60) if i % 3 else sentence(chance) for i in range(count)])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers, good))
        writer.close()

    client = Client()
    async with peer(serve) as server, serving(passing(client, server)) as port:
        for _ in range(count):
            got = await asyncio.wait_for(sent(port, LAST), WAIT)
            assert got.statuses[:1] in ([200], [502], [103]) or got.reset
        assert (await sent(port, LAST)).data.endswith(b"ok")
    client.close()
    assert not [record for record in caplog.records if record.exc_info]


async def test_bytes_through_a_proxy(caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(13)
    client = Client()
    good = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    async with (
        peer(good) as server,
        serving(passing(client, server), Limits(linger=0.2)) as port,
    ):
        for _ in range(100):
            got = await hurl(port, sentence(chance), chance)
            assert not {status for status in got.statuses if status >= 500} - {501, 505}
        assert (await sent(port, LAST)).data.endswith(b"ok")
    client.close()
    assert not [record for record in caplog.records if record.exc_info]
