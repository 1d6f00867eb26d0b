"""What this machine can confine a program with."""

from dataclasses import dataclass

from sandbox import backends


class SandboxError(Exception):
    """There is no sandbox as asked for; the message says what to install."""


@dataclass(frozen=True)
class Offer:
    """One backend on this machine."""

    name: str
    problem: str | None  # why it does not work here; None: it does
    stops: str


def available() -> list[Offer]:
    """Every backend, the strongest first."""
    return [
        Offer(module.NAME, module.problem(), module.STOPS) for module in backends.STRONGEST_FIRST
    ]


def choose(name: str = "auto") -> str:
    """The backend of this name; ``auto``: the strongest that works.  Or a ``SandboxError``."""
    if name == "auto":
        for module in backends.STRONGEST_FIRST:
            if module.problem() is None:
                return str(module.NAME)
        problems = "; ".join(f"{offer.name}: {offer.problem}" for offer in available())
        raise SandboxError(f"no sandbox works here ({problems})")
    if name not in backends.BY_NAME:
        expected = ", ".join(["auto", *backends.BY_NAME])
        raise SandboxError(f"{name} is no sandbox; expected one of {expected}")
    problem = backends.BY_NAME[name].problem()
    if problem is not None:
        raise SandboxError(f"{name} does not work here: {problem}")
    return name
