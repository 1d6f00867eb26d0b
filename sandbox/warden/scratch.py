"""The one folder that the program may write: nobody else's, and gone afterwards."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from collections.abc import Callable


def make(parent: str, user: int | None) -> str:
    """A new private folder, of that user if we are root."""
    path = os.path.join(parent, f"sandbox-{os.urandom(8).hex()}")
    os.mkdir(path, mode=0o700)
    if user is not None:
        os.chown(path, user, user)
    return path


def remove(path: str) -> None:
    """Also what the program closed to itself.  Links are removed, not followed."""
    _open_up(path)
    for folder, folders, files in os.walk(path, topdown=False):
        for name in files:
            _do(os.unlink, os.path.join(folder, name))
        for name in folders:
            below = os.path.join(folder, name)
            _do(os.unlink if os.path.islink(below) else os.rmdir, below)
    _do(os.rmdir, path)


def _open_up(path: str) -> None:
    """Let us into its folders.  ``walk`` enters each only after it was opened up."""
    _do(lambda at: os.chmod(at, 0o700), path)
    for folder, folders, _ in os.walk(path):
        for name in folders:
            below = os.path.join(folder, name)
            if not os.path.islink(below):
                _do(lambda at: os.chmod(at, 0o700), below)


def _do(what: Callable[[str], object], path: str) -> None:
    try:
        what(path)
    except OSError:
        return
