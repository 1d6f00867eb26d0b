"""Accepting connections: beside busy ones, under overload, and short of descriptors."""

import asyncio
import errno
import resource
import socket

import pytest

from flaky_load_balancer.proxy.http1 import (
    Exchange,
    HttpServer,
    Listener,
    raise_descriptor_limit,
)
from tests.proxy.http1.wire import HOST, WAIT, Overloaded, echo, opened, rest, running, sent

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"


async def test_many_connections_are_accepted_in_one_pass() -> None:
    async with running(HttpServer(echo)) as port:
        clients = [socket.create_connection((HOST, port)) for _ in range(50)]
        for client in clients:
            client.setblocking(False)
            client.send(LAST)
        loop = asyncio.get_running_loop()
        answers = await asyncio.gather(*(loop.sock_recv(client, 4096) for client in clients))
        for client in clients:
            client.close()
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


@pytest.mark.parametrize("request_", [GET + GET, POST, GET[:20], LAST])
async def test_overload_is_answered_at_once(request_: bytes) -> None:
    handled: list[Exchange] = []

    async def handler(exchange: Exchange) -> None:
        handled.append(exchange)
        await echo(exchange)

    server = HttpServer(handler, admission=Overloaded((b"Retry-After", b"1")))
    async with running(server) as port:
        client = socket.create_connection((HOST, port))
        client.setblocking(False)
        client.send(request_)  # before the connection is accepted
        loop = asyncio.get_running_loop()
        if request_ == GET[:20]:
            await asyncio.sleep(0.01)
            client.send(GET[20:])
        answer = await asyncio.wait_for(loop.sock_recv(client, 4096), WAIT)
        client.close()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nDate: ")
    assert not handled


async def test_overload_keeps_a_connection_that_is_there() -> None:
    admission = Overloaded()
    admission.busy = False
    server = HttpServer(echo, admission=admission)
    async with running(server) as port:
        reader, writer = await opened(port)
        writer.write(GET)
        await asyncio.wait_for(reader.readuntil(b"GET "), WAIT)
        admission.busy = True
        writer.write(GET)
        await asyncio.wait_for(reader.readuntil(b"busy"), WAIT)
        admission.busy = False
        writer.write(LAST)
        assert (await rest(reader)).statuses == [200]
        writer.close()


class Short(socket.socket):
    """A listening socket on a system that is short of descriptors for a while."""

    refusals = 3

    def accept(self) -> tuple[socket.socket, object]:
        if Short.refusals:
            Short.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_a_shortage_of_descriptors_is_said_once_and_passes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaky_load_balancer.proxy.http1.listener.PAUSE", 0.01)
    Short.refusals = 3
    server = HttpServer(echo)
    with Short() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        listener = Listener(listening, server.protocol)
        assert (await sent(listening.getsockname()[1], LAST)).statuses == [200]
        listener.close()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_the_limit_of_descriptors_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, before[1]), before[1]))
    try:
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_flood_of_pipelined_requests_is_refused_one_by_one() -> None:
    server = HttpServer(echo, admission=Overloaded())
    async with running(server) as port:
        got = await sent(port, GET + GET * 2000 + LAST)
    assert got.statuses == [503] * 2002
