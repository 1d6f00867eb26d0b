"use client";

import type { RouteDetail } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { useDrawn } from "@/charts/picture";
import { logarithmic } from "@/charts/scale";
import { count, milliseconds, number } from "@/lib/format";
import { useWidth } from "@/lib/useWidth";

const TITLE = "Latency in the balancer";
const HEIGHT = 240;
const [LEFT, RIGHT, TOP, BOTTOM] = [44, 14, 18, 34];

/** How long requests took, holds and all attempts included; each bar is as wide as its ratio. */
export function Latencies({ detail }: { detail: RouteDetail }) {
  return (
    <ChartPanel
      title={TITLE}
      hint="From coming into the balancer to the end, all attempts and holds included, on a logarithmic scale."
    >
      <Bars detail={detail} />
    </ChartPanel>
  );
}

function Bars({ detail }: { detail: RouteDetail }) {
  const [box, width] = useWidth<HTMLElement>(400);
  useDrawn(TITLE, box);
  return (
    <figure
      ref={box}
      aria-label={TITLE}
      className="min-w-0 overflow-hidden"
      style={{ height: HEIGHT }}
    >
      {detail.latency_histogram.count.length === 0 ? (
        <p className="py-24 text-center text-ink-3">No request has ended yet.</p>
      ) : (
        <Drawing
          histogram={detail.latency_histogram}
          percentiles={detail.latency_ms}
          width={width}
        />
      )}
    </figure>
  );
}

function Drawing(props: {
  histogram: RouteDetail["latency_histogram"];
  percentiles: RouteDetail["latency_ms"];
  width: number;
}) {
  const { width } = props;
  const { edges_ms: edges, count: counts } = props.histogram;
  const [shortest, longest] = [edges[0]!, edges.at(-1)!];
  const most = Math.max(...counts);
  const { at: x, ticks } = logarithmic([shortest, longest], [LEFT, width - RIGHT]);
  const y = (many: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - many / most);
  const all = counts.reduce((sum, each) => sum + each, 0);
  return (
    <svg
      width={width}
      height={HEIGHT}
      viewBox={`0 0 ${width} ${HEIGHT}`}
      role="img"
      aria-label={summary(all, shortest, longest, props.percentiles)}
      className="num block text-[11px]"
    >
      {rows(most).map((many) => (
        <g key={many}>
          <path d={`M${LEFT} ${y(many)}H${width - RIGHT}`} stroke="var(--line)" />
          <text x={LEFT - 8} y={y(many) + 4} textAnchor="end" fill="var(--ink-3)">
            {number(many)}
          </text>
        </g>
      ))}
      {counts.map((many, index) => {
        const [from, to] = [x(edges[index]!), x(edges[index + 1]!)];
        return (
          <rect
            key={edges[index]}
            x={from + 0.5}
            y={y(many)}
            width={Math.max(1, to - from - 1)}
            height={HEIGHT - BOTTOM - y(many)}
            fill="var(--accent)"
            opacity={0.75}
          />
        );
      })}
      {ticks.map((ms) => (
        <text key={ms} x={x(ms)} y={HEIGHT - 18} textAnchor="middle" fill="var(--ink-3)">
          {ms < 1 ? ms.toPrecision(1) : number(ms)}
        </text>
      ))}
      <text x={(LEFT + width) / 2} y={HEIGHT - 3} textAnchor="middle" fill="var(--ink-3)">
        ms
      </text>
      <Percentile name="p50" ms={props.percentiles.p50} x={x} />
      <Percentile name="p99" ms={props.percentiles.p99} x={x} />
    </svg>
  );
}

function Percentile(props: { name: string; ms: number | null; x: (ms: number) => number }) {
  if (props.ms === null) return null;
  const at = props.x(props.ms);
  return (
    <g>
      <path
        d={`M${at} ${TOP - 4}V${HEIGHT - BOTTOM}`}
        stroke="var(--ink-2)"
        strokeDasharray="2 3"
      />
      <text x={at} y={TOP - 7} textAnchor="middle" fill="var(--ink-2)">
        {props.name}
      </text>
    </g>
  );
}

function summary(
  all: number,
  shortest: number,
  longest: number,
  { p50, p99 }: RouteDetail["latency_ms"],
): string {
  return `${count(all, "request")} took ${milliseconds(shortest)} to ${milliseconds(longest)} ms; half of them at most ${milliseconds(p50)}, 99 of 100 at most ${milliseconds(p99)} ms.`;
}

/** Heights worth a line: 0, and two or three round numbers. */
function rows(most: number): number[] {
  const size = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  const step = Math.max(
    1,
    [0.5, 1, 2, 5].map((nice) => nice * size).find((each) => most / each < 4)!,
  );
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
}
