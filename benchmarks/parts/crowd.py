"""A crowd of clients that come at a fixed rate, whether or not those before were answered.

.venv/bin/python -m benchmarks.parts.crowd http://127.0.0.1:8000/ --rate 20000 --seconds 4

One process on bare sockets, since it has to come faster than what it measures can answer.  Who
comes takes a connection that is kept and free, else opens one; with ``--new`` always.
"""

import argparse
import json
import resource
import select
import socket
import time
from collections import Counter
from urllib.parse import urlsplit

ID = b"0123456789abcdefghijABCD"
MOST = 12_000  # connections, which are descriptors here and in the balancer
BATCH = 256  # who come between two looks at what was answered
PATIENCE = 10.0  # seconds for the last answers


class Crowd:
    """Clients of one address, and what became of their requests."""

    def __init__(self, address: tuple[str, int], request: bytes, *, new: bool) -> None:
        self.statuses: Counter[str] = Counter()
        self.slowest = 0.0  # seconds from sending to the answer
        self.on_time = 0  # delivered while others still came
        self.sent = 0
        self._address, self._request, self._new = address, request, new
        self._poll = select.epoll()
        self._opened: dict[int, socket.socket] = {}
        self._asked: dict[int, float] = {}  # when, by the number of the socket
        self._free: list[int] = []

    def run(self, rate: float, seconds: float) -> None:
        count, began = int(rate * seconds), time.perf_counter()
        end = began + seconds
        while (now := time.perf_counter()) < end:
            due = min(count, int((now - began) * rate) + 1)
            batch = min(due - self.sent, BATCH, MOST - len(self._asked))
            for _ in range(batch):
                self._ask()
            self.sent += batch
            self._hear(0 if self.sent < due else 0.0005, end)
        while self._asked and time.perf_counter() < end + PATIENCE:
            self._hear(0.01, end)
        self.statuses["none"] += len(self._asked)

    def _ask(self) -> None:
        number = self._open() if self._new or not self._free else self._free.pop()
        self._asked[number] = time.perf_counter()
        self._send(number)

    def _open(self) -> int:
        client = socket.socket()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect_ex(self._address)
        number = client.fileno()
        self._opened[number] = client
        self._poll.register(number, select.EPOLLIN)
        return number

    def _send(self, number: int) -> None:
        try:
            self._opened[number].send(self._request)
        except BlockingIOError:  # not connected yet
            self._poll.modify(number, select.EPOLLIN | select.EPOLLOUT)
        except OSError:
            self._broken(number)

    def _hear(self, wait: float, end: float) -> None:
        for number, event in self._poll.poll(wait, 4096):
            if event & select.EPOLLOUT:
                self._poll.modify(number, select.EPOLLIN)
                self._send(number)
                continue
            try:
                answer = self._opened[number].recv(65536)
            except OSError:
                answer = b""
            if answer:
                self._answered(number, answer, end)
            else:
                self._broken(number)

    def _answered(self, number: int, answer: bytes, end: float) -> None:
        now = time.perf_counter()
        status = answer[9:12].decode()
        self.statuses[status] += 1
        self.slowest = max(self.slowest, now - self._asked.pop(number))
        self.on_time += status == "200" and now < end
        if self._new or b"\r\nConnection: close\r\n" in answer:
            self._opened.pop(number).close()
        else:
            self._free.append(number)

    def _broken(self, number: int) -> None:
        """Somebody's connection ended, which matters where an answer was waited for."""
        self._opened.pop(number).close()
        if self._asked.pop(number, None) is None:
            self._free.remove(number)
        else:
            self.statuses["broken"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--new", action="store_true")
    said = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url = urlsplit(said.url)
    close = b"Connection: close\r\n" if said.new else b""
    head = (
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n%b\r\n"
    )
    address = str(url.hostname), url.port or 80
    crowd = Crowd(address, head % (url.path.encode(), close) + ID, new=said.new)
    crowd.run(said.rate, said.seconds)
    answers, silent = crowd.statuses, crowd.statuses["none"] + crowd.statuses["broken"]
    found = {
        "rate": crowd.sent / said.seconds,
        "delivered": crowd.on_time / said.seconds,
        "refused": answers["503"] / crowd.sent,
        "silent": silent / crowd.sent,
        "slowest": crowd.slowest,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
