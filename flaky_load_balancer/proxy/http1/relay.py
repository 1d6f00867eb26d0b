"""Passing an answer's body, or a tunnel, from a server to a client."""

import asyncio

from flaky_load_balancer.proxy.http1.client import ClientConnection
from flaky_load_balancer.proxy.http1.exchange import Exchange


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
    """Both directions, after a 101 that was passed on, until both have ended or one breaks."""
    exchange.limit(idle)
    connection.limit(idle, idle)
    there, back = exchange.body, connection.body
    try:
        there.pipe(connection)
        back.pipe(exchange)
        async with asyncio.TaskGroup() as directions:
            directions.create_task(there.finished())
            directions.create_task(back.finished())
    except* Exception:
        exchange.abort()
    finally:
        there.unpipe()
        back.unpipe()
        connection.close()
    exchange.finish()
