"""docs/results.md: every number in it is computed from the record beside it.

The page has sections between two marks, each written by whoever measured it; the others stay.
"""

from pathlib import Path

from benchmarks.results.claims import verdict
from benchmarks.results.lead import LEADER
from benchmarks.results.record import (
    PAGE,
    Record,
    cells,
    result_scenarios,
    result_strategies,
)

HEAD = """# Results

What `flb compare` and `make peers` found, with 95 % intervals. The numbers are in
[results/](results/); `make results` and `make peers` make this page from them, and a test fails
when it is older than the strategies and scenarios there are.

Score = delivered - 0.5 x paid attempts; regret = bound - score.
"""
DETAILS = ("score", "+-", "behind", "+-", "regret", "+-", "attempts", "refused", "given up")


def simulated(records: list[Record]) -> str:
    """The section about comparisons in virtual time."""
    parts = ["## In virtual time\n", *(_plays(record) for record in records)]
    parts += ["\n### What the original said\n", _claims(records)]
    for record in records:
        parts += [_overview(record), _leads(record), _sentences(record), _details(record)]
    return "\n".join(parts)


def write(section: str, text: str, page: Path = PAGE) -> None:
    """Put a section in the page, in the place of what it said before."""
    old = page.read_text(encoding="utf-8") if page.exists() else HEAD
    page.write_text(placed(section, text, old), encoding="utf-8")


def placed(section: str, text: str, old: str) -> str:
    begin, end = f"<!-- {section}: generated -->\n", f"<!-- {section}: end -->\n"
    before, found, rest = old.partition(begin)
    after = rest.partition(end)[2] if found else ""
    before = before if found else f"{before.rstrip()}\n\n"
    return f"{before}{begin}\n{text.strip()}\n\n{end}{after}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown; all but the first column are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _plays(record: Record) -> str:
    return (
        f"- {record['requests']:,} requests at {record['rate']:g} per second:"
        f" every strategy on the same {record['replications']:,} fleets of each scenario"
        f" (seed {record['seed']})"
    )


def _claims(records: list[Record]) -> str:
    """Each claim at each length of a run: verdicts are computed, not written."""
    lines = [
        "It compared V1-V8 by single runs of 100 requests. *Won* is the share of such runs, one on"
        " each fleet, in which what is named came first of the eight.\n"
    ]
    rows = [
        [claim, f"{record['requests']:,}", verdict(numbers), f"{100 * numbers['won']:.0f} %"]
        for claim in records[0]["claims"]
        for record in records
        for numbers in [record["claims"][claim]]
    ]
    return "\n".join([*lines, table(["claim", "requests", "verdict", "won"], rows)])


def _overview(record: Record) -> str:
    requests, unit = record["requests"], 100 / record["requests"]
    scenarios = result_scenarios(record)
    rows = []
    for name in result_strategies(record):
        mine = [cells(record, scenario)[name] for scenario in scenarios]
        rows.append([f"`{name}`", *(_regret(cell, unit) for cell in mine)])
    return (
        f"### Runs of {requests:,} requests\n\n"
        "Regret in 100 requests, points; bold: cannot be told from the best one.\n\n"
        + table(["", *scenarios], rows)
        + f"\n![Regret of every strategy on every scenario](results/regret-{requests}.svg)\n"
        + "\nLatency is that of a request, from arrival to departure, holds and retries included.\n"
        + f"\n![Latency of every strategy on every scenario](results/latency-{requests}.svg)\n"
    )


def _regret(cell: Record, unit: float) -> str:
    text = f"{unit * cell['regret']['mean']:z.2f}"
    return f"**{text}**" if cell["group"] == 1 else text


def _leads(record: Record) -> str:
    """Regret of the leader over that of its best rivals."""
    if not record["leads"]:
        return ""
    groups = list(next(iter(record["leads"].values())))
    rows = [
        [scenario, *(_lead(found[group]) for group in groups)]
        for scenario, found in record["leads"].items()
    ]
    text = f"Regret of `{LEADER}` divided by the smallest one of others (fleets drawn again):"
    return f"{text}\n\n{table(['scenario', *groups], rows)}"


def _lead(lead: Record) -> str:
    low, high = lead["ci95"]
    return f"{lead['ratio']:z.2f} ({low:z.2f} to {high:z.2f}) of `{lead['rival']}`"


def _sentences(record: Record) -> str:
    return "\n".join(f"- **{name}**: {text}" for name, text in record["sentences"].items()) + "\n"


def _details(record: Record) -> str:
    """A table for each scenario, folded."""
    parts = []
    for scenario in result_scenarios(record):
        rows = [[f"`{name}`", *_row(cell)] for name, cell in cells(record, scenario).items()]
        head = ["strategy", *DETAILS, "p50 ms", "p99 ms"]
        title = f"{scenario}, {record['requests']:,} requests: score and latency"
        parts.append(f"<details><summary>{title}</summary>\n\n{table(head, rows)}\n</details>\n")
    return "\n".join(parts)


def _row(cell: Record) -> list[str]:
    estimates = [
        text
        for name in ("score", "behind", "regret")
        for text in (f"{cell[name]['mean']:z.2f}", _reach(cell[name]))
    ]
    counts = [f"{cell[name]['mean']:.1f}" for name in ("attempts", "rate_limited", "given_up")]
    return [
        *estimates,
        *counts,
        *(milliseconds(cell["latency_ms"][each]) for each in ("p50", "p99")),
    ]


def _reach(estimate: Record) -> str:
    high = estimate["ci95"][1]
    return "-" if high is None else f"{high - estimate['mean']:.2f}"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 1000 else f"{value:.0f}"
