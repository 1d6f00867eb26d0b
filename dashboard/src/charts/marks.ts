/** What is drawn behind and beside the lines: stretches, moments, and names at the ends of lines. */
import type uPlot from "uplot";
import { resolved } from "@/theme/strategies";
import type { Line, Mark, Stretch } from "./types";

const LINE = 13; // pixels from one name to the next
const MOST = 120; // pixels that names may take
const LEAST = 420; // pixels of a chart that has room for names beside it
const FAINT = "2b"; // opacity of a stretch
const STRIP = 3; // pixels along its top that are solid

const font = () => `${11 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;

/** Stretches as bands over the whole height, each with its name once it is wide enough. */
export function drawStretches(plot: uPlot, all: readonly Stretch[]): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = font();
  ctx.textAlign = "left";
  for (const { from, to, name } of all) {
    const [left, right] = [from, to].map((x) => clamped(plot, x)) as [number, number];
    if (right <= left) continue;
    ctx.fillStyle = resolved("--bad") + FAINT;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = resolved("--bad");
    ctx.fillRect(left, bbox.top, right - left, STRIP * devicePixelRatio);
    if (ctx.measureText(name).width + 8 * devicePixelRatio > right - left) continue;
    ctx.fillText(name, left + 4 * devicePixelRatio, bbox.top + 14 * devicePixelRatio);
  }
  ctx.restore();
}

function clamped(plot: uPlot, x: number): number {
  const { left, width } = plot.bbox;
  return Math.min(Math.max(plot.valToPos(x, "x", true), left), left + width);
}

export function drawMarks(plot: uPlot, all: readonly Mark[]): void {
  const { ctx } = plot;
  const { top, height, left, width } = plot.bbox;
  const ink = resolved("--ink-3");
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.fillStyle = ink;
  ctx.font = font();
  ctx.textAlign = "left";
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { x, name } of all) {
    const at = Math.round(plot.valToPos(x, "x", true));
    if (at < left || at > left + width) continue;
    ctx.beginPath();
    ctx.moveTo(at, top);
    ctx.lineTo(at, top + height);
    ctx.stroke();
    ctx.fillText(name, at + 4 * devicePixelRatio, top + 11 * devicePixelRatio);
  }
  ctx.restore();
}

/** How much room names at the ends of lines need on the right, in pixels. */
export function roomForNames(lines: readonly Line[], width: number): number {
  const names = lines.filter((line) => line.named).map((line) => line.label.length);
  return names.length === 0 || width < LEAST ? 18 : Math.min(MOST, 16 + 6.4 * Math.max(...names));
}

/** Where the named lines end, in pixels of the page from the top: none upon another. */
export function placesOfNames(plot: uPlot, lines: readonly Line[]): { line: Line; y: number }[] {
  if (plot.width < LEAST) return [];
  const top = plot.bbox.top / devicePixelRatio;
  const bottom = top + plot.bbox.height / devicePixelRatio;
  const all = lines.flatMap((line, at) => {
    const last = line.named ? lastIn(plot, at + 1) : null;
    return last === null ? [] : [{ line, y: top + plot.valToPos(last, "y") }];
  });
  all.sort((a, b) => a.y - b.y);
  let free = top;
  for (const place of all) {
    place.y = Math.max(place.y, free);
    free = place.y + LINE;
  }
  let most = bottom;
  for (const place of all.toReversed()) {
    place.y = Math.min(place.y, most);
    most = place.y - LINE;
  }
  return all;
}

export function drawNames(plot: uPlot, lines: readonly Line[], highlight: string | null): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = font();
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  for (const { line, y } of placesOfNames(plot, lines)) {
    ctx.globalAlpha = highlight === null || highlight === line.key ? 1 : 0.25;
    ctx.fillStyle = resolved(line.look.hue);
    const room = plot.width * devicePixelRatio - bbox.left - bbox.width - 8 * devicePixelRatio;
    ctx.fillText(
      fitted(ctx, line.label, room),
      bbox.left + bbox.width + 6 * devicePixelRatio,
      y * devicePixelRatio,
    );
  }
  ctx.restore();
}

function fitted(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  let shown = text;
  while (shown.length > 3 && ctx.measureText(shown).width > room) shown = `${shown.slice(0, -2)}…`;
  return shown;
}

/** The last value of a series that is on the screen. */
function lastIn(plot: uPlot, series: number): number | null {
  const [x, y] = [plot.data[0], plot.data[series]];
  const most = plot.scales.x?.max ?? Number.POSITIVE_INFINITY;
  for (let at = x.length - 1; y !== undefined && at >= 0; at--) {
    const value = y[at];
    if (x[at]! <= most && value !== null && value !== undefined) return value;
  }
  return null;
}
