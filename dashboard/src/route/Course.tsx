"use client";

import { useMemo } from "react";
import type { RouteFrame } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { LineChart } from "@/charts/LineChart";
import type { Line, Stretch } from "@/charts/types";
import { span } from "@/lib/format";
import { type Field, lineOf, type Series } from "@/store/series";
import { look as lookOf } from "@/theme/strategies";
import { measure } from "./measures";

/** How the regret of one route rose, or, where no bound is known, its score. */
export function Course(props: {
  route: RouteFrame;
  series: Series | undefined;
  origin: number;
  clock: boolean;
  stretches: readonly Stretch[];
  marks: readonly { x: number; name: string }[];
}) {
  const { route, series, origin } = props;
  const shown = measure(route.regret === null ? "score" : "regret");
  const version = series?.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a series is changed in place
  const lines = useMemo(
    () => (series === undefined ? [] : [courseOf(route, series, shown.key, origin)]),
    [route.strategy, series, version, shown.key, origin],
  );
  return (
    <ChartPanel title={shown.name} hint={shown.hint}>
      <LineChart
        title={`${shown.name} of ${route.route}`}
        unit={shown.unit}
        lines={lines}
        format={shown.format}
        formatX={span}
        clock={props.clock}
        stretches={props.stretches}
        include={shown.include}
        marks={props.marks}
        legend={false}
      />
    </ChartPanel>
  );
}

function courseOf(route: RouteFrame, series: Series, field: Field, origin: number): Line {
  const { strategy } = route;
  const look = lookOf(strategy);
  return { key: strategy, label: strategy, look, ...lineOf(series, field, origin) };
}
