"""``flb check``: is this config file one that ``flb serve`` would take?"""

from pathlib import Path

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb check flb.toml")
@click.argument("file", type=options.PATH)
def main(file: Path) -> None:
    """Read a config file as serve would, and start nothing."""
    from flaky_load_balancer.cli import serving

    found = serving.check(file)
    click.echo(f"{file} is a config file: {len(found.routes)} routes, {len(found.pools)} pools")
