"use client";

import { useMemo } from "react";
import type { RouteFrame } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { LineChart } from "@/charts/LineChart";
import type { Line } from "@/charts/types";
import { span } from "@/lib/format";
import { bandsOf, type Known } from "@/route/known";
import type { Measure } from "@/route/measures";
import { lineOf, type Series } from "@/store/series";
import type { View } from "@/store/source";
import { look } from "@/theme/strategies";
import { keyOf } from "./naming";

const HOUR = 3600;
const NONE: readonly string[] = []; // each copy of a fleet has other names

/** The routes of one scenario over time. */
export function Race(props: {
  scenario: string;
  routes: readonly RouteFrame[];
  /** Those of other scenarios, and those that are not shown, too. */
  all: readonly RouteFrame[];
  view: View;
  measure: Measure;
  log: boolean;
  known: Known;
  /** Those in colour. */
  first: ReadonlySet<string>;
  highlight: string | null;
  onHighlight: (key: string | null) => void;
}) {
  const { scenario, routes, all, view, measure, first: leaders, highlight } = props;
  const start = useMemo(() => first(routes, view), [routes, view]);
  const clock = (view.frame?.time ?? start) - start > HOUR;
  const origin = clock ? 0 : start;
  const lines = useMemo(
    () => linesOf(routes, all, view, measure, origin, leaders, highlight),
    [routes, all, view, measure, origin, leaders, highlight],
  );
  const now = view.frame?.time ?? start;
  const stretches = useMemo(
    () => bandsOf(props.known, NONE, origin, now),
    [props.known, origin, now],
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
        log={props.log}
        stretches={stretches}
        marks={view.restarts.map((time) => ({ x: time - origin, name: "restarted" }))}
        highlight={highlight}
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
  leaders: ReadonlySet<string>,
  highlight: string | null,
): Line[] {
  return routes.flatMap((row) => {
    const series = view.series.get(row.route);
    if (series === undefined) return [];
    const { strategy } = row;
    const key = keyOf(row, all);
    const leads = leaders.has(key);
    const line: Line = {
      key,
      label: key === strategy ? strategy : `${key} (${strategy})`,
      look: look(strategy),
      ...lineOf(series, measure.key, origin),
      muted: !leads,
      named: leads,
    };
    const bounded = measure.key === "score" && row.bound !== null && (leads || key === highlight);
    return bounded ? [line, boundOf(row, key, series, origin)] : [line];
  });
}

/** What this route's score is held against: its own, as each has had its own requests. */
function boundOf(row: RouteFrame, key: string, series: Series, origin: number): Line {
  return {
    key: `bound of ${key}`,
    label: `bound of ${key}`,
    look: { hue: look(row.strategy).hue, dash: [1, 3] },
    ...lineOf(series, "bound", origin),
    quiet: true,
  };
}
