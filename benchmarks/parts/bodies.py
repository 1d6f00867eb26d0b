"""Servers of large bodies, with blocking sockets and a thread for each connection.

    .venv/bin/python -m benchmarks.parts.bodies 4000

``GET /N`` sends N bytes; a request with a body is answered once all of it was read; ``GET /events``
sends the time, as nanoseconds in text, 500 times a second.
"""

import argparse
import socket
import threading
import time

HOST = "127.0.0.1"
BLOCK = bytes(1 << 18)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request, and what has come of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            return b"", b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def answer(client: socket.socket) -> None:
    room = memoryview(bytearray(1 << 18))
    while True:
        head, rest = read_head(client)
        if not head:
            return
        path = head.split(b" ", 2)[1]
        if path == b"/events":
            events(client)
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        left = int(length or b"0") - len(rest)
        while left > 0:
            left -= client.recv_into(room)
        size = int(path[1:] or b"0")
        client.sendall(HEAD % size)
        while size > 0:
            client.sendall(BLOCK[:size])
            size -= len(BLOCK)


def events(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        client.sendall(b"13\r\n%019d\r\n" % time.monotonic_ns())
        time.sleep(0.002)


def connected(client: socket.socket) -> None:
    with client:
        try:
            answer(client)
        except OSError:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    listening = socket.create_server((HOST, parser.parse_args().port))
    while True:
        client, _ = listening.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=connected, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
