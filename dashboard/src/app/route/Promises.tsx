"use client";

import clsx from "clsx";
import type { Decision } from "@/api/types";
import { ChartPanel } from "@/charts/ChartPanel";
import { Drawing } from "@/charts/Drawing";
import { useDrawn } from "@/charts/picture";
import { linear } from "@/charts/scale";
import * as format from "@/lib/format";
import { useWidth } from "@/lib/useWidth";
import type { ServerRow } from "@/route/servers";
import type { Deliberation } from "@/store/decisions";
import { type Hold, holdsOf, waiting } from "./holds";
import { target } from "./Outcome";

const TITLE = "Promises";
const MOST = 16; // holds
const ROW = 18;
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 148, 8, 26];

/** The queue of held requests: from when until when each waits, and what it came to. */
export function Promises(props: {
  requests: readonly Deliberation[];
  rows: readonly ServerRow[];
  /** Seconds since the epoch. */
  now: number;
}) {
  const holds = holdsOf(props.requests, MOST);
  if (holds.length === 0) return null;
  const many = waiting(holds, props.now);
  return (
    <ChartPanel
      title={TITLE}
      hint={`Requests that were held until a server was believed to admit them, the first to wake on top: ${many === 0 ? "none waits now" : `${format.count(many, "request")} waiting now`}. A bar is the wait, its mark the end that was promised; beside it what came of it.`}
    >
      <Queue {...props} holds={holds} />
    </ChartPanel>
  );
}

function Queue(props: { holds: readonly Hold[]; rows: readonly ServerRow[]; now: number }) {
  const { holds, rows, now } = props;
  const [box, width] = useWidth<HTMLDivElement>(400);
  useDrawn(TITLE, box);
  const height = TOP + ROW * holds.length + BOTTOM;
  const first = Math.min(...holds.map(({ since }) => since));
  const last = Math.max(now, ...holds.map(({ until }) => until));
  const { at: x, ticks } = linear([first - now, last - now], [LEFT, width - RIGHT], 64);
  return (
    <Drawing
      box={box}
      width={width}
      height={height}
      label={`${TITLE}: ${holds.map((hold) => said(hold, rows)).join("; ")}`}
      className="overflow-hidden"
    >
      {ticks.map((tick) => (
        <g key={tick}>
          <path d={`M${x(tick)} ${TOP}V${height - BOTTOM}`} stroke="var(--line)" />
          <text x={x(tick)} y={height - 8} textAnchor="middle">
            {tick === 0 ? "now" : `${format.number(tick, Number.isInteger(tick) ? 0 : 1)} s`}
          </text>
        </g>
      ))}
      {holds.map((hold, at) => (
        <Wait key={hold.cursor} hold={hold} rows={rows} now={now} x={x} top={TOP + ROW * at} />
      ))}
    </Drawing>
  );
}

function Wait(props: {
  hold: Hold;
  rows: readonly ServerRow[];
  now: number;
  x: (seconds: number) => number;
  top: number;
}) {
  const { hold, now, x, top } = props;
  const [since, until] = [x(hold.since - now), x(hold.until - now)];
  const end = hold.next === null ? x(Math.min(0, hold.until - now)) : x(hold.next.time - now);
  const middle = top + ROW / 2;
  return (
    <g>
      <text x={0} y={middle + 4} className="num" fill="var(--ink-2)">
        {format.number(hold.request)}
      </text>
      <rect
        x={since}
        y={top + 4}
        width={Math.max(2, end - since)}
        height={ROW - 8}
        rx={2}
        fill={hold.next === null ? "var(--accent)" : "var(--line-strong)"}
        opacity={hold.next === null ? 1 : 0.5}
      />
      <path d={`M${until} ${top + 2}V${top + ROW - 2}`} stroke="var(--ink)" strokeWidth={1.5} />
      <text
        x={Math.max(until, end) + 6}
        y={middle + 4}
        className={clsx(hold.next !== null && TONES[toneOf(hold.next)])}
      >
        {came(hold, props.rows)}
      </text>
    </g>
  );
}

const TONES: Record<string, string> = {
  succeeded: "fill-good",
  failed: "fill-bad",
  "rate-limited": "fill-warn",
  "give-up": "fill-bad",
};

const toneOf = ({ outcome, move }: Decision): string => outcome ?? move;

const WORDS: Record<string, string> = {
  hold: "held again",
  "give-up": "given up",
  send: "on its way",
  "rate-limited": "refused",
};

/** What a hold came to. */
function came({ next }: Hold, rows: readonly ServerRow[]): string {
  if (next === null) return "waits";
  const word = WORDS[toneOf(next)] ?? toneOf(next);
  return next.move === "send" ? `${target(next, rows)} ${word}` : word;
}

const said = (hold: Hold, rows: readonly ServerRow[]) =>
  `request ${hold.request}, ${format.number(hold.until - hold.since, 2)} s: ${came(hold, rows)}`;
