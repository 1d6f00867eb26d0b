"""HTTP/1 on the wire: connections of clients in, connections to servers out.

What is above decides where a request goes and what is tried again; here is how it is read and
written. Two objects meet in a handler, an ``Exchange`` with a client and a ``ClientConnection``
to a server. Passing one request on::

    async def handler(exchange: Exchange) -> None:
        head = exchange.head                      # method, path, host, headers as sent, length
        connection = await upstream.connect(1.0)  # UpstreamError: nothing was sent
        try:
            headers = end_to_end(head.headers, head.named)
            connection.limit(first_byte=10.0, idle=30.0)
            connection.send(head.method, head.path, headers, body_length(head.length))
            exchange.body.pipe(connection)        # in the background, at the server's pace
            answer = await connection.answer()    # the final head; UpstreamError says why not
            headers = end_to_end(answer.headers, answer.named)
            length = answer_length(answer, head.method)
            exchange.respond(answer.status, answer.reason, headers, length)
            await relay(connection, exchange)     # the body, at the client's pace
        finally:
            exchange.body.unpipe()
            connection.release()                  # kept if it is clean, else closed

**The handler** runs as a task for each request; requests of a connection are handled in order. If
the client hangs up, ``exchange.gone`` is True and the task is cancelled at once. A handler that
leaves without an answer gives 500 (by BodyError: its status); in the middle of one, the answer is
broken off.

**Overload**: ``HttpServer(handler, admission=...)`` asks when a request may be handled, which waits
or is refused with 503 at a fraction of its cost. New clients ask before their connection is even
opened. Call ``raise_descriptor_limit()`` at start.

**Bodies** (``exchange.body`` of the request, ``connection.body`` of the answer) arrive by
themselves, and their sender is held back while 4 KiB wait to be read. ``read()`` one piece,
``take()`` what is there, or ``pipe(sink)``. ``complete`` says that the end has arrived. With
``keep(limit)`` the first bytes are remembered: ``kept`` is all that arrived so far, or None once
that was more than ``limit``; as long as it is not None, ``pipe`` begins at the beginning, so that
another attempt can send it again. ``100 Continue`` goes to the client when its body is first read
or piped. A body that the client breaks off, or sends too slowly, raises BodyError from ``read``
and ``finished``, and from ``answer`` of the connection that it is piped into.

**Answers** are ``inform`` (1xx), then ``respond``, ``write`` with ``await drain()``, ``finish``;
or ``reply`` for a small one at once; ``abort`` breaks off so that the client sees no clean end.
Content lengths, chunks, ``Connection`` and what HEAD, 204 and 304 ask for are added below
``respond``: pass headers through ``end_to_end`` first.

**Upgrade**: pass the client's ``Upgrade`` header to ``send``; on a 101 call ``exchange.upgrade``
with the server's headers, then ``await tunnel(connection, exchange)``.

**ASGI**: ``asgi(app)`` is a handler that lets an ASGI app answer. Route first, then call it.

**Failures** are UpstreamError with a ``reason`` (failures.Reason) and ``sent``: False means that
the server surely did not process the request. ``Reason.OURS`` says nothing about the server.

**Time limits** of a client's connection are ``Limits``; ``exchange.limit(idle)`` for one request.
Those of an attempt: ``connect(seconds)``, ``limit(first_byte, idle)``. A limit on the whole is
the handler's.
"""

from flaky_load_balancer.proxy.http1.asgi import asgi
from flaky_load_balancer.proxy.http1.body import Body
from flaky_load_balancer.proxy.http1.client import ClientConnection
from flaky_load_balancer.proxy.http1.connection import Visitor
from flaky_load_balancer.proxy.http1.exchange import Exchange
from flaky_load_balancer.proxy.http1.failures import BodyError, Reason, UpstreamError
from flaky_load_balancer.proxy.http1.head import (
    AnswerHead,
    Headers,
    RequestHead,
    answer_length,
    body_length,
    end_to_end,
)
from flaky_load_balancer.proxy.http1.listener import Listener, raise_descriptor_limit
from flaky_load_balancer.proxy.http1.names import Names
from flaky_load_balancer.proxy.http1.relay import relay, tunnel
from flaky_load_balancer.proxy.http1.server import Admission, HttpServer, Limits, Refusal
from flaky_load_balancer.proxy.http1.upstream import Client, Upstream, tls_context

__all__ = [
    "Admission",
    "AnswerHead",
    "Body",
    "BodyError",
    "Client",
    "ClientConnection",
    "Exchange",
    "Headers",
    "HttpServer",
    "Limits",
    "Listener",
    "Names",
    "Reason",
    "Refusal",
    "RequestHead",
    "Upstream",
    "UpstreamError",
    "Visitor",
    "answer_length",
    "asgi",
    "body_length",
    "end_to_end",
    "raise_descriptor_limit",
    "relay",
    "tls_context",
    "tunnel",
]
