"""Ways to confine a program; each module is one of them.

``LEVEL`` says what it stops, ``problem`` what it lacks here, ``STARTS`` how often something is
executed until the program runs, and ``enter`` confines the calling process and becomes the program.
"""

from __future__ import annotations

from sandbox.backends import bubblewrap, landlock, seatbelt

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from types import ModuleType

STRONGEST_FIRST: tuple[ModuleType, ...] = (bubblewrap, landlock, seatbelt)
BY_NAME = {module.NAME: module for module in STRONGEST_FIRST}
