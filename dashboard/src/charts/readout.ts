/** The values under the cursor, in a small box that is moved without React: it follows the mouse. */
import type uPlot from "uplot";
import { valueAt } from "./columns";
import type { Line, LineChartProps } from "./types";

const MOST = 9; // lines

export class Readout {
  private readonly box = document.createElement("div");
  private pointed: number | null = null;

  constructor(
    parent: HTMLElement,
    private readonly latest: () => LineChartProps,
  ) {
    this.box.setAttribute("role", "status");
    this.box.className =
      "pointer-events-none absolute top-2 z-10 hidden min-w-32 rounded-md border border-line bg-surface/95 px-2.5 py-1.5 text-xs shadow-lg";
    parent.append(this.box);
  }

  remove(): void {
    this.box.remove();
  }

  /** The line nearest to the cursor. */
  point(index: number | null): void {
    this.pointed = index;
    const { lines, onHighlight, highlight = null } = this.latest();
    const key = index === null || index === 0 ? null : (lines[index - 1]?.key ?? null);
    if (key === null) this.pointed = null;
    if (key !== highlight) onHighlight?.(key);
  }

  show(plot: uPlot): void {
    const { idx, left = -1 } = plot.cursor;
    const hidden = idx === null || idx === undefined || left < 0;
    this.box.style.display = hidden ? "none" : "block";
    if (hidden) return;
    this.fill(plot, idx);
    const right = left > plot.over.clientWidth / 2;
    const edge = plot.over.offsetLeft;
    this.box.style.left = right ? "auto" : `${edge + left + 14}px`;
    this.box.style.right = right ? `${plot.width - edge - left + 14}px` : "auto";
  }

  private fill(plot: uPlot, index: number): void {
    const { lines, format = String, formatX = String, clock, stacked } = this.latest();
    const x = plot.data[0][index] ?? 0;
    const rows = lines
      .map((line, at) => ({ line, at, value: valueAt(plot, at, index, stacked) }))
      .filter((row): row is typeof row & { value: number } => row.value !== null)
      .sort((a, b) => b.value - a.value);
    const from = Math.max(
      0,
      Math.min(rows.findIndex((row) => row.at + 1 === this.pointed) - 4, rows.length - MOST),
    );
    const shown = rows.slice(from, from + MOST);
    const head = element("div", "num mb-0.5 text-ink-3");
    head.textContent = clock
      ? new Date(1000 * x).toLocaleTimeString([], { hour12: false })
      : formatX(x);
    const troubles = (this.latest().stretches ?? [])
      .filter(({ from, to }) => from <= x && x <= to)
      .map(({ name }) => {
        const line = element("div", "text-bad");
        line.textContent = name;
        return line;
      });
    const list = shown.map((row) => {
      const strong = row.at + 1 === this.pointed;
      const item = element("div", `flex items-center gap-2 ${strong ? "text-ink" : "text-ink-2"}`);
      const swatch = swatchOf(row.line);
      const name = element("span", `grow ${strong ? "font-medium" : ""}`);
      name.textContent = row.line.label;
      const value = element("span", "num");
      value.textContent = format(row.value);
      item.append(swatch, name, value);
      return item;
    });
    this.box.replaceChildren(head, ...troubles, ...list);
    if (rows.length > shown.length) {
      const more = element("div", "text-ink-3");
      more.textContent = `and ${rows.length - shown.length} more`;
      this.box.append(more);
    }
  }
}

function element(kind: "div" | "span", className: string): HTMLElement {
  const made = document.createElement(kind);
  made.className = className;
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A piece of the line, with its dashes. */
function swatchOf({ look }: Line): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("width", "18");
  svg.setAttribute("height", "6");
  svg.setAttribute("class", "shrink-0");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M0 3h18");
  path.setAttribute("stroke", `var(${look.hue})`);
  path.setAttribute("stroke-width", "2.5");
  path.setAttribute("stroke-dasharray", look.dash.join(" "));
  svg.append(path);
  return svg;
}
