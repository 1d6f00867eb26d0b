"""Run somebody's server program without trusting it.

    from sandbox import Policy, launch

    with launch(Policy(["./server"], ports=range(4000, 4010))) as handle:
        handle.ready()

A ``Policy`` says as data what the program may do; ``available`` what this machine can enforce;
``inspect`` what a program is, without running it.  This package knows nothing of what is served.

The warden of a sandboxed program imports this package, too, and is to start at once: what it does
not need is imported when somebody asks for it.
"""

TYPE_CHECKING = False  # as typing's, which takes too long to import
if TYPE_CHECKING:
    from sandbox.handle import Handle, launch
    from sandbox.inspection import Inspection, inspect
    from sandbox.machine import Offer, SandboxError, available, choose
    from sandbox.policy import Limits, Policy

__all__ = [
    "Handle",
    "Inspection",
    "Limits",
    "Offer",
    "Policy",
    "SandboxError",
    "available",
    "choose",
    "inspect",
    "launch",
]

_WHERE = {
    "handle": ("Handle", "launch"),
    "inspection": ("Inspection", "inspect"),
    "machine": ("Offer", "SandboxError", "available", "choose"),
    "policy": ("Limits", "Policy"),
}


def __getattr__(name: str) -> object:
    for module, names in _WHERE.items():
        if name in names:
            from importlib import import_module  # noqa: PLC0415

            return getattr(import_module(f"sandbox.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
