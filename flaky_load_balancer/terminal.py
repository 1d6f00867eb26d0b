"""What every command does alike: where its output goes, how it refuses, how it is interrupted."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.processes import REFUSED, STOPPING, ChildDiedError

T = TypeVar("T")

FAILED = 1
NO_TERMINAL_WIDTH = 200  # characters

stderr = Console(stderr=True, highlight=False)


def _console(*, stderr: bool) -> Console:
    """Where there is no terminal, nothing is wrapped or cut to the width of one."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = NO_TERMINAL_WIDTH
    return console


def plain_table(title: str | None, first: str, *others: str, gap: int = 1) -> Table:
    """A table without lines, so that its columns, ``gap`` apart, fit into 80 characters."""
    table = Table(
        title=title and f"[bold]{escape(title)}[/bold]",
        title_justify="left",
        title_style="",
        box=None,
        pad_edge=False,
        padding=(0, gap, 0, 0),
        header_style="dim",
    )
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


class Output:
    """Text for people, and the result as JSON for whoever asked with ``--json``.

    With ``-`` the JSON is all that stdout gets, and people read stderr.
    """

    def __init__(self, json: str | None, descriptor: int | None = None) -> None:
        """``descriptor``: of a file to write to, in a sandbox where none can be opened."""
        self.to_stdout = json == "-"
        self._path = None if json in {None, "-"} else Path(str(json))
        self.console = _console(stderr=self.to_stdout)
        self._descriptor = descriptor
        if self._path is not None:
            self._check(self._path)

    def write(self, result: Any) -> None:
        """Write the result, if anyone asked."""
        if self.to_stdout:
            sys.stdout.write(orjson.dumps(result).decode() + "\n")
            sys.stdout.flush()
        elif self._path is not None or self._descriptor is not None:
            try:
                self._rewrite(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
            except OSError as error:
                stderr.print(f"[red]error:[/red] --json {self._path}: {error.strerror}")
                raise click.exceptions.Exit(FAILED) from None

    def opened(self) -> list[int]:
        """The descriptor of the JSON file, if any, opened now: in the sandbox it cannot be."""
        if self._path is not None and self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o666)
        return [] if self._descriptor is None else [self._descriptor]

    def _rewrite(self, text: bytes) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text, 0)
        elif self._path is not None:
            self._path.write_bytes(text)

    def _check(self, path: Path) -> None:
        """Refuse now what would be lost after the run."""
        folder = path.parent
        if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise SettingsError(f"--json {path}: not a file that can be written")


@contextmanager
def refusing() -> Iterator[None]:
    """End what a user can mend with a message and exit code 2, not with a traceback."""
    try:
        yield
    except UserError as error:
        complain(str(error))
        raise click.exceptions.Exit(REFUSED) from None
    except ChildDiedError as error:
        complain(error.refusal or str(error))
        raise click.exceptions.Exit(REFUSED if error.refusal else FAILED) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        raise click.exceptions.Exit(FAILED) from None
    except OSError as error:  # a disk that is full, a folder that went away
        complain(f"{error.strerror}: {error.filename or 'while writing'}")
        raise click.exceptions.Exit(FAILED) from None


def complain(message: str) -> None:
    stderr.print(f"[bold red]error:[/bold red] {escape(message)}", soft_wrap=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run in uvloop.  Ctrl-C, SIGTERM or SIGHUP cancel the work, which ends its children first."""
    import uvloop  # noqa: PLC0415 (not on every system)

    interrupted: list[int] = []

    async def cancellable() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()

        def interrupt(number: int) -> None:
            interrupted.append(number)
            task.cancel()

        for number in STOPPING:
            loop.add_signal_handler(number, interrupt, number)
        return await task

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(cancellable())
    except asyncio.CancelledError:
        if not interrupted:
            raise
        stderr.print("interrupted")
        raise click.exceptions.Exit(128 + interrupted[0]) from None


class _Interruption(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP, while nothing asynchronous is under way."""


@contextmanager
def interruptible() -> Iterator[None]:
    """As ``run``, for work that is no coroutine: it is left where it is, and so are we."""

    def interrupt(number: int, _: object) -> None:
        raise _Interruption(number)

    before = {n: signal.signal(n, interrupt) for n in STOPPING}
    try:
        yield
    except _Interruption as interruption:
        stderr.print("interrupted")
        raise click.exceptions.Exit(128 + interruption.args[0]) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line).decode()


def log_to_stderr(form: str) -> None:
    """As ``text`` or ``json``: warnings and errors, and our own news, to stderr."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    text.converter = time.gmtime
    handler.setFormatter(_JsonLines() if form == "json" else text)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("flaky_load_balancer").setLevel(logging.INFO)
