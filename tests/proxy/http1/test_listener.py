"""Accepting connections: beside busy ones, under overload, and short of descriptors."""

import asyncio
import errno
import resource
import select
import socket

import pytest

from flaky_load_balancer.proxy.http1 import (
    Exchange,
    HttpServer,
    Listener,
    Visitor,
    raise_descriptor_limit,
)
from flaky_load_balancer.proxy.http1.listener import Standing
from tests.proxy.http1.wire import HOST, WAIT, Line, Overloaded, echo, opened, rest, running, sent

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
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


async def test_a_new_client_is_let_in_with_what_it_has_sent() -> None:
    line = Line()
    async with running(HttpServer(echo, admission=line)) as port:
        asking = asyncio.ensure_future(sent(port, POST[:-5], b"hello", LAST))
        standing = await line.comes()
        await there(standing)
        line.places.append(standing)
        standing.enter()
        assert len(line.places) == 1
        assert standing not in line.places  # but its connection is
        await line.let_in()
        got = await asking
    assert got.statuses == [200, 200]
    assert got.data.count(b"POST hello") == 1


async def test_a_new_client_without_a_request_is_opened_and_has_no_place() -> None:
    line = Line()
    async with running(HttpServer(echo, admission=line)) as port:
        for begun in (b"", LAST[:10]):
            reader, writer = await opened(port)
            writer.write(begun)
            first = await line.comes()
            line.places.append(first)
            if begun:
                await there(first)
            first.enter()
            while line.places:
                await asyncio.sleep(0.01)
            writer.write(LAST[len(begun) :])
            second = await line.let_in()
            assert second is not first
            assert (await rest(reader)).statuses == [200]
            writer.close()


async def idle(port: int, line: Line) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client whose connection is opened, and who has not asked for anything."""
    streams = await opened(port)
    (await line.comes()).enter()
    return streams


async def there(visitor: Visitor) -> None:
    """Until what a new client has sent can be read, or that it has gone."""
    assert isinstance(visitor, Standing)
    while not select.select([visitor._client], [], [], 0)[0]:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("request_", "later", "asked"),
    [(GET, b"", 0), (POST, b"", 0), (HEAD, b"", 1), (GET[:20], GET[20:], 1), (GET + GET, b"", 2)],
)
async def test_a_new_client_is_refused_after_it_has_waited(
    request_: bytes, later: bytes, asked: int
) -> None:
    """Only what is more than one plain request takes a connection, which asks again."""
    line = Line()
    async with running(HttpServer(echo, admission=line)) as port:
        reader, writer = await opened(port)
        writer.write(request_)
        visitor = await line.comes()
        await there(visitor)
        visitor.refuse()
        writer.write(later)
        for _ in range(asked):
            (await line.comes()).refuse()
        writer.write_eof()
        got = await rest(reader)
        writer.close()
    assert set(got.statuses) == {503}
    assert got.data.endswith(b"busy") == (request_ != HEAD)
    assert not got.reset


async def test_a_client_that_hung_up_while_it_waited_leaves_nothing() -> None:
    line = Line()
    server = HttpServer(echo, admission=line)
    async with running(server) as port:
        for refused in (False, True):
            _, writer = await opened(port)
            writer.close()
            visitor = await line.comes()
            await there(visitor)
            line.places.append(visitor)
            visitor.refuse() if refused else visitor.enter()
            assert isinstance(visitor, Standing)
            assert visitor._client.fileno() < 0
            assert not server.connections
        assert len(line.places) == 1  # of the one that was refused, which had none


async def test_what_comes_while_a_connection_waits_belongs_to_its_request() -> None:
    line = Line()
    async with running(HttpServer(echo, admission=line)) as port:
        reader, writer = await idle(port, line)
        writer.write(POST[:-5])
        visitor = await line.comes()
        writer.write(b"hello" + POST.replace(b"hello", b"again"))
        await asyncio.sleep(0.05)
        visitor.enter()
        await asyncio.wait_for(reader.readuntil(b"POST hello"), WAIT)
        (await line.comes()).refuse()
        await asyncio.wait_for(reader.readuntil(b"busy"), WAIT)
        writer.write(LAST)
        await line.let_in()
        assert (await rest(reader)).statuses == [200]
        writer.close()


async def test_a_client_that_sends_no_more_is_answered_if_it_is_there() -> None:
    """And if it has gone, nobody is let in for it."""
    line = Line()
    async with running(HttpServer(echo, admission=line)) as port:
        reader, writer = await idle(port, line)
        writer.write(GET)
        writer.write_eof()
        visitor = await line.comes()
        await asyncio.sleep(0.05)
        visitor.enter()
        assert (await rest(reader)).data.endswith(b"GET ")
        writer.close()
        _, writer = await idle(port, line)
        writer.write(GET)
        writer.close()
        gone = await line.comes()
        line.places.append(gone)
        while line.places:
            await asyncio.sleep(0.01)


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
        listener = Listener(listening, server)
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
