"use client";

/**
 * Lines over time or another number, drawn by uPlot on a canvas: some microseconds a point, so that
 * sixty lines at two frames a second are no work. React only hands over the data.
 */
import { useEffect, useEffectEvent, useRef } from "react";
import uPlot from "uplot";
import { useTheme } from "@/theme/useTheme";
import { columns } from "./columns";
import { Legend } from "./Legend";
import { options } from "./options";
import { usePicture } from "./picture";
import { Readout } from "./readout";
import type { LineChartProps } from "./types";

export function LineChart(props: LineChartProps) {
  const { title, lines, height = 240, highlight = null, stacked = false } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const shape = JSON.stringify([
    lines.map(({ key, look, low }) => [key, look, low !== undefined]),
    props.unit,
    props.clock,
  ]);
  const latest = useEffectEvent(() => props);

  // A new chart for other lines or another theme; new data for the same lines below.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` says which lines there are
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const readout = new Readout(element, latest);
    const made = new uPlot(
      options(latest, element.clientWidth, height, readout),
      columns(latest().lines, latest().stacked),
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

  useEffect(() => {
    plot.current?.setData(columns(lines, stacked));
  }, [lines, stacked]);

  useEffect(() => {
    const made = plot.current;
    if (made === null) return;
    const index = lines.findIndex((line) => line.key === highlight);
    made.setSeries(index < 0 ? null : index + 1, { focus: index >= 0 });
  }, [highlight, lines]);

  usePicture(title, () => ({
    canvas: plot.current?.ctx.canvas ?? null,
    legend: lines.map(({ label, look }) => ({ label, look })),
  }));

  const move = (event: React.KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || plot.current === null) return;
    event.preventDefault();
    stepCursor(plot.current, step);
  };

  return (
    <figure aria-label={title} className="min-w-0">
      <div
        ref={box}
        role="application"
        aria-roledescription="line chart"
        aria-label={`${title}: ${lines.length} lines. Left and right read the values out.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move along it
        tabIndex={0}
        onKeyDown={move}
        className="relative touch-pan-y"
        style={{ height }}
      />
      {props.legend !== false && (
        <Legend lines={lines} highlight={highlight} onHighlight={props.onHighlight} />
      )}
    </figure>
  );
}

function stepCursor(plot: uPlot, step: number): void {
  const x = plot.data[0];
  const at = Math.min(
    Math.max((plot.cursor.idx ?? (step > 0 ? -1 : x.length)) + step, 0),
    x.length - 1,
  );
  if (x[at] === undefined) return;
  plot.setCursor({ left: plot.valToPos(x[at], "x"), top: plot.over.clientHeight / 2 });
}
