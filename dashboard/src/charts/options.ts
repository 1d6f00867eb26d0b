/** How a line chart looks: thin axes, light grid, no ornament; colours from the theme's tokens. */
import type uPlot from "uplot";
import { resolved } from "@/theme/strategies";
import { area, areaUnder, bands, ends, names } from "./bands";
import type { Readout } from "./readout";
import type { Line, LineChartProps, Mark } from "./types";

const FONT = "11px";

export function options(
  latest: () => LineChartProps,
  width: number,
  height: number,
  readout: Readout,
): uPlot.Options {
  const { lines, clock = false, unit, stacked = false } = latest();
  const ink = resolved("--ink-3");
  const font = `${FONT} ${getComputedStyle(document.body).getPropertyValue("--font-geist-mono") || "monospace"}`;
  const grid = { stroke: resolved("--line"), width: 1 };
  const axis = { stroke: ink, font, ticks: { show: false }, grid };
  return {
    width,
    height,
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false },
      focus: { prox: stacked ? -1 : 24 },
      points: { size: 7, width: 1.5 },
    },
    focus: { alpha: 0.16 },
    scales: {
      x: { time: clock },
      y: { range: (_, low, high) => span(low, high, latest().include) },
    },
    axes: [
      {
        ...axis,
        size: 28,
        gap: 6,
        space: 64,
        grid: { show: false },
        ...(clock ? {} : { values: (_, splits) => texts(splits, latest().formatX) }),
      },
      {
        ...axis,
        label: unit,
        labelFont: font,
        labelSize: 16,
        labelGap: 0,
        gap: 6,
        space: 34,
        size: (_, values) => 14 + 6.8 * Math.max(2, ...(values ?? []).map((text) => text.length)),
        values: (_, splits) => texts(splits, latest().format),
      },
    ],
    series: [{}, ...lines.map(stacked ? area : series), ...ends(lines)],
    bands: bands(lines, stacked),
    hooks: {
      drawClear: [(plot) => marks(plot, latest().marks ?? [], ink)],
      draw: stacked ? [(plot) => names(plot, latest().lines)] : [],
      setCursor: [
        (plot) => {
          if (stacked) readout.point(areaUnder(plot, lines.length));
          readout.show(plot);
        },
      ],
      setSeries: stacked ? [] : [(_, index) => readout.point(index)],
    },
  };
}

function series(line: Line): uPlot.Series {
  return {
    label: line.label,
    stroke: resolved(line.look.hue),
    width: line.quiet ? 1 : 1.75,
    dash: line.look.dash,
    spanGaps: false,
    points: { show: (_plot, _index, from, to) => to - from < 1 },
  };
}

/** A range with some air, and with what must be on it; never empty. */
function span(low: number | null, high: number | null, include: readonly number[] = []) {
  const all = [low, high, ...include].filter((value) => value !== null && Number.isFinite(value));
  if (all.length === 0) return [0, 1] as [number, number];
  const [least, most] = [Math.min(...(all as number[])), Math.max(...(all as number[]))];
  const air = (most - least || Math.abs(most) || 1) * 0.06;
  return [
    include.includes(least) ? least : least - air,
    include.includes(most) && least < most ? most : most + air,
  ] as [number, number];
}

/** The texts at an axis, as exact as it takes; where two would be the same, only the first. */
export function texts(splits: number[], format: LineChartProps["format"] = String): string[] {
  const digits = decimals((splits[1] ?? 1) - (splits[0] ?? 0));
  const all = splits.map((value) => format(value, digits));
  return all.map((text, index) => (text === all[index - 1] ? "" : text));
}

function decimals(step: number): number {
  const whole = (digits: number) => Math.abs(((10 ** digits * step + 0.5) % 1) - 0.5) < 1e-6;
  return [0, 1, 2, 3, 4, 5].find(whole) ?? 6;
}

function marks(plot: uPlot, all: readonly Mark[], ink: string): void {
  const { ctx } = plot;
  const { top, height, left, width } = plot.bbox;
  ctx.save();
  ctx.strokeStyle = ink;
  ctx.fillStyle = ink;
  ctx.font = `${11 * devicePixelRatio}px ${getComputedStyle(document.body).fontFamily}`;
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
