"""The gateway's demonstration in the terminal: progress, and what it came to."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flaky_load_balancer.harness.demonstration import Settings, Shown, running
from flaky_load_balancer.processes import stop_requested
from flaky_load_balancer.terminal import Output, plain_table


async def demonstrate(settings: Settings, out: Output, *, stay: bool) -> bool:
    """Play the demonstration, print what came of it, and with ``stay`` stay until Ctrl-C.

    Returns whether nearly every question was answered and every answer rated.
    """
    console = out.console
    async with running(settings) as stage:
        console.print(f"gateway {stage.data}/v1   page {stage.admin}/", soft_wrap=True)
        columns = TextColumn("questions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console, transient=True) as progress:
            bar = progress.add_task("", total=settings.requests)
            shown = await stage.show(lambda: progress.advance(bar))
        _print(shown, console)
        out.write(shown.result())
        if stay:
            console.print(f"still up: {stage.admin}/  (Ctrl-C ends)", soft_wrap=True)
            await stop_requested()
        return shown.complete


def _print(shown: Shown, console: Console) -> None:
    heads = ("questions", "answered", "quality", "$ per 1,000", "429s")
    table = plain_table("what was learnt", "part", *heads)
    for number, part in enumerate(shown.parts, start=1):
        table.add_row(
            f"{number} of {len(shown.parts)}",
            *(str(part.questions), str(part.answered), f"{part.quality:.3f}"),
            *(f"{part.usd:.3f}", str(part.refused)),
        )
    console.print(table)
    models = sorted({name for row in shown.models.values() for name in row})
    choices = plain_table("who answered in the last part", "task", *models)
    for task, row in shown.models.items():
        choices.add_row(task, *(str(row.get(name, 0)) for name in models))
    console.print(choices)
    console.print(sentence(shown))
    if not shown.complete:
        lacking = (
            f"{shown.unanswered} questions without an answer, {shown.unrated} without a rating"
        )
        console.print(f"[yellow]warning:[/yellow] {lacking}")


def sentence(shown: Shown) -> str:
    """What changed from the first part to the last, in words."""
    first, last = shown.parts[0], shown.parts[-1]
    return (
        f"From the first part to the last: quality {first.quality:.2f} to {last.quality:.2f},"
        f" cost {first.usd:.2f} to {last.usd:.2f} dollars per 1,000 questions,"
        f" 429s {first.refused} to {last.refused}."
    )
