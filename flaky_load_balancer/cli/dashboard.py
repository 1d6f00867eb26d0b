"""``flb dashboard``: the pages over what was recorded."""

from pathlib import Path

import click

from flaky_load_balancer.cli import options


@click.command(epilog="Example: flb dashboard --data-dir .flb")
@click.option("--admin-port", type=options.PORT, default=8001, help="Where it listens.")
@options.recorded
@options.json
def main(admin_port: int, where: Path | str, json: str | None) -> None:
    """The dashboard alone, over what was recorded, while nothing runs."""
    from flaky_load_balancer import service
    from flaky_load_balancer.admin import page
    from flaky_load_balancer.terminal import Output, run

    out = Output(json)

    def ready(address: str) -> None:
        out.console.print(page.address(address), soft_wrap=True)
        out.write({"admin": address})

    run(service.show(where, admin_port, ready))
