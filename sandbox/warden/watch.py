"""The inner warden: starts the program, answers its questions, and sees when it has to end."""

from __future__ import annotations

import os
import select
import sys
import time

from sandbox.warden import limits, tree
from sandbox.warden.become import become
from sandbox.warden.say import tell
from sandbox.warden.signals import signals

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

NOW = signals.SIGUSR1  # end it without grace
HANDLED = (signals.SIGTERM, signals.SIGINT, signals.SIGHUP, signals.SIGCHLD, NOW)
LINUX = sys.platform == "linux"
KILLED = 128 + signals.SIGKILL


class Watch:
    """One program, from its start to its end."""

    def __init__(self, plan: dict[str, Any], tie: int | None, folder: str, outer: int) -> None:
        self.pid = os.getpid()
        self._plan = plan
        self._tie = tie
        self._folder = folder
        self._look = limits.Look(plan["limits"], folder, tell)
        self._poll = select.poll()
        self._broker: Any = None
        self._child = 0
        self._ended = False
        self._ends = float("inf")  # when it is killed, if it has not ended by then
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        for number in HANDLED:
            signals.signal(number, self._signalled)
        signals.set_wakeup_fd(wake, warn_on_full_buffer=False)
        tree.die_with(outer, NOW)
        tree.inherit_orphans()

    def start(self, backend: ModuleType, user: int | None) -> bool:
        """Start the program; False in its process, if it is to go on as ourselves."""
        self._backend = backend
        if LINUX:  # now, so that the child need not
            from sandbox.linux import broker  # noqa: F401, PLC0415 (there is none elsewhere)
        heard, say = os.pipe()
        go, ready = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            signals.set_wakeup_fd(-1)
            for number in HANDLED:
                signals.signal(number, signals.SIG_DFL)
            become(self._plan, backend, self._folder, user, (self.pid, say, go))
            return False
        os.close(say)
        os.close(go)
        if LINUX:
            self._listen(heard, ready)
        os.close(heard)
        os.close(ready)
        return True

    def until_it_ends(self) -> int:
        """Its exit code."""
        self._poll.register(self._wake, select.POLLIN)
        if self._tie is not None:
            self._poll.register(self._tie, select.POLLIN)
        next_look = time.monotonic() + limits.BETWEEN_LOOKS
        while True:
            for descriptor, event in self._poll.poll(1000 * limits.BETWEEN_LOOKS):
                self._happened(descriptor, event)
            if self._child in (ended := tree.reap()):
                self._ended = True
                return self._told(ended[self._child])
            now = time.monotonic()
            if now >= self._ends:
                return KILLED
            if now >= next_look:
                if self._look.exceeded():
                    return KILLED
                next_look = now + limits.BETWEEN_LOOKS

    def end(self) -> None:
        """The program first: where nothing lists descendants (macOS) it has none."""
        if self._child and not self._ended:
            tree.send(self._child, signals.SIGKILL)
        tree.end()

    def _listen(self, heard: int, ready: int) -> None:
        """Take the listener of its filter, and let it go on."""
        from sandbox.linux import broker  # noqa: PLC0415 (there is none elsewhere)

        number = os.read(heard, 32)
        if not number:
            return  # it died, and has said why
        plan = self._plan
        starts = self._backend.STARTS if plan["command"] else 0
        self._broker = broker.of(self._child, int(number), plan["ports"], starts, tell)
        self._poll.register(self._broker.listener, select.POLLIN)
        os.write(ready, b"\n")

    def _happened(self, descriptor: int, event: int) -> None:
        if descriptor == self._wake:
            self._drain(descriptor)
        elif descriptor == self._tie:
            if not self._drain(descriptor):
                self._poll.unregister(descriptor)
                self._ends = 0.0
        elif event & select.POLLIN:
            self._broker.answer()
        else:  # all that had this filter are gone
            self._poll.unregister(descriptor)

    def _signalled(self, number: int, _: object) -> None:
        if number == NOW:
            self._ends = 0.0
        elif number != signals.SIGCHLD:
            if number != signals.SIGHUP:
                self._ends = min(self._ends, time.monotonic() + self._plan["grace"])
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        """To all but a starter in front of the program, which would not pass it on."""
        below = set(tree.descendants(self.pid)) or {self._child}
        for pid in below - ({self._child} if self._backend.STARTS > 1 else set()):
            tree.send(pid, number)

    def _drain(self, descriptor: int) -> bool:
        try:
            return bool(os.read(descriptor, 4096))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _told(self, status: int) -> int:
        code = os.waitstatus_to_exitcode(status)
        code = code if code >= 0 else 128 - code
        if 128 < code < 128 + signals.NSIG and self._ends == float("inf"):
            from signal import Signals  # noqa: PLC0415 (seldom)

            tell(f"the program was ended by {Signals(code - 128).name}")
        return code
