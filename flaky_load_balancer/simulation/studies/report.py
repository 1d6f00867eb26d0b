"""What a study says: tables with intervals, a finding in a sentence, and plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flaky_load_balancer.core.types import Floats
from flaky_load_balancer.simulation.comparison.intervals import LEVEL, Estimate
from flaky_load_balancer.simulation.studies.play import Setting

Cell = str | int | float | Estimate | None


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head; intervals are 95 % together where ``looks`` says how many."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def json(self) -> dict[str, Any]:
        rows = [dict(zip(self.head, map(_plain, row), strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows}


@dataclass(frozen=True)
class Lines:
    """A plot of lines with bands: ``y`` has (mean, low, high), each (n,), for every name."""

    name: str  # of its file
    title: str
    x_label: str
    y_label: str
    x: Mapping[str, Floats]
    y: Mapping[str, tuple[Floats, Floats, Floats]]
    marks: Sequence[float] = ()  # on the x axis, where something happens
    logarithmic: bool = False  # the x axis


@dataclass(frozen=True)
class Report:
    """All that a study found."""

    setting: Setting
    study: str
    question: str
    tables: Sequence[Table]
    finding: str
    plots: Sequence[Lines] = field(default=())

    @property
    def world(self) -> str:
        return self.setting.scenario.name

    def json(self) -> dict[str, Any]:
        return {
            "study": self.study,
            "question": self.question,
            "world": self.world,
            "runs": self.setting.runs,
            "queries": self.setting.queries,
            "seed": self.setting.seed,
            "tables": [table.json() for table in self.tables],
            "finding": self.finding,
        }


def together(values: Floats, looks: int) -> Estimate:
    """The mean of ``values``, in an interval that holds together with ``looks`` - 1 others.

    Each is at 1 - 5 % / looks (Bonferroni), and has both Hall's and Student's in it.
    """
    return Estimate.careful(values, 1 - (1 - LEVEL) / max(1, looks))


def shown(cell: Cell) -> str:
    """A cell as people read it: three digits that matter, and half of the interval's width."""
    if cell is None:
        return "-"
    if isinstance(cell, Estimate):
        return f"{cell.mean:.4g} \N{PLUS-MINUS SIGN} {cell.reach:.2g}"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _plain(cell: Cell) -> Any:
    return cell.json() if isinstance(cell, Estimate) else cell
