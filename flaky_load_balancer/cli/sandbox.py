"""``flb sandbox``: what this machine can confine, and what a program is."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flaky_load_balancer.cli import options

if TYPE_CHECKING:
    from flaky_load_balancer.terminal import Output
    from sandbox import Inspection


@click.group(invoke_without_command=True, epilog="Example: flb sandbox --json -")
@options.json
@click.pass_context
def main(context: click.Context, json: str | None) -> None:
    """What this machine can confine servers with, and what each way stops."""
    from flaky_load_balancer.terminal import Output

    if context.invoked_subcommand is None:
        show_backends(Output(json))


@main.command(epilog="Example: flb sandbox inspect ./flakyservers")
@click.argument("path", type=options.PATH)
@options.strict_hash
@options.json
def inspect(path: Path, strict_hash: str | None, json: str | None) -> None:
    """What a program is, without running it."""
    from flaky_load_balancer.terminal import Output

    show_program(path, strict_hash, Output(json))


def show_backends(out: "Output") -> None:
    """Every backend, the strongest first."""
    from rich.markup import escape

    from flaky_load_balancer.harness.isolation import choose_backend
    from sandbox import available

    offers = available()
    chosen = next((offer.name for offer in offers if offer.problem is None), None)
    autos = {"a --server-binary": chosen, "the built-in servers": choose_backend("auto", None)}
    for offer in offers:
        state = "[green]works here[/green]" if offer.problem is None else escape(offer.problem)
        users = [who for who, name in autos.items() if name == offer.name]
        auto = f" [bold](auto for {' and '.join(users)})[/bold]" if users else ""
        out.console.print(f"[bold]{offer.name:12}[/bold]{state}{auto}", soft_wrap=True)
        out.console.print(f"            [dim]stops {escape(offer.stops)}[/dim]", soft_wrap=True)
    if chosen is None:
        out.console.print("[red]nothing confines a program here[/red]")
    out.write([asdict(offer) for offer in offers])


def show_program(path: Path, sha256: str | None, out: "Output") -> None:
    """What a program is; it is not run."""
    from rich.markup import escape

    import sandbox
    from flaky_load_balancer.cli.selection import check_hash
    from flaky_load_balancer.config import SettingsError

    if not path.is_file():
        raise SettingsError(f"{path}: not a file")
    check_hash(path, sha256)
    try:
        found = sandbox.inspect(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    for name, text in _rows(found):
        # What a stranger put into his file is not to steer the terminal.
        plain = "".join(letter if letter.isprintable() else "?" for letter in text)
        out.console.print(f"[bold]{name:14}[/bold]{escape(plain)}", soft_wrap=True)
    out.write(asdict(found))


def _rows(found: "Inspection") -> list[tuple[str, str]]:
    rows = [
        ("file", found.path),
        ("format", " ".join([found.format, *found.architectures])),
        ("size", f"{found.size} bytes"),
        ("SHA-256", found.sha256),
        ("libraries", ", ".join(found.libraries) or "none"),
    ]
    rows += [("signature", found.signature)] if found.signature else []
    rows += [("quarantine", found.quarantine)] if found.quarantine else []
    rows += [("imports", f"{what}: {', '.join(names)}") for what, names in found.imports.items()]
    rows += [("strings", f"{kind}: {'  '.join(texts)}") for kind, texts in found.strings.items()]
    return rows + [("remark", remark) for remark in found.remarks]
