"""Plots of a study, as SVG and PNG (the extra ``results``: matplotlib)."""

from pathlib import Path
from typing import Any

from flaky_load_balancer.config import SettingsError
from flaky_load_balancer.simulation.studies.report import Lines

COLOURS = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f", "#000000"
STYLE: Any = {"svg.hashsalt": "flaky_load_balancer", "font.size": 8}


def write(plot: Lines, folder: Path) -> list[Path]:
    """Write a plot into a folder; SettingsError where matplotlib is missing."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise SettingsError(
            "--out: plots need matplotlib: pip install 'flaky-load-balancer[results]'"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        _draw(figure.add_subplot(), plot)
        files = [folder / f"{plot.name}.{kind}" for kind in ("svg", "png")]
        for file in files:
            figure.savefig(file, dpi=200, metadata={"Date": None} if file.suffix == ".svg" else {})
    return files


def _draw(axes: Any, plot: Lines) -> None:
    for place, (name, (mean, low, high)) in enumerate(plot.y.items()):
        colour, dash = COLOURS[place % len(COLOURS)], ("-", "--", ":")[place // len(COLOURS) % 3]
        x = plot.x[name]
        axes.plot(x, mean, dash, color=colour, label=name, linewidth=1.2)
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    for mark in plot.marks:
        axes.axvline(mark, color="#999999", linewidth=0.8, linestyle=":")
    if plot.logarithmic:
        axes.set_xscale("log")
    axes.set_title(plot.title)
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.grid(alpha=0.2)
    axes.legend(frameon=False, fontsize=7)
