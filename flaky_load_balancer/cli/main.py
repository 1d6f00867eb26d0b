"""The program ``flb``: which commands there are, each in a module of its own.

Exit codes: 0 done, 1 it ran and failed, 2 refused before anything started, 130 on Ctrl-C.
"""

import os
import signal
from importlib import import_module
from typing import Any

import click

from flaky_load_balancer import __version__

# Every command with the line that `flb --help` shows: the module of its name has a command `main`.
COMMANDS = {
    "harness": "Start flaky servers, balancer and dashboard; send requests; compare strategies.",
    "serve": "Put the balancer in front of servers that already run.",
    "check": "Read a config file as serve would, and start nothing.",
    "gateway": "Show the LLM gateway learn which model is good at what, for how much.",
    "servers": "Start the flaky downstream servers alone.",
    "compare": "Compare strategies in virtual time: thousands of replications, intervals.",
    "strategies": "What strategies there are, with their parameters.",
    "scenarios": "What scenarios there are, with their parameters.",
    "dashboard": "The dashboard alone, over what was recorded, while nothing runs.",
    "runs": "Recorded runs; newest first.",
    "export": "Write recorded runs to stdout, attempt by attempt.",
    "study": "Answer one question about choosing by context, on a world or a table.",
    "replay": "What other strategies would have earned, from a log of decisions.",
    "tune": "Tune parameters of a strategy on scenarios, against random search at equal cost.",
    "fit": "Fit a scenario to a log of attempts: failure rates, latency, and the limiter.",
    "sandbox": "What this machine can confine servers with, and what each way stops.",
}


class Commands(click.Group):
    """Imports a command's module only when that command is called.

    `flb --help` and the child processes of a session start in a fraction of the time that all
    modules together take.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"flaky_load_balancer.cli.{cmd_name}").main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        from flaky_load_balancer.terminal import refusing

        with refusing():
            return super().invoke(ctx)


@click.command(
    cls=Commands,
    context_settings={"show_default": True, "max_content_width": 100},
    no_args_is_help=True,
    epilog="Each command has --help with an example.",
)
@click.version_option(__version__, message="%(version)s")
def flb() -> None:
    """A load balancer that learns which unreliable, rate-limited server to use."""


def main() -> None:
    """The program ``flb``.

    Until a command is under way, Ctrl-C ends the program at once: there is nothing to tidy up, and
    an import may well swallow a KeyboardInterrupt.
    """
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    flb(prog_name="flb")


if __name__ == "__main__":
    main()
