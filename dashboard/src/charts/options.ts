/** How a line chart looks: thin axes, light grid, no ornament; colours from the theme's tokens. */
import uPlot from "uplot";
import { resolved } from "@/theme/strategies";
import { area, areaUnder, bands, ends, names } from "./bands";
import { drawMarks, drawNames, drawStretches, roomForNames } from "./marks";
import type { Readout } from "./readout";
import type { Line, LineChartProps } from "./types";
import type { Range, Zoom } from "./zoom";

const FONT = "11px";
const DRAGGED = 6; // pixels that a stretch must be wide to be meant
const GREY = "--line-strong";

/** A chart as it is now: what it is told, and what of it is shown. */
export interface Latest {
  props: LineChartProps;
  zoom: Zoom | null;
}

export function options(
  latest: () => Latest,
  width: number,
  height: number,
  readout: Readout,
): uPlot.Options {
  const { lines, clock = false, stacked = false, log = false } = latest().props;
  const { zoom } = latest();
  return {
    width,
    height,
    padding: [10, (plot) => roomForNames(latest().props.lines, plot.width), 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: zoom !== null, y: false, setScale: false, dist: DRAGGED },
      focus: { prox: stacked ? -1 : 24 },
      points: { size: 7, width: 1.5 },
      ...(zoom === null ? {} : { sync: shared(zoom.group) }),
      bind: { dblclick: () => () => forgotten(latest().zoom) },
    },
    focus: { alpha: 0.16 },
    scales: {
      x: { time: clock, range: (plot) => [...extent(plot, latest().zoom)] as [number, number] },
      y: {
        distr: log ? 3 : 1,
        range: (_, low, high) =>
          log ? decades(low, high) : span(low, high, latest().props.include),
      },
    },
    axes: axes(latest),
    series: [
      {},
      ...lines.map(stacked ? area : (line: Line) => series(line, latest)),
      ...ends(lines),
    ],
    bands: bands(lines, stacked),
    hooks: {
      drawClear: [
        (plot) => {
          drawStretches(plot, latest().props.stretches ?? []);
          drawMarks(plot, latest().props.marks ?? []);
        },
      ],
      draw: [
        (plot) => {
          const now = latest().props;
          if (stacked) names(plot, now.lines);
          else drawNames(plot, now.lines, now.highlight ?? null);
        },
      ],
      setCursor: [
        (plot) => {
          if (stacked && hovered(plot)) readout.point(areaUnder(plot, lines.length));
          readout.show(plot);
        },
      ],
      // A cursor that follows that of another chart points at no line here.
      setSeries: stacked ? [] : [(plot, index) => hovered(plot) && readout.point(index)],
      setSelect: [(plot) => marked(plot, latest().zoom)],
    },
  };
}

const hovered = (plot: uPlot) => plot.over.matches(":hover");

function shared(key: string): uPlot.Cursor.Sync {
  const follows = (type: string) => type === "mousemove" || type === "mouseleave";
  return { key, setSeries: false, scales: ["x", null], filters: { pub: follows, sub: follows } };
}

function forgotten(zoom: Zoom | null): null {
  zoom?.set(null);
  return null;
}

/** The first and the last moment that is known of. */
export const whole = (plot: uPlot): Range => [plot.data[0][0] ?? 0, plot.data[0].at(-1) ?? 1];

export function extent(plot: uPlot, zoom: Zoom | null): Range {
  const [first, last] = whole(plot);
  if (zoom !== null) return zoom.range(first, last);
  return first < last ? [first, last] : [first - 0.5, last + 0.5];
}

function marked(plot: uPlot, zoom: Zoom | null): void {
  const { left, width } = plot.select;
  if (zoom === null || width < DRAGGED) return;
  zoom.set([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

function axes(latest: () => Latest): uPlot.Axis[] {
  const { clock = false, unit } = latest().props;
  const family = getComputedStyle(document.body).getPropertyValue("--font-geist-mono");
  const font = `${FONT} ${family || "monospace"}`;
  const grid = { stroke: resolved("--line"), width: 1 };
  const axis = { stroke: resolved("--ink-3"), font, ticks: { show: false }, grid };
  return [
    {
      ...axis,
      size: 28,
      gap: 6,
      space: 64,
      grid: { show: false },
      ...(clock ? {} : { values: (_, splits) => texts(splits, latest().props.formatX) }),
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
      values: (_, splits) =>
        latest().props.log
          ? each(splits, latest().props.format)
          : texts(splits, latest().props.format),
    },
  ];
}

function series(line: Line, latest: () => Latest): uPlot.Series {
  const stroke = () =>
    line.muted && latest().props.highlight !== line.key
      ? `${resolved(GREY)}8c`
      : resolved(line.look.hue);
  return {
    label: line.label,
    stroke,
    width: line.quiet || line.muted ? 1 : 1.75,
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

/** From a power of ten to another, or nearer where all lies between two. */
function decades(low: number | null, high: number | null): [number, number] {
  const [least, most] = [Math.max(low ?? 1, 1e-9), Math.max(high ?? 10, 1e-9)];
  return uPlot.rangeLog(least, Math.max(most, least * 1.01), 10, false) as [number, number];
}

/** The texts at an axis, as exact as it takes; where two would be the same, only the first. */
export function texts(splits: number[], format: LineChartProps["format"] = String): string[] {
  const digits = decimals((splits[1] ?? 1) - (splits[0] ?? 0));
  const all = splits.map((value) => format(value, digits));
  return all.map((text, index) => (text === all[index - 1] ? "" : text));
}

/** On a logarithmic axis each is as exact as it takes by itself; some have no room (null). */
function each(splits: (number | null)[], format: LineChartProps["format"] = String): string[] {
  return splits.map((value) => (value === null ? "" : format(value, decimals(value))));
}

function decimals(step: number): number {
  const whole = (digits: number) => Math.abs(((10 ** digits * step + 0.5) % 1) - 0.5) < 1e-6;
  return [0, 1, 2, 3, 4, 5].find(whole) ?? 6;
}
