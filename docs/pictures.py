"""Makes the pictures of the README anew, from real races: `make pictures`, on a quiet machine.

docs/terminal.svg is what `make harness` prints; docs/pictures/ has the dashboard, made by
dashboard/scripts/pictures.mjs.  made.json there says which strategies were in the race, so that a
test can tell when the pictures are older than the list of strategies.
"""

import asyncio
import io
import json
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from flaky_load_balancer.cli import selection
from flaky_load_balancer.config import Game
from flaky_load_balancer.harness import isolation
from flaky_load_balancer.harness.plan import Plan
from flaky_load_balancer.harness.report import play
from flaky_load_balancer.terminal import Output

DOCS = Path(__file__).parent
WIDTH = 80  # characters


def main() -> None:
    """Make all of them, or none if this machine does not keep up."""
    strategies = selection.strategies(["all"])
    terminal = printed(strategies)
    subprocess.run(
        ["npm", "run", "--silent", "pictures"], cwd=DOCS.parent / "dashboard", check=True
    )
    (DOCS / "terminal.svg").write_text(terminal, encoding="utf-8")
    made = json.dumps({"strategies": strategies}, indent=2)
    (DOCS / "pictures" / "made.json").write_text(made + "\n", encoding="utf-8")


def printed(strategies: list[str]) -> str:
    """What `make harness` prints, as SVG."""
    out = Output(None)
    out.console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    out.console.print("$ make harness\n")
    plan = Plan(
        strategies=strategies,
        scenarios=selection.scenarios(["all"]),
        game=Game(),
        sandbox=isolation.choose_backend("auto", None),
    )
    if not asyncio.run(play(plan, out, stay=False, dashboard=True)):
        sys.exit("error: this machine did not keep up with the race; try again when it is quiet")
    picture = out.console.export_svg(title="make harness", unique_id="flb")
    # No font from elsewhere: whoever looks at the picture has a monospace one.
    return re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)


if __name__ == "__main__":
    main()
