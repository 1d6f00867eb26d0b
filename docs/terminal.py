"""Makes docs/terminal.svg, the README's picture: `.venv/bin/python docs/terminal.py`."""

import asyncio
import io
import re
from pathlib import Path

from rich.console import Console

from flaky_load_balancer import registry
from flaky_load_balancer.cli import selection
from flaky_load_balancer.config import Game
from flaky_load_balancer.harness.report import play
from flaky_load_balancer.harness.session import Plan
from flaky_load_balancer.terminal import Output

PICTURE = Path(__file__).with_name("terminal.svg")


def main() -> None:
    out = Output(None)
    out.console = Console(record=True, width=80, file=io.StringIO(), highlight=False)
    out.console.print("$ make harness\n")
    plan = Plan(
        strategies=registry.chosen(["all"]),
        scenarios=selection.scenarios(["all"]),
        game=Game(),
    )
    asyncio.run(play(plan, out, stay=False, dashboard=False))
    picture = out.console.export_svg(title="make harness", unique_id="flb")
    # No font from elsewhere: whoever looks at the picture has a monospace one.
    PICTURE.write_text(
        re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
