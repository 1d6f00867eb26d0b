"""One worker, as its parent sees it: a process, and a pipe to it."""

import asyncio
import pickle
import signal
import socket
import struct
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import orjson

from flaky_load_balancer.processes import Child
from flaky_load_balancer.proxy.learning import Learning
from flaky_load_balancer.service.workers.beliefs import Decisions
from flaky_load_balancer.service.workers.orders import Orders
from flaky_load_balancer.service.workers.pipe import Kind, Pipe

COMMAND = (sys.executable, "-m", "flaky_load_balancer.service.workers.worker")
PATIENCE = 2.0  # seconds that an answer may take
NUMBER = struct.Struct("<I")

Hear = Callable[["Member", Kind, memoryview], None]


class Member:
    """A worker that was started, and may have ended since."""

    pipe: Pipe

    def __init__(self, number: int, child: Child) -> None:
        self.number, self.child = number, child
        self.learning: dict[str, Learning] = {}  # by route
        self.decisions: dict[str, Decisions] = defaultdict(Decisions)  # by route, as shown
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._questions = count(1)
        self._answers: dict[int, asyncio.Future[bytes]] = {}

    @classmethod
    async def start(cls, number: int, hear: Hear, inherits: Sequence[int]) -> "Member":
        """Start the process; it waits for its first message."""
        ours, theirs = socket.socketpair()
        with theirs:
            files = theirs.fileno(), *inherits
            command = [*COMMAND, str(theirs.fileno())]
            child = await Child.start(f"worker {number + 1}", command, speaks=True, inherits=files)
        member = cls(number, child)
        member.pipe = await Pipe.on(ours, lambda kind, message: member.heard(hear, kind, message))
        member.pipe.gone.add_done_callback(lambda _: member.over())
        return member

    @property
    def serves(self) -> bool:
        """It is ready and there."""
        return self.ready.done() and not self.pipe.gone.done()

    def order(self, kind: Kind, orders: Orders) -> None:
        """Tell it how to serve."""
        self.pipe.send(kind, pickle.dumps(orders))

    async def ask(self, what: str, **more: Any) -> bytes | None:
        """Its answer; None where there is none, or not in time."""
        if not self.serves:
            return None
        number = next(self._questions)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self.pipe.send(Kind.ASK, orjson.dumps({"number": number, "what": what, **more}))
        await asyncio.wait(
            [answer, self.pipe.gone], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        del self._answers[number]
        return answer.result() if answer.done() else None

    def heard(self, hear: Hear, kind: Kind, message: memoryview) -> None:
        """A message came."""
        if kind is Kind.READY:
            self.ready.set_result(None)
        elif kind is Kind.CLOSED:
            self.over()
        elif kind is Kind.ANSWER:
            (number,) = NUMBER.unpack_from(message)
            if number in self._answers:
                self._answers[number].set_result(bytes(message[NUMBER.size :]))
        else:
            hear(self, kind, message)

    def over(self) -> None:
        """Nobody is in it any more."""
        if not self.closed.done():
            self.closed.set_result(None)

    async def stop(self) -> None:
        """End it, if it has not ended."""
        self.pipe.close()
        await self.child.stop()

    def kill(self) -> None:
        if self.child.process.returncode is None:
            self.child.signal(signal.SIGKILL)
