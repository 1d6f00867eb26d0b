"""Plots of the record, as SVG that says which record and which code it was drawn from."""

from collections.abc import Callable
from io import BytesIO
from math import ceil
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.results.record import (
    Record,
    cells,
    fingerprint,
    result_scenarios,
    result_strategies,
)

STYLE: Any = {"svg.hashsalt": "flaky_load_balancer", "svg.fonttype": "none", "font.size": 7}
ACROSS = 3  # panels
LEAST = 0.01  # points in 100 requests: regrets below are drawn there
COLOURS = {0: "#999999", 1: "#0072b2"}  # who knows the servers; who cannot be told from the best
OTHER = "#d55e00"

Reach = Callable[[Record, Record], list[float]]  # dot, low and high of a cell


def regret(record: Record) -> bytes:
    """Regret of every strategy on every scenario, with 95 % intervals."""
    return _grid(record, _regret, "regret in 100 requests, points")


def latency(record: Record) -> bytes:
    """From p50 to p99 of a request, holds included."""
    return _grid(record, _latency, "p50 (dot) to p99 of a request, ms")


def _regret(cell: Record, record: Record) -> list[float]:
    unit, regret = 100 / record["requests"], cell["regret"]
    points = regret["mean"], *regret["ci95"]
    return [max(LEAST, unit * (regret["mean"] if each is None else each)) for each in points]


def _latency(cell: Record, record: Record) -> list[float]:  # noqa: ARG001
    p50, p99 = (cell["latency_ms"][each] or 0.0 for each in ("p50", "p99"))
    return [p50, p50, p99]


def _draw(axes: Axes, found: list[Record], record: Record, reach: Reach) -> None:
    """A dot and a line for each strategy; those of a colour in one stroke."""
    table = np.array([reach(cell, record) for cell in found])
    colours = np.array([COLOURS.get(cell["group"], OTHER) for cell in found])
    for colour in dict.fromkeys(colours.tolist()):
        places = np.flatnonzero(colours == colour)
        dot, low, high = table[places].T
        axes.hlines(places, low, high, color=colour, linewidth=1)
        axes.plot(dot, places, ".", color=colour)


def _grid(record: Record, reach: Reach, label: str) -> bytes:
    scenarios, names = result_scenarios(record), result_strategies(record)[::-1]
    with mpl.rc_context(STYLE):
        down = ceil(len(scenarios) / ACROSS)
        figure = Figure(figsize=(9, 0.6 + down * (0.5 + 0.115 * len(names))), layout="constrained")
        panels: Any = figure.subplots(down, ACROSS, sharey=True, squeeze=False)
        for axes, scenario in zip(panels.flat, scenarios, strict=False):
            axes.set_title(scenario, loc="left", fontweight="bold")
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.tick_params(left=False)
            axes.grid(axis="x", color="#dddddd", linewidth=0.5)
            found = cells(record, scenario)
            _draw(axes, [found[name] for name in names], record, reach)
        for axes in panels.flat[len(scenarios) :]:
            axes.set_axis_off()
        panels[0, 0].set_yticks(range(len(names)), names)
        figure.supxlabel(label)
        return _svg(figure, fingerprint(record))


def _svg(figure: Figure, drawn_from: str) -> bytes:
    out = BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    return out.getvalue() + f"<!-- drawn from {drawn_from} -->\n".encode()
