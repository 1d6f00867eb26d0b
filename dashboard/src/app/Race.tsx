"use client";

import { useMemo } from "react";
import type { RouteFrame } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { LineChart } from "@/charts/LineChart";
import type { Line } from "@/charts/types";
import { span } from "@/lib/format";
import type { Measure } from "@/route/measures";
import type { View } from "@/store/source";
import { look } from "@/theme/strategies";
import { keyOf } from "./naming";

const HOUR = 3600;

/** The routes of one scenario over time. */
export function Race(props: {
  scenario: string;
  routes: readonly RouteFrame[];
  /** Those of other scenarios, and those that are not shown, too. */
  all: readonly RouteFrame[];
  view: View;
  measure: Measure;
  highlight: string | null;
  onHighlight: (key: string | null) => void;
}) {
  const { scenario, routes, all, view, measure } = props;
  const start = useMemo(() => first(routes, view), [routes, view]);
  const clock = (view.frame?.time ?? start) - start > HOUR;
  const origin = clock ? 0 : start;
  const lines = useMemo(
    () => linesOf(routes, all, view, measure, origin),
    [routes, all, view, measure, origin],
  );
  return (
    <ChartPanel title={`${measure.name}${scenario === "" ? "" : ` on ${scenario}`}`}>
      <LineChart
        title={`${measure.name}${scenario === "" ? "" : ` on ${scenario}`}`}
        unit={measure.unit}
        lines={lines}
        format={measure.format}
        formatX={span}
        clock={clock}
        include={measure.include}
        marks={view.restarts.map((time) => ({ x: time - origin, name: "restarted" }))}
        highlight={props.highlight}
        onHighlight={props.onHighlight}
        legend={false}
      />
    </ChartPanel>
  );
}

function first(routes: readonly RouteFrame[], view: View): number {
  const starts = routes.map(({ route }) => view.series.get(route)?.time[0]);
  return Math.min(...starts.filter((time) => time !== undefined), view.frame?.time ?? 0);
}

function linesOf(
  routes: readonly RouteFrame[],
  all: readonly RouteFrame[],
  view: View,
  measure: Measure,
  origin: number,
): Line[] {
  const lines = routes.flatMap((row) => {
    const { strategy } = row;
    const series = view.series.get(row.route);
    if (series === undefined) return [];
    const x = series.time.map((time) => time - origin);
    const key = keyOf(row, all);
    const label = key === strategy ? strategy : `${key} (${strategy})`;
    return [{ key, label, look: look(strategy), x, y: series.columns[measure.key] }];
  });
  const bound = measure.key === "score" ? longest(routes, view) : undefined;
  if (bound !== undefined) {
    lines.push({
      key: "bound",
      label: "bound",
      look: { hue: "--ink-3", dash: [1, 3] },
      x: bound.time.map((time) => time - origin),
      y: bound.columns.bound,
    });
  }
  return lines;
}

/** The route with the most samples has the best line of the bound, which all share. */
function longest(routes: readonly RouteFrame[], view: View) {
  const all = routes.filter((row) => row.bound !== null).map((row) => view.series.get(row.route));
  return all.toSorted((a, b) => (b?.time.length ?? 0) - (a?.time.length ?? 0))[0];
}
