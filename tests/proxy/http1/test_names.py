"""Look-ups of names: one at a time for each, remembered briefly, in nobody's way."""

import asyncio
import socket
import sys
import threading

import pytest

from flaky_load_balancer.proxy.http1 import Client, Names, Reason, UpstreamError
from flaky_load_balancer.proxy.http1.names import Address
from tests.proxy.http1.wire import HOST, WAIT, answering, peer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Script:
    """A resolver that counts, and that answers for "slow" only once it is let go."""

    def __init__(self, *hosts: str) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.hosts = hosts or (HOST,)
        self.broken = False

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if host == "slow":
            self.go_on.wait(WAIT)
        if self.broken:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, (each, port))
            for each in self.hosts
        ]


async def test_one_look_up_at_a_time() -> None:
    script = Script()
    names = Names(script)
    many = [asyncio.ensure_future(names.addresses("slow", 80)) for _ in range(20)]
    other = await asyncio.wait_for(names.addresses("quick", 80), WAIT)
    assert other == [(socket.AF_INET, (HOST, 80))]
    script.go_on.set()
    assert await asyncio.gather(*many) == [other] * 20
    await names.addresses("slow", 80)
    assert sorted(script.asked) == ["quick", "slow"]


async def test_whoever_gives_up_leaves_the_look_up_to_the_others() -> None:
    script = Script()
    names = Names(script)
    first = asyncio.ensure_future(names.addresses("slow", 80))
    second = asyncio.ensure_future(names.addresses("slow", 80))
    await asyncio.sleep(0)
    first.cancel()
    script.go_on.set()
    assert len(await second) == 1


async def test_old_addresses_serve_while_the_name_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script()
    names = Names(script)
    script.go_on.set()
    await names.addresses("slow", 80)
    script.go_on.clear()
    monkeypatch.setattr("flaky_load_balancer.proxy.http1.names.FRESH", 0.0)
    await asyncio.sleep(0.001)
    assert await names.addresses("slow", 80) == [(socket.AF_INET, (HOST, 80))]
    script.go_on.set()


async def test_a_name_that_fails_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script()
    names = Names(script)
    script.broken = True
    for _ in range(2):
        with pytest.raises(OSError, match="not known"):
            await names.addresses("x", 80)
    assert len(script.asked) == 1
    monkeypatch.setattr("flaky_load_balancer.proxy.http1.names.FAILED", 0.0)
    script.broken = False
    await asyncio.sleep(0.001)
    assert await names.addresses("x", 80)


async def connected(script: Script, port: int, name: str = "x") -> None:
    client = Client(Names(script))
    connection = await client.upstream(f"http://{name}:{port}").connect(WAIT)
    connection.release()
    client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only one loopback address")
async def test_the_next_address_is_tried() -> None:
    async with peer(answering(OK)) as port:
        await connected(Script("::1", "127.0.0.2", HOST), port)
        with pytest.raises(UpstreamError) as raised:
            await connected(Script("127.0.0.2", "127.0.0.3"), port)
    assert raised.value.reason is Reason.REFUSED


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have only one loopback address")
async def test_an_address_that_hangs_costs_time_only_once() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        server = await asyncio.start_server(lambda _, writer: writer.close(), HOST, 0)
        port = server.sockets[0].getsockname()[1]
        full.bind(("127.0.0.2", port))
        full.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(("127.0.0.2", port))
        upstream = Client(Names(Script("127.0.0.2", HOST))).upstream(f"http://x:{port}")
        (await upstream.connect(0.4)).close()
        waited = [asyncio.ensure_future(upstream.connect(1000.0, fresh=True)) for _ in range(3)]
        done, _ = await asyncio.wait(waited, timeout=WAIT)
        assert len(done) == 3  # the one that hangs would have taken half of 1,000 seconds
        for each in waited:
            each.result().close()
        server.close()


async def test_a_name_that_does_not_resolve_in_time() -> None:
    script = Script()
    client = Client(Names(script))
    with pytest.raises(UpstreamError) as raised:
        await client.upstream("http://slow:80").connect(0.05)
    script.go_on.set()
    assert (raised.value.reason, raised.value.sent) == (Reason.TIMEOUT, False)


async def test_the_end_of_the_event_loop_does_not_wait_for_a_slow_name() -> None:
    script = Script()
    threads: list[threading.Thread] = []

    def in_a_loop_of_its_own() -> None:
        async def ask() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(Names(script).addresses("slow", 80), 0.05)

        asyncio.run(ask())

    thread = threading.Thread(target=in_a_loop_of_its_own)
    thread.start()
    await asyncio.to_thread(thread.join, WAIT)
    threads = [each for each in threading.enumerate() if each.name == "resolve slow"]
    assert not thread.is_alive()
    assert len(threads) == 1  # still waiting, and nobody waits for it
    assert threads[0].daemon
    script.go_on.set()
    await asyncio.to_thread(threads[0].join, WAIT)


async def test_ipv6() -> None:
    try:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    client = Client()
    port = server.sockets[0].getsockname()[1]
    connection = await client.upstream(f"http://[::1]:{port}").connect(WAIT)
    connection.close()
    client.close()
    server.close()
    await asyncio.sleep(0.01)
