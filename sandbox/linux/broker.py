"""The warden answers for the kernel when the program wants to start something or to listen.

Programs and pairs of sockets are counted.

A seccomp filter sees the pointer to an address, not the address.  So the warden takes the socket
out of the asking process, reads the address once, and binds the socket itself: what the program
writes there later changes nothing.  ``0.0.0.0`` and ``::``, which many servers ask for, become
127.0.0.1; any other address but the loopback's and any port that is not the policy's is refused.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct

from sandbox.linux import calls, kernel
from sandbox.linux.filters import ASKED, INET, INET6

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECEIVE, SEND, STILL_VALID = 0xC0502100, 0xC0182101, 0x40082102  # ioctls of a listener
GO_ON = 1  # the kernel shall carry out the call
PAIRS = 32  # socket pairs that a sandbox may ever make: what they hold counts for no process
LONGEST = 128  # bytes of an address

LOOPBACK = bytes([127, 0, 0, 1])
MAPPED = bytes(10) + b"\xff\xff" + LOOPBACK
LOOPBACK6 = bytes(15) + b"\x01"
SOL_IPV6, V6ONLY = 41, 26


def of(
    child: int, descriptor: int, ports: Sequence[int], starts: int, tell: Callable[[str], None]
) -> Broker:
    """A broker for the filter whose listener is this descriptor of the child."""
    process = kernel.call(kernel.PIDFD_OPEN, child, 0)
    listener = kernel.call(kernel.PIDFD_GETFD, process, descriptor, 0)
    os.close(process)
    return Broker(listener, calls.numbers(ASKED), ports, starts, tell)


class Broker:
    """Answers the questions of one sandbox."""

    def __init__(
        self,
        listener: int,
        asked: dict[int, str],
        ports: Sequence[int],
        starts: int,
        tell: Callable[[str], None],
    ) -> None:
        """``asked`` are the calls by number; ``starts`` how many programs may be started."""
        self.listener = listener
        self._left = {"execve": starts, "socketpair": PAIRS}
        self._asked = asked
        self._ports = set(ports)
        self._tell = tell
        self._told: set[str] = set()

    def answer(self) -> None:
        """Answer the next question."""
        question = bytearray(80)
        try:
            fcntl.ioctl(self.listener, RECEIVE, question)
        except OSError:
            return  # whoever asked is gone
        number, pid, _, call, _, _, *words = struct.unpack("=QIIiIQ6Q", question)
        name = self._asked[call].replace("execveat", "execve")
        error = flags = 0
        if self._left.get(name, 0) > 0:
            self._left[name], flags = self._left[name] - 1, GO_ON
        elif name in self._left:
            error = errno.EACCES if name == "execve" else errno.ENFILE
        else:
            error = self._on_socket(number, pid, name, words)
        reply = struct.pack("=QqiI", number, 0, -error, flags)
        try:
            fcntl.ioctl(self.listener, SEND, bytearray(reply))
        except OSError:
            return

    def _on_socket(self, number: int, pid: int, call: str, words: list[int]) -> int:
        """Bind or listen in its stead: 0, or the error it gets."""
        held: list[int] = []
        try:
            process = self._process(pid)
            held.append(process)
            # Only now is it sure that the number still is that of the process that asked.
            fcntl.ioctl(self.listener, STILL_VALID, struct.pack("=Q", number))
            address = self._read(pid, words) if call == "bind" else b""
            fcntl.ioctl(self.listener, STILL_VALID, struct.pack("=Q", number))
            sock = kernel.call(kernel.PIDFD_GETFD, process, words[0] & 0xFFFFFFFF, 0)
            held.append(sock)
            if call == "bind":
                self._bind(sock, address)
            else:
                self._listen(sock, words[1] & 0x7FFFFFFF)
        except OSError as failed:
            return failed.errno or errno.EACCES
        finally:
            for descriptor in held:
                os.close(descriptor)
        return 0

    def _process(self, thread: int) -> int:
        try:
            return kernel.call(kernel.PIDFD_OPEN, thread, 0)
        except OSError:  # a thread that is not its process' first
            with open(f"/proc/{thread}/status", encoding="ascii", errors="replace") as status:
                first = next(line.split()[1] for line in status if line.startswith("Tgid:"))
            return kernel.call(kernel.PIDFD_OPEN, int(first), 0)

    def _read(self, pid: int, words: list[int]) -> bytes:
        if words[2] > LONGEST:
            raise OSError(errno.EINVAL, "too long")
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(memory, words[2], words[1])
        except (OSError, OverflowError):  # no address of memory that it has
            raise OSError(errno.EFAULT, "bad address") from None
        finally:
            os.close(memory)

    def _bind(self, sock: int, address: bytes) -> None:
        port, narrowed = self._narrowed(sock, address)
        if port not in self._ports:
            self._refuse(f"port {port} is not among those that it may listen on")
        kernel.checked(kernel.libc.bind(sock, narrowed, len(narrowed)))
        if port == 0:
            self._ports.add(_port(_name(sock)))

    def _listen(self, sock: int, backlog: int) -> None:
        """A socket that was never bound would listen on some port of every address."""
        if _port(_name(sock)) in self._ports - {0}:
            kernel.checked(kernel.libc.listen(sock, backlog))
        else:
            self._refuse("it may not listen on a port that it was not given")

    def _narrowed(self, sock: int, address: bytes) -> tuple[int, bytes]:
        family = struct.unpack("=H", address[:2])[0] if len(address) >= 2 else 0
        if family == INET and len(address) >= 16:
            host, here = address[4:8], {bytes(4): LOOPBACK, LOOPBACK: LOOPBACK}
            place = slice(4, 8)
        elif family == INET6 and len(address) >= 24:
            wide = LOOPBACK6 if _v6_only(sock) else MAPPED
            host, place = address[8:24], slice(8, 24)
            here = {bytes(16): wide, LOOPBACK6: LOOPBACK6, MAPPED: MAPPED}
        else:
            self._refuse("it may only listen on TCP ports")
        if host not in here:
            self._refuse("it may not listen on other addresses than 127.0.0.1")
        return _port(address), address[: place.start] + here[host] + address[place.stop :]

    def _refuse(self, why: str) -> None:
        if why not in self._told and len(self._told) < 10:
            self._told.add(why)
            self._tell(f"refused: {why}")
        raise OSError(errno.EACCES, why)


def _name(sock: int) -> bytes:
    """The address that a socket is bound to, as the kernel writes it."""
    room, size = ctypes.create_string_buffer(LONGEST), ctypes.c_uint32(LONGEST)
    kernel.checked(kernel.libc.getsockname(sock, room, ctypes.byref(size)))
    name = room.raw[: size.value]
    if len(name) < 16 or struct.unpack("=H", name[:2])[0] not in {INET, INET6}:
        raise OSError(errno.EACCES, "not a TCP socket")
    return name


def _port(address: bytes) -> int:
    return int.from_bytes(address[2:4], "big")


def _v6_only(sock: int) -> bool:
    value, size = ctypes.c_int(0), ctypes.c_uint32(4)
    asked = kernel.libc.getsockopt(sock, SOL_IPV6, V6ONLY, ctypes.byref(value), ctypes.byref(size))
    return asked == 0 and value.value != 0
