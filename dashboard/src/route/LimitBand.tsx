"use client";

import { useMemo, useState } from "react";
import { ChartPanel } from "@/charts/ChartPanel";
import { LineChart } from "@/charts/LineChart";
import type { Stretch } from "@/charts/types";
import { Select } from "@/components/Choice";
import * as format from "@/lib/format";
import { useUrlState } from "@/lib/url";
import type { Series } from "@/store/series";
import { limitLines, mostRefusing } from "./limits";
import type { ServerRow } from "./servers";

const DEFAULTS = { limit: "" };
const rate = (value: number, digits = 1) => `${format.number(value, digits)}/s`;

/** The limit that one server is believed to have, as a band over time, beside its refusals. */
export function LimitBand(props: {
  rows: readonly ServerRow[];
  series: Series | undefined;
  origin: number;
  clock: boolean;
  stretches: readonly Stretch[];
}) {
  const { rows, series, origin } = props;
  const [asked, ask] = useUrlState(DEFAULTS);
  const [pointed, point] = useState<string | null>(null);
  const row = rows.find(({ name }) => name === asked.limit) ?? mostRefusing(rows);
  const place = row?.place ?? 0;
  const version = series?.version;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a series is changed in place
  const lines = useMemo(
    () => (series === undefined ? [] : limitLines(series, place, origin)),
    [series, version, place, origin],
  );
  if (row === undefined) return null;
  const title = `Limit of ${row.name}`;
  return (
    <ChartPanel
      title={title}
      hint="Admissions per second that it is believed to allow, in a 95 % band that is cut at the top; beside it, attempts and refusals of the last three seconds."
      actions={
        <Select
          label="Server"
          value={row.name}
          options={rows.map(({ name }) => ({ value: name, name }))}
          onChange={(limit) => ask({ limit })}
        />
      }
    >
      {lines.length === 0 ? (
        <p className="py-20 text-center text-ink-3">No limit of this server was met.</p>
      ) : (
        <LineChart
          title={title}
          unit="per second"
          lines={lines}
          format={rate}
          formatX={format.span}
          clock={props.clock}
          stretches={props.stretches}
          include={[0]}
          highlight={pointed}
          onHighlight={point}
        />
      )}
    </ChartPanel>
  );
}
