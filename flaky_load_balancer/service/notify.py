"""Telling systemd, if it started the program, that it is ready, reloads or ends (sd_notify)."""

import os
import socket
import time
from contextlib import suppress


def notify(state: str) -> None:
    """Send a state such as ``READY=1`` to whom ``NOTIFY_SOCKET`` names; nothing without it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
        sending.connect(address)
        sending.sendall(state.encode())


def reloading() -> None:
    """Which systemd wants to know the time of."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
