/** A line chart as SVG, as uPlot laid it out: for pictures that can be enlarged without end. */
import type uPlot from "uplot";
import { resolved } from "@/theme/strategies";
import { readable } from "./bands";
import { placesOfNames } from "./marks";
import type { Picture } from "./picture";
import { element, escaped } from "./svg";
import type { LineChartProps } from "./types";

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** uPlot keeps the places and the texts of its ticks to itself. */
type Ticked = uPlot.Axis & { _splits?: (number | null)[]; _values?: (string | null)[] };

export function drawing(plot: uPlot, props: LineChartProps): Picture {
  const { lines, stacked = false, stretches = [], marks = [] } = props;
  const scale = devicePixelRatio;
  const box = {
    left: plot.bbox.left / scale,
    top: plot.bbox.top / scale,
    width: plot.bbox.width / scale,
    height: plot.bbox.height / scale,
  };
  const inside = [
    ...stretches.map((each) => stretch(plot, box, each)),
    ...lines.map((_, at) => (stacked ? filled : interval)(plot, box, props, at)),
    ...lines.map((_, at) => (stacked ? "" : stroke(plot, box, props, at))),
    ...marks.map((each) => mark(plot, box, each)),
  ];
  const clip = element("clipPath", { id: "inside" }, element("rect", placed(box)));
  const content = [
    element("defs", {}, clip),
    axisX(plot, box),
    axisY(plot, box, props.unit),
    element("g", { "clip-path": "url(#inside)" }, ...inside),
    ...(stacked ? areaNames(plot, box, props) : ends(plot, box, props)),
  ].join("");
  return {
    width: plot.width,
    height: plot.height,
    content,
    legend: lines.map(({ label, look }) => ({ label, look })),
  };
}

const placed = ({ left, top, width, height }: Box) => ({ x: left, y: top, width, height });
const round = (value: number) => Number(value.toFixed(2));

/** Where a series is known, in order; NaN separates what is not connected. */
function points(plot: uPlot, box: Box, series: number): (readonly [number, number])[] {
  const [from, to] = [plot.scales.x!.min!, plot.scales.x!.max!];
  const y = plot.data[series] ?? [];
  return [...plot.data[0]].flatMap((x, at) => {
    const value = y[at];
    if (value === undefined || x < from || x > to) return [];
    if (value === null) return [[Number.NaN, Number.NaN] as const];
    return [[box.left + plot.valToPos(x, "x"), box.top + plot.valToPos(value, "y")] as const];
  });
}

function path(all: readonly (readonly [number, number])[]): string {
  let d = "";
  let pen = "M";
  for (const [x, y] of all) {
    if (Number.isNaN(x)) {
      pen = "M";
      continue;
    }
    d += `${pen}${round(x)} ${round(y)}`;
    pen = "L";
  }
  return d;
}

function stroke(plot: uPlot, box: Box, props: LineChartProps, at: number): string {
  const line = props.lines[at]!;
  const grey = line.muted && props.highlight !== line.key;
  return element("path", {
    d: path(points(plot, box, at + 1)),
    fill: "none",
    stroke: resolved(grey ? "--line-strong" : line.look.hue),
    "stroke-width": line.quiet || line.muted ? 1 : 1.75,
    "stroke-opacity": grey ? 0.55 : 1,
    "stroke-dasharray": line.look.dash.join(" ") || "none",
    "stroke-linejoin": "round",
  });
}

/** One of the areas that are stacked upon each other. */
function filled(plot: uPlot, box: Box, { lines }: LineChartProps, at: number): string {
  const top = points(plot, box, at + 1);
  const floor = box.top + box.height;
  const below = at === 0 ? top.map(([x]) => [x, floor] as const) : points(plot, box, at);
  return element("path", {
    d: path([...top, ...below.toReversed()].filter(([x]) => !Number.isNaN(x))),
    fill: resolved(lines[at]!.look.hue),
    stroke: resolved("--surface"),
    "stroke-width": 0.75,
  });
}

function interval(plot: uPlot, box: Box, { lines }: LineChartProps, at: number): string {
  const line = lines[at]!;
  if (line.low === undefined || line.high === undefined) return "";
  const before = lines.slice(0, at).filter((each) => each.low !== undefined).length;
  const first = lines.length + 2 * before + 1;
  const edge = [...points(plot, box, first), ...points(plot, box, first + 1).toReversed()];
  const d = path(edge.filter(([x]) => !Number.isNaN(x)));
  return element("path", { d, fill: resolved(line.look.hue), "fill-opacity": 0.18 });
}

function stretch(plot: uPlot, box: Box, each: { from: number; to: number; name: string }): string {
  const [left, right] = [each.from, each.to].map((x) => box.left + plot.valToPos(x, "x")) as [
    number,
    number,
  ];
  const colour = resolved("--bad");
  return (
    element("rect", {
      ...placed({ ...box, left, width: Math.max(0, right - left) }),
      fill: colour,
      "fill-opacity": 0.17,
    }) + text(each.name, { x: left + 4, y: box.top + 14, fill: colour })
  );
}

function mark(plot: uPlot, box: Box, { x, name }: { x: number; name: string }): string {
  const at = box.left + plot.valToPos(x, "x");
  const colour = resolved("--ink-3");
  const line = { x1: at, x2: at, y1: box.top, y2: box.top + box.height, stroke: colour };
  return (
    element("line", { ...line, "stroke-dasharray": "2 3" }) +
    text(name, { x: at + 4, y: box.top + 11, fill: colour })
  );
}

function axisX(plot: uPlot, box: Box): string {
  return ticks(plot.axes[0] as Ticked)
    .map(([value, name]) =>
      text(name, {
        x: round(box.left + plot.valToPos(value, "x")),
        y: box.top + box.height + 18,
        "text-anchor": "middle",
        fill: resolved("--ink-3"),
      }),
    )
    .join("");
}

function axisY(plot: uPlot, box: Box, unit: string): string {
  const fill = resolved("--ink-3");
  const rows = ticks(plot.axes[1] as Ticked).map(([value, name]) => {
    const y = round(box.top + plot.valToPos(value, "y"));
    const line = { x1: box.left, x2: box.left + box.width, y1: y, y2: y };
    return (
      element("line", { ...line, stroke: resolved("--line") }) +
      text(name, { x: box.left - 6, y: y + 4, "text-anchor": "end", fill })
    );
  });
  const middle = box.top + box.height / 2;
  const turned = { transform: `rotate(-90 11 ${middle})`, "text-anchor": "middle", fill };
  return rows.join("") + text(unit, { x: 11, y: middle, ...turned });
}

function ticks({ _splits = [], _values = [] }: Ticked): [number, string][] {
  return _splits.flatMap((value, at) =>
    value === null || !_values[at] ? [] : [[value, _values[at]!] as [number, string]],
  );
}

function ends(plot: uPlot, box: Box, { lines }: LineChartProps): string[] {
  return placesOfNames(plot, lines).map(({ line, y }) =>
    text(line.label, {
      x: box.left + box.width + 6,
      y: round(y + 4),
      fill: resolved(line.look.hue),
    }),
  );
}

/** In the middle of each area at its right end, where there is room. */
function areaNames(plot: uPlot, box: Box, { lines }: LineChartProps): string[] {
  const last = plot.data[0].length - 1;
  return lines.flatMap((line, at) => {
    const edge = plot.data[at + 1]?.[last];
    if (edge === null || edge === undefined) return [];
    const below = at === 0 ? 0 : (plot.data[at]?.[last] ?? 0);
    const [high, low] = [plot.valToPos(edge, "y"), plot.valToPos(below, "y")];
    if (low - high < 15) return [];
    const fill = readable(resolved(line.look.hue));
    const place = { x: box.left + box.width - 6, y: round(box.top + (high + low) / 2 + 4) };
    return [text(line.label, { ...place, "text-anchor": "end", fill })];
  });
}

const text = (words: string, where: Record<string, string | number>) =>
  element("text", { "font-size": 11, ...where }, escaped(words));
