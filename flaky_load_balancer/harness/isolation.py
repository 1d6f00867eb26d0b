"""What servers may do in the sandbox: a stranger's program, and the built-in ones."""

import compileall
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.simulation.scenarios import Scenario
from flaky_load_balancer.simulation.scenarios import builtin as scenarios_builtin
from flaky_load_balancer.terminal import Output
from sandbox import Limits, Policy, SandboxError, choose
from sandbox.backends import BY_NAME as BACKENDS
from sandbox.warden import run as warden

OFF = "off"  # the user's word
NONE = "none"  # nothing works on this machine
IN_PLACE = "landlock"  # confines us where we are; the others start a program
PACKAGE = Path(__file__).parent.parent
MIB = 1 << 20
OPEN_FILES = 65536
PASSED_ON = ("OPENBLAS_", "OMP_", "TZ")  # variables by which the same machine computes the same


def is_confined(sandbox: str) -> bool:
    return sandbox not in {OFF, NONE}


def choose_backend(name: str, program: Path | None) -> str:
    """What servers run in: a backend, OFF or NONE, as ``--sandbox`` names it.

    The built-in servers (``program`` None) run by preference in the backend that confines a process
    where it is: the others start a new one, which takes longer.  Somebody's program runs without a
    sandbox only with ``--sandbox off``.
    """
    if name == OFF:
        return OFF
    if program is None and name == "auto" and BACKENDS[IN_PLACE].problem() is None:
        return IN_PLACE
    try:
        return choose(name)
    except SandboxError as error:
        if name != "auto":
            hint = "" if name in BACKENDS else " or off"
            raise SettingsError(f"--sandbox {name}: {error}{hint}") from None
        if program is not None:
            raise SettingsError(
                f"--server-binary {program}: {error}. Install one of them (see: flb sandbox), or if"
                " you trust the program, add --sandbox off"
            ) from None
        return NONE


def program_policy(
    program: Path, scenarios: Sequence[Scenario], sha256: str | None = None
) -> Policy:
    """For somebody's program: nothing but to listen on the scenarios' ports."""
    ports = [
        port
        for scenario in scenarios
        if scenario.port is not None
        for port in range(scenario.port, scenario.port + scenario.servers)
    ]
    return Policy([str(program)], ports=ports, sha256=sha256)


def servers_policy(
    command: Sequence[str],
    scenarios: Sequence[tuple[str, Scenario]],
    *,
    copies: int = 1,
    free_ports: bool = False,
) -> Policy:
    """Reading Python, its packages and the scenarios' files; resources for many fleets."""
    files = [Path(path) for source, _ in scenarios if (path := absolute(source)) != source]
    return Policy(
        command,
        ports=_ports([scenario for _, scenario in scenarios], copies, free_ports),
        readable=[Path(sys.prefix), Path(sys.base_prefix), PACKAGE.parent, *files],
        environment=passed_on(),
        limits=Limits(memory=4096 * MIB, processes=256, open_files=OPEN_FILES, cpu=None),
    )


def passed_on() -> dict[str, str]:
    """The variables of the environment that the built-in servers get."""
    return {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)}


def compile_package() -> None:
    """Compile the package beforehand: what is imported in the sandbox cannot be kept compiled."""
    compileall.compile_dir(PACKAGE, quiet=2)


def absolute(source: str) -> str:
    """A scenario for a program that runs in another folder: files by their whole path."""
    builtin = {name.lower() for name in scenarios_builtin()}
    return source if source.lower() in builtin else str(Path(source).absolute())


def servers(
    backend: str,
    scenarios: Sequence[tuple[str, Scenario]],
    out: Output,
    *,
    seed: int,
    rate: float,
    copies: int,
    free: bool,
    tied: bool,
    report: bool,
) -> int | None:
    """Have ``flb servers`` run in the sandbox: its exit code in the end.

    None means that this process is to go on: without a sandbox, or as the one inside of it.
    """
    if not is_confined(backend):
        return None
    kept = out.opened()
    command = servers_command(
        backend, scenarios, seed=seed, rate=rate, copies=copies, free_ports=free
    )
    command += ["--report"] if report else []
    command += ["--json-to", str(kept[0])] if kept else []
    command += ["--json", "-"] if out.to_stdout else []
    policy = servers_policy(command, scenarios, copies=copies, free_ports=free)
    sys.stdout.flush()
    sys.stderr.flush()
    plan = policy.plan(backend) | {"kept": kept}
    if backend == IN_PLACE:
        plan["command"] = []
    else:
        compile_package()
    code = warden.run(plan, tie=0 if tied else None)
    if code is not None and backend == IN_PLACE:
        os._exit(code)  # all that Python would tidy up now is somebody else's copy
    return code


def described(sandbox: str, who: str) -> str:
    """Where these programs run, in words; without a sandbox by the user's own wish in red."""
    if sandbox == OFF:
        return f"[bold red]{escape(who)} without a sandbox[/bold red]"
    if sandbox == NONE:
        return f"[yellow]{escape(who)} without a sandbox: none works here, see flb sandbox[/yellow]"
    return escape(f"{who} in the sandbox ({sandbox})")


def servers_command(
    sandbox: str,
    scenarios: Sequence[tuple[str, Scenario]],
    *,
    seed: int,
    rate: float,
    copies: int,
    free_ports: bool,
    confines_itself: bool = False,
) -> list[str]:
    """The command that starts the built-in servers; they are confined from outside, or not at all,
    if they do not confine themselves."""
    flag = "--sandbox" if confines_itself else "--confined"
    command = [sys.executable, "-m", "flaky_load_balancer", "servers", flag, sandbox]
    command += ["--seed", str(seed), "--rate", str(rate), "--copies", str(copies)]
    for source, _ in scenarios:
        command += ["--scenario", absolute(source)]
    return command + (["--free-ports"] if free_ports else [])


def _ports(scenarios: Sequence[Scenario], copies: int, free_ports: bool) -> list[int]:
    """Every port that they take; 0 where the system chooses."""
    found = []
    for scenario in scenarios:
        if free_ports or scenario.port is None:
            found.append(0)
        else:
            found += range(scenario.port, scenario.port + copies * scenario.servers)
    return sorted(set(found))
