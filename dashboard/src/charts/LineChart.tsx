"use client";

/**
 * Lines over time or another number, drawn by uPlot on a canvas: some microseconds a point, so that
 * sixty lines at two frames a second are no work. React only hands over the data.
 */
import { useEffect, useEffectEvent, useRef } from "react";
import uPlot from "uplot";
import { useTheme } from "@/theme/useTheme";
import { columns } from "./columns";
import { drawing } from "./drawing";
import { Legend } from "./Legend";
import { extent, options, whole } from "./options";
import { usePicture } from "./picture";
import { Readout } from "./readout";
import type { LineChartProps } from "./types";
import { scaled, useZoom, type Zoom } from "./zoom";

export function LineChart(props: LineChartProps) {
  const { title, lines, height = 240, highlight = null, stacked = false } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const zoom = useZoom();
  const shape = JSON.stringify([
    lines.map(({ key, look, low, muted }) => [key, look, low !== undefined, muted]),
    props.unit,
    props.clock,
    props.log,
    zoom?.group,
  ]);
  const latest = useEffectEvent(() => ({ props, zoom }));

  // A new chart for other lines or another theme; new data for the same lines below.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` says which lines there are
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const readout = new Readout(element, () => latest().props);
    const made = new uPlot(
      options(latest, element.clientWidth, height, readout),
      columns(latest().props.lines, latest().props.stacked),
      element,
    );
    plot.current = made;
    document.fonts?.ready.then(() => plot.current === made && made.redraw(false, true));
    const observer = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      readout.remove();
      made.destroy();
      plot.current = null;
    };
  }, [shape, theme, height]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what is shown is a reason to draw
  useEffect(() => {
    plot.current?.setData(columns(lines, stacked));
  }, [lines, stacked, zoom?.asked, props.stretches]);

  useEffect(() => {
    const made = plot.current;
    if (made === null) return;
    const index = lines.findIndex((line) => line.key === highlight);
    made.setSeries(index < 0 ? null : index + 1, { focus: index >= 0 });
  }, [highlight, lines]);

  usePicture(title, () => (plot.current === null ? null : drawing(plot.current, props)));

  const press = (event: React.KeyboardEvent) => {
    const key = KEYS[event.key];
    if (key === undefined || plot.current === null || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    key(plot.current, zoom);
  };

  return (
    <figure aria-label={title} className="min-w-0">
      <div
        ref={box}
        role="application"
        aria-roledescription="line chart"
        aria-label={`${title}: ${lines.length} lines. Left and right read the values out, plus and minus zoom.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move along it
        tabIndex={0}
        onKeyDown={press}
        className="relative touch-pan-y"
        style={{ height }}
      />
      {props.legend !== false && (
        <Legend lines={lines} highlight={highlight} onHighlight={props.onHighlight} />
      )}
      {props.legend === false && lines.some(({ named }) => named) && (
        <div className="sm:hidden">
          {/* A phone has no room for names at the ends of lines. */}
          <Legend
            lines={lines.filter(({ named }) => named)}
            highlight={highlight}
            onHighlight={props.onHighlight}
          />
        </div>
      )}
    </figure>
  );
}

const KEYS: Record<string, (plot: uPlot, zoom: Zoom | null) => void> = {
  ArrowLeft: (plot) => stepCursor(plot, -1),
  ArrowRight: (plot) => stepCursor(plot, 1),
  "+": (plot, zoom) => zoomBy(plot, zoom, 0.5),
  "-": (plot, zoom) => zoomBy(plot, zoom, 2),
  "0": (_, zoom) => zoom?.set(null),
};

function stepCursor(plot: uPlot, step: number): void {
  const x = plot.data[0];
  const [from, to] = [plot.scales.x!.min!, plot.scales.x!.max!];
  const first = x.findIndex((each) => each >= from);
  const last = x.findLastIndex((each) => each <= to);
  const before = plot.cursor.idx ?? (step > 0 ? first - 1 : last + 1);
  const at = Math.min(Math.max(before + step, first), last);
  if (x[at] === undefined) return;
  plot.setCursor({ left: plot.valToPos(x[at], "x"), top: plot.over.clientHeight / 2 });
}

function zoomBy(plot: uPlot, zoom: Zoom | null, by: number): void {
  const now = extent(plot, zoom);
  const { idx } = plot.cursor;
  const around = (idx === null || idx === undefined ? null : plot.data[0][idx]) ?? now[1];
  const next = scaled(now, around, by, whole(plot));
  const all = whole(plot);
  zoom?.set(next[0] <= all[0] && next[1] >= all[1] ? null : next);
}
