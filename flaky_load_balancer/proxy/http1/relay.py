"""Passing an answer's body, or a tunnel, from a server to a client."""

import asyncio

from flaky_load_balancer.proxy.http1.body import Body
from flaky_load_balancer.proxy.http1.client import ClientConnection
from flaky_load_balancer.proxy.http1.exchange import Exchange
from flaky_load_balancer.proxy.http1.failures import BodyError, UpstreamError

FOREVER = 1e8  # seconds; a timer needs a number


async def relay(connection: ClientConnection, exchange: Exchange) -> None:
    """Pass the rest of an answer on, whose head was passed on, and finish.

    An answer that breaks off is broken off for the client, too: UpstreamError.
    """
    body = connection.body
    try:
        body.pipe(exchange)
        await body.finished()
    except BaseException:
        exchange.abort()
        raise
    finally:
        body.unpipe()


async def tunnel(connection: ClientConnection, exchange: Exchange, idle: float = 3600.0) -> None:
    """Both directions, after a 101 that was passed on, until both have ended or one breaks.

    It is cut once neither has carried a byte for ``idle`` seconds.
    """
    exchange.limit(FOREVER)
    connection.limit(FOREVER, FOREVER)
    there, back = exchange.body, connection.body
    both = asyncio.gather(there.finished(), back.finished())
    try:
        there.pipe(connection)
        back.pipe(exchange)
        await _until_idle(both, there, back, idle)
    except (UpstreamError, BodyError, TimeoutError):
        exchange.abort()
    finally:
        both.cancel()
        there.unpipe()
        back.unpipe()
        connection.close()
    exchange.finish()


async def _until_idle(
    both: "asyncio.Future[tuple[None, None]]", there: Body, back: Body, idle: float
) -> None:
    carried = -1
    while not both.done():
        before, carried = carried, there.received + back.received
        if carried == before:
            raise TimeoutError
        await asyncio.wait([both], timeout=idle)
    both.result()
