"""The kind of error that people see without a traceback, and how their files are quoted in it."""

import sysconfig
import traceback

OURS = __file__.removesuffix("core/errors.py")
INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


class UserError(Exception):
    """Something that a user can mend: the message says what is wrong, where, and the fix."""


def shown(value: object) -> str:
    """A value of somebody's file, short enough for a message of one line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python prints no integer of thousands of digits
        return "that"
    return text if len(text) <= 60 else f"{text[:57]}..."


def located(error: BaseException) -> str:
    """An error in somebody's code, with the line of that code: neither ours nor a library's."""
    said = f"{type(error).__name__}: {error}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((OURS, *INSTALLED, "<"))
    ]
    if not frames:
        return said
    return f"{said} ({frames[-1].filename}, line {frames[-1].lineno}, in {frames[-1].name})"
