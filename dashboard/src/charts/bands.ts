/** What is filled in a line chart: intervals around lines, and lines stacked upon each other. */
import type uPlot from "uplot";
import { resolved } from "@/theme/strategies";
import { intervals } from "./columns";
import type { Line } from "./types";

const ROOM = 15; // pixels of height that a name needs

/** The series behind the lines: both ends of every interval, which are not drawn themselves. */
export function ends(lines: readonly Line[]): uPlot.Series[] {
  return intervals(lines).flatMap(() => [quiet(), quiet()]);
}

export function bands(lines: readonly Line[], stacked: boolean): uPlot.Band[] {
  if (stacked) {
    return lines.slice(1).map((line, at) => ({
      series: [at + 2, at + 1],
      fill: resolved(line.look.hue),
    }));
  }
  return intervals(lines).map((line, at) => ({
    series: [lines.length + 2 * at + 1, lines.length + 2 * at + 2],
    fill: `${resolved(line.look.hue)}2e`,
  }));
}

/** A stacked line is an area; what parts it from the next is the page showing through. */
export function area(line: Line): uPlot.Series {
  return {
    label: line.label,
    stroke: resolved("--surface"),
    fill: resolved(line.look.hue),
    width: 1,
    spanGaps: false,
    points: { show: false },
  };
}

/** Which of the stacked lines lies under the cursor: the index of its series, or null. */
export function areaUnder(plot: uPlot, lines: number): number | null {
  const { idx, top = -1 } = plot.cursor;
  if (idx === null || idx === undefined || top < 0) return null;
  const y = plot.posToVal(top, "y");
  for (let line = 1; line <= lines; line++) {
    const edge = plot.data[line]?.[idx];
    if (edge !== null && edge !== undefined && y <= edge) return line;
  }
  return null;
}

/** The name of every area that has room for it, at its right end. */
export function names(plot: uPlot, lines: readonly Line[]): void {
  const { ctx } = plot;
  const last = plot.data[0].length - 1;
  const right = plot.bbox.left + plot.bbox.width - 6 * devicePixelRatio;
  const first = plot.data[1]?.findIndex((edge) => edge !== null && edge !== undefined) ?? 0;
  const room = right - plot.valToPos(plot.data[0][Math.max(0, first)] ?? 0, "x", true);
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  lines.forEach((line, at) => {
    const edge = plot.data[at + 1]?.[last];
    if (edge === null || edge === undefined) return;
    const below = at === 0 ? 0 : (plot.data[at]?.[last] ?? 0);
    const [top, bottom] = [plot.valToPos(edge, "y", true), plot.valToPos(below, "y", true)];
    if (bottom - top < ROOM * devicePixelRatio) return;
    if (ctx.measureText(line.label).width > room) return;
    ctx.fillStyle = readable(resolved(line.look.hue));
    ctx.fillText(line.label, right, (top + bottom) / 2);
  });
  ctx.restore();
}

/** Black or white, whichever can be read on this colour (six hexadecimal digits). */
export function readable(colour: string): string {
  const [r, g, b] = [1, 3, 5].map(
    (at) => (Number.parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2,
  );
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b! > 0.18 ? "#000000" : "#ffffff";
}

function quiet(): uPlot.Series {
  return { width: 0, points: { show: false } };
}
