"""Kind ``ids`` on the wire: the id as the body of a POST, and whether it was delivered."""

import time

from flaky_load_balancer.proxy import outcomes
from flaky_load_balancer.proxy.attempt import Attempt
from flaky_load_balancer.proxy.http1 import UpstreamError
from flaky_load_balancer.proxy.outcomes import Answer

HEADERS = [(b"Content-Type", b"text/plain")]
FOREVER = 1e6  # seconds: the dispatcher has the time limit of an attempt


async def post(attempt: Attempt, request_id: str) -> Answer:
    """One attempt; its answer is read to the end."""
    server = attempt.server
    assert server is not None
    connection = None
    try:
        connection = await server.upstream.connect(FOREVER)
        connection.limit(FOREVER, FOREVER)
        attempt.sent()
        headers = [(b"Host", server.host), *HEADERS, *server.headers]
        if attempt.size is not None:
            headers.append((b"X-FLB-Size", b"%d" % attempt.size))
        connection.send(b"POST", server.base or b"/", headers, body=request_id.encode())
        head = await connection.answer()
        while not connection.body.complete:  # mostly it came with the head
            await connection.body.read()
    except UpstreamError as error:
        return outcomes.broken(error)
    finally:
        if connection is not None:
            connection.release()
    attempt.status, attempt.worth = head.status, outcomes.worth(head.headers)
    attempt.cost = attempt.worth.cost
    return outcomes.of_game(head.status, head.headers, time.time())
