"""The one folder that the program may write: nobody else's, and gone afterwards."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOVED = ".moved-%s"  # what a folder is called once it is at the top


def make(parent: str, user: int | None) -> str:
    """A new private folder, of that user if we are root."""
    path = os.path.join(parent, f"sandbox-{os.urandom(8).hex()}")
    os.mkdir(path, mode=0o700)
    if user is not None:
        os.chown(path, user, user)
    return path


def remove(path: str) -> None:
    """Also what the program closed to itself.  Links are removed, not followed.

    What a folder holds is moved to the top before the folder goes, so that nothing lies too deep
    and no path is too long for us.
    """
    _open_up(path)
    try:
        top = os.open(path, FOLDER)
    except OSError:
        return  # the other warden was here
    try:
        _empty(top)
    finally:
        os.close(top)
    _do(os.rmdir, path)


def _empty(top: int) -> None:
    in_vain: set[str] = set()
    while names := set(os.listdir(top)) - in_vain:
        for name in names:
            if not _do(os.unlink, name, top):
                _flatten(name, top)
                if not _do(os.rmdir, name, top):
                    in_vain.add(name)


def _flatten(name: str, top: int) -> None:
    """Take all out of a folder of the top."""
    _open_up(name, top)
    try:
        folder = os.open(name, FOLDER, dir_fd=top)
    except OSError:
        return  # neither file nor folder, or gone
    try:
        for below in os.listdir(folder):
            if not _do(os.unlink, below, folder):
                _move_up(below, folder, top)
    finally:
        os.close(folder)


def _move_up(name: str, folder: int, top: int) -> None:
    _open_up(name, folder)  # a folder that may not be written may not be moved
    new = MOVED % os.urandom(8).hex()
    try:
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=top)
    except OSError:
        return  # what holds it then stays, too


def _open_up(path: str, at: int | None = None) -> None:
    try:
        os.chmod(path, 0o700, dir_fd=at, follow_symlinks=False)
    except (OSError, ValueError):  # this of a link, which has no mode
        return


def _do(what: Callable[..., None], path: str, at: int | None = None) -> bool:
    """Whether it was done."""
    try:
        what(path, dir_fd=at)
    except OSError:
        return False
    return True
