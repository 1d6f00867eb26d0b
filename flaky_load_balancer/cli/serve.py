"""``flb serve``: the balancer before servers that already run."""

from typing import TYPE_CHECKING, Any

import click

from flaky_load_balancer.cli import options
from flaky_load_balancer.cli.options import Number

if TYPE_CHECKING:
    from flaky_load_balancer.service import Addresses


@click.command(
    epilog="Example: flb serve --server http://10.0.0.1:8080 --server http://10.0.0.2:80"
)
@click.option("--server", multiple=True, metavar="URL", help="A server; repeatable.")
@click.option(
    "--scenario",
    default=None,
    metavar="NAME|FILE.toml",
    help="The ports of this scenario's servers, of kind ids.",
)
@click.option(
    "--config",
    type=options.PATH,
    default=None,
    metavar="flb.toml",
    help="All of it from a file; flags that are given win.",
)
@click.option(
    "--kind",
    type=click.Choice(["http", "ids", "openai"]),
    default=None,
    show_default="http",
    help="http: any HTTP; openai: the LLM gateway; ids: the game.",
)
@click.option(
    "--strategy",
    default=None,
    show_default="cascade",
    metavar="NAME[:param=value,...]",
    help="What chooses.",
)
@click.option(
    "--host", default=None, show_default="127.0.0.1", help="Where the data plane listens."
)
@click.option(
    "--port", type=options.PORT, default=None, show_default="8000", help="Of the data plane."
)
@click.option(
    "--admin-port", type=options.PORT, default=None, show_default="8001", help="Of the admin plane."
)
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, 1_000_000),
    default=None,
    show_default="1024",
    help="More requests than this wait for a place, and get a 503 after a second.",
)
@click.option(
    "--workers",
    type=options.WORKERS,
    default=None,
    show_default="1",
    metavar="N",
    help="Processes that serve; as many as there are cores to spare.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=None, help="Of all chance.")
@click.option("--rate", type=Number(0.001, 100_000), default=None, hidden=True)
@click.option("--requests", type=click.IntRange(1), default=None, hidden=True)
@click.option(
    "--free-attempts",
    type=click.IntRange(0, options.ATTEMPTS),
    default=None,
    show_default="3",
    help="Attempts of a request that cost nothing.",
)
@click.option(
    "--max-attempts",
    type=click.IntRange(1, options.ATTEMPTS),
    default=None,
    show_default="3, ids 10",
    help="Attempts of a request at most.",
)
@click.option(
    "--penalty",
    type=Number(0),
    default=None,
    show_default="0.5",
    help="Points for each attempt that is not free.",
)
@click.option(
    "--deadline",
    type=Number(0.001, 1e6),
    default=None,
    show_default="http 60, openai 300, ids 10",
    help="Seconds for a request until the head of its answer, holds included.",
)
@click.option(
    "--attempt-timeout",
    type=Number(0.001, 1e6),
    default=None,
    show_default="http 10, openai 120, ids 2",
    help="Seconds for one attempt until the head of its answer.",
)
@click.option(
    "--data-dir",
    type=options.PATH,
    default=None,
    show_default=".flb",
    envvar="FLB_DATA_DIR",
    help="Folder of the records.",
)
@options.database
@options.share
@options.keep
@options.no_records
@click.option("--fresh", is_flag=True, help="Begin anew: put aside what was learnt before.")
@click.option(
    "--access-log",
    default=None,
    metavar="FILE|-",
    help="One JSON object for each request, to a file or stdout.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How the log is written.",
)
@click.option("--session", default=None, hidden=True)
@options.json
@options.child
def main(*, log_format: str, json: str | None, child: bool, fresh: bool, **flags: Any) -> None:
    """Put the balancer in front of servers that already run."""
    from flaky_load_balancer.processes import end_with_parent, reporting

    if child:
        end_with_parent()
    from dataclasses import asdict
    from functools import partial

    from flaky_load_balancer import service
    from flaky_load_balancer.admin import page
    from flaky_load_balancer.cli.serving import Flags, settings
    from flaky_load_balancer.terminal import Output, log_to_stderr, run

    out = Output(json)
    given = Flags(**flags)
    found = settings(given)
    read = None if child or given.config is None else partial(settings, given)
    log_to_stderr(log_format)

    def ready(addresses: "Addresses") -> None:
        for route in found.routes:
            strategies = " / ".join(part.strategy for part in route.split) or route.strategy
            out.console.print(f"{addresses.data}{route.path}  {strategies}", soft_wrap=True)
        out.console.print(page.address(addresses.admin), soft_wrap=True)
        out.write(asdict(addresses))

    serving = service.serve(
        found, ready, child=child, read=read, fresh=fresh, log_format=log_format
    )
    run(reporting(serving) if child else serving)
