"use client";

import { useMemo } from "react";
import { ChartPanel } from "@/charts/ChartPanel";
import { Drawing } from "@/charts/Drawing";
import { useDrawn } from "@/charts/picture";
import * as format from "@/lib/format";
import { useWidth } from "@/lib/useWidth";
import { density, POINTS } from "./density";
import type { ServerRow } from "./servers";

const TITLE = "What is known of each rate";
const MOST = 24; // servers: more have no room
const ROW = 26;
const PEAK = 22; // pixels
const [LEFT, RIGHT, TOP, BOTTOM] = [76, 12, 8, 22];

/** One hill for each server: what the outcomes so far say of its rate; live and replayed. */
export function Densities(props: {
  rows: readonly ServerRow[];
  highlight: string | null;
  onHighlight: (server: string | null) => void;
}) {
  const rows = props.rows.slice(0, MOST);
  const known = rows.some((row) => row.truth !== null);
  return (
    <ChartPanel
      title={TITLE}
      hint={`A hill for each server: what its successes and failures say of its rate (Beta, from a flat prior); the bar is what the strategy believes${known ? ", the dashed line the truth of the moment" : ""}.`}
    >
      <Hills {...props} rows={rows} />
    </ChartPanel>
  );
}

function Hills(props: Parameters<typeof Densities>[0]) {
  const { rows, highlight, onHighlight } = props;
  const [box, width] = useWidth<HTMLDivElement>(360);
  useDrawn(TITLE, box);
  const height = TOP + ROW * rows.length + BOTTOM;
  const x = (rate: number) => LEFT + rate * (width - LEFT - RIGHT);
  return (
    <Drawing
      box={box}
      width={width}
      height={height}
      label={`${TITLE}. The table of servers has the same in numbers.`}
      className="overflow-hidden"
    >
      {[0, 0.25, 0.5, 0.75, 1].map((tick) => (
        <g key={tick}>
          <path d={`M${x(tick)} ${TOP}V${height - BOTTOM}`} stroke="var(--line)" />
          <text
            x={x(tick)}
            y={height - 6}
            textAnchor={tick === 0 ? "start" : tick === 1 ? "end" : "middle"}
          >
            {format.percent(tick)}
          </text>
        </g>
      ))}
      {rows.map((row, at) => (
        <Hill
          key={row.server}
          row={row}
          base={TOP + ROW * (at + 1) - 5}
          x={x}
          faded={highlight !== null && highlight !== row.server}
          onHighlight={onHighlight}
        />
      ))}
    </Drawing>
  );
}

function Hill(props: {
  row: ServerRow;
  base: number;
  x: (rate: number) => number;
  faded: boolean;
  onHighlight: (server: string | null) => void;
}) {
  const { row, base, x, faded, onHighlight } = props;
  const { succeeded, failed, low, high, truth, hue, name, server } = row;
  const heights = useMemo(() => density(succeeded, failed), [succeeded, failed]);
  const scale = PEAK / Math.max(4, ...heights);
  const curve = heights.map(
    (each, at) => `${x((at + 0.5) / POINTS).toFixed(1)} ${(base - scale * each).toFixed(1)}`,
  );
  return (
    <g
      opacity={faded ? 0.3 : 1}
      onPointerEnter={() => onHighlight(server)}
      onPointerLeave={() => onHighlight(null)}
    >
      <rect x={0} y={base - ROW + 5} width={x(1)} height={ROW} fill="transparent" />
      <text x={0} y={base - 2} fill="var(--ink-2)">
        {name.length > 10 ? `${name.slice(0, 9)}…` : name}
      </text>
      <path
        d={`M${x(0)} ${base}L${curve.join("L")}L${x(1)} ${base}Z`}
        fill={`var(${hue})`}
        fillOpacity={0.45}
        stroke="var(--ink-3)"
        strokeWidth={0.75}
      />
      {low !== null && high !== null && (
        <path d={`M${x(low)} ${base + 2}H${x(high)}`} stroke="var(--accent)" strokeWidth={2.5} />
      )}
      {truth !== null && (
        <path d={`M${x(truth)} ${base - PEAK}V${base}`} stroke="var(--ink)" strokeDasharray="2 3" />
      )}
    </g>
  );
}
