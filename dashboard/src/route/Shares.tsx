"use client";

import { useMemo } from "react";
import { ChartPanel } from "@/charts/ChartPanel";
import { LineChart } from "@/charts/LineChart";
import type { Line, Stretch } from "@/charts/types";
import { percent, span } from "@/lib/format";
import type { Series } from "@/store/series";
import { lookOf, type ServerRow } from "./servers";

const TITLE = "Choices over time";

/** Which servers were chosen, as bands: what learning looks like. */
export function Shares(props: {
  rows: readonly ServerRow[];
  series: Series | undefined;
  origin: number;
  clock: boolean;
  stretches: readonly Stretch[];
  highlight: string | null;
  onHighlight: (server: string | null) => void;
}) {
  const { rows, series, origin } = props;
  const version = series?.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a series is changed in place
  const lines = useMemo(
    () => (series === undefined ? [] : linesOf(rows, series, origin)),
    [rows, series, version, origin],
  );
  const known = rows.some((row) => row.truth !== null);
  return (
    <ChartPanel
      title={TITLE}
      hint={`Each server's share of the attempts of the last ten seconds${known ? "; the stronger the colour, the better it truly is" : ""}.`}
    >
      <LineChart
        title={TITLE}
        unit="share of attempts"
        lines={lines}
        format={(value) => percent(value)}
        formatX={span}
        clock={props.clock}
        stretches={props.stretches}
        include={[0, 1]}
        highlight={props.highlight}
        onHighlight={props.onHighlight}
        legend={false}
        stacked
      />
    </ChartPanel>
  );
}

/** The best at the bottom, where a band is easiest to follow. */
export function linesOf(rows: readonly ServerRow[], series: Series, origin: number): Line[] {
  // Of some samples only the shares are not known: those are left out. Holes stay holes.
  const { time, samples } = series.timeline();
  const known = samples
    .map((sample, index) => ({ sample, index }))
    .filter(
      ({ sample }) =>
        sample < 0 || series.share[sample] !== null || series.columns.requests[sample] === null,
    );
  const x = known.map(({ index }) => time[index]! - origin);
  // Shares are rounded when they are sent; a whole is drawn as a whole.
  const wholes = known.map(({ sample }) => {
    const share = series.share[sample] ?? null;
    const sum = share?.reduce((all, part) => all + part, 0) ?? 0;
    return share === null || sum === 0 ? null : share.map((part) => part / sum);
  });
  return rows
    .toSorted((a, b) => (b.truth ?? 0) - (a.truth ?? 0))
    .map((row) => ({
      key: row.server,
      label: row.name,
      look: lookOf(row),
      x,
      y: wholes.map((whole) => whole?.[row.place] ?? null),
    }));
}
