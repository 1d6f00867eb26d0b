"use client";

import clsx from "clsx";
import { Fragment } from "react";
import type { Decision } from "@/api/types";
import * as format from "@/lib/format";
import type { ServerRow } from "@/route/servers";
import type { Deliberation } from "@/store/decisions";
import { Outcome, target } from "./Outcome";

const MOST = 24; // servers in a strip

/** How high a server's index stands among all of this decision: 0 to 1; infinite ones at the top. */
export function heights({ index }: Decision): number[] {
  const known = (index ?? []).filter((value) => value !== null);
  const [low, high] = [Math.min(0, ...known), Math.max(...known)];
  return (index ?? []).map((value) => {
    if (value === null) return 1;
    return high > low ? (value - low) / (high - low) : 0.5;
  });
}

/** As many decimals as it takes to tell the two highest apart: three at least, six at most. */
export function digitsOf(index: readonly (number | null)[]): number {
  const [first, second] = index.filter((value) => value !== null).toSorted((a, b) => b - a);
  if (first === undefined || second === undefined || first === second) return 3;
  return Math.min(6, Math.max(3, Math.ceil(-Math.log10(first - second))));
}

/** The indices of all servers, as small as a word. */
export function Strip({ decision, rows }: { decision: Decision; rows: readonly ServerRow[] }) {
  const { index, eligible } = decision;
  if (index === null || index.length > MOST) return null;
  return (
    <svg width={4 * index.length} height="16" aria-hidden="true">
      {heights(decision).map((height, place) => {
        const row = rows[place];
        const chosen = row !== undefined && row.server === decision.server;
        return (
          <rect
            key={row?.server ?? place}
            x={4 * place}
            y={14 - 13 * height}
            width="3"
            height={2 + 13 * height}
            fill={chosen ? "var(--accent)" : "var(--ink-3)"}
            opacity={chosen ? 1 : (eligible?.[place] ?? true) ? 0.55 : 0.2}
          />
        );
      })}
    </svg>
  );
}

/** One decision in full. */
export function Why(props: {
  decision: Decision;
  request: Deliberation;
  rows: readonly ServerRow[];
  /** It is the newest, and gives way to the next. */
  followed: boolean;
}) {
  const { decision, request, rows } = props;
  const { index, eligible } = decision;
  const tall = heights(decision);
  const digits = digitsOf(index ?? []);
  const tried = new Set(
    request.decisions.filter((each) => each.cursor < decision.cursor).map((each) => each.server),
  );
  return (
    <section aria-label="Why" className="min-w-0">
      <h3 className="flex flex-wrap items-baseline gap-x-2 font-medium">
        <span className="min-w-0 break-words">Why {says(decision, rows)}?</span>
        <span className="ml-auto font-normal text-ink-3 text-xs">
          {props.followed ? "the newest" : "picked"}
        </span>
      </h3>
      <p className="mb-2 text-ink-3 text-xs">
        Attempt <span className="num">{decision.attempt}</span> of request{" "}
        <span className="num">{format.number(decision.request)}</span>
        {" · "}
        <Outcome decision={decision} />
        {decision.latency_ms !== null && ` after ${format.milliseconds(decision.latency_ms)} ms`}
      </p>
      {index === null ? (
        <p className="text-ink-2">
          {decision.move === "send"
            ? "This strategy ranks by no index: it took the server by chance or in turn."
            : "No server was ranked for it."}
        </p>
      ) : (
        <ol className="text-xs">
          {rows.map((row) => (
            <Standing
              key={row.server}
              row={row}
              height={tall[row.place] ?? 0}
              index={index[row.place] ?? null}
              digits={digits}
              chosen={row.server === decision.server}
              note={
                (eligible?.[row.place] ?? true)
                  ? ""
                  : tried.has(row.server)
                    ? "already tried"
                    : "not eligible"
              }
            />
          ))}
        </ol>
      )}
      <Known decision={decision} names={request.features ?? []} rows={rows} />
    </section>
  );
}

/** What the strategy knew of the request, beside what it has learnt of servers. */
function Known(props: {
  decision: Decision;
  names: readonly string[];
  rows: readonly ServerRow[];
}) {
  const { features, most_usd: most, budget_usd: budget, price } = props.decision;
  const seen = (features ?? [])
    .map((value, at) => ({ name: props.names[at], value: value ?? 0 }))
    .filter(({ name, value }) => name !== undefined && name !== "bias" && value !== 0);
  const facts: [string, string][] = [
    ["Seen of the request", seen.map(({ name, value }) => feature(name!, value)).join(", ")],
    [
      "An attempt costs at most",
      (most?.length ?? MOST) < MOST
        ? props.rows.map((row) => `${row.name} ${format.dollars(most?.[row.place])}`).join(", ")
        : "",
    ],
    ["Left of the budget", budget === null ? "" : format.dollars(budget)],
    [
      "Price",
      price === null
        ? ""
        : `${format.number(price, 3)} from the index of the dearest server, 0 of the cheapest`,
    ],
  ];
  return (
    <dl className="mt-3 grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-1 text-xs empty:hidden">
      {facts
        .filter(([, value]) => value !== "")
        .map(([name, value]) => (
          <Fragment key={name}>
            <dt className="text-ink-3">{name}</dt>
            <dd className="num break-words">{value}</dd>
          </Fragment>
        ))}
    </dl>
  );
}

/** `task=code`, `length 0.31` */
const feature = (name: string, value: number) =>
  value === 1 ? name : `${name} ${format.number(value, 2)}`;

function says(decision: Decision, rows: readonly ServerRow[]): string {
  if (decision.move === "send") return target(decision, rows);
  if (decision.move === "give-up") return "give up";
  const wait = decision.until === null ? null : decision.until - decision.time;
  return `hold for ${format.number(wait, 2)} s`;
}

function Standing(props: {
  row: ServerRow;
  height: number;
  index: number | null;
  digits: number;
  chosen: boolean;
  note: string;
}) {
  const { row, chosen, note } = props;
  return (
    <li
      className={clsx(
        "grid grid-cols-[fit-content(10rem)_minmax(0,1fr)_3.6rem_5.6rem] items-center gap-2 py-0.5",
        chosen ? "font-medium text-ink" : note === "" ? "text-ink-2" : "text-ink-3",
      )}
    >
      <span className="num min-w-13 truncate" title={row.server}>
        {row.name}
      </span>
      <span className="h-2.5 overflow-hidden rounded-sm bg-sunken">
        <span
          className={clsx(
            "block h-full rounded-sm",
            chosen ? "bg-accent" : note === "" ? "bg-ink-3/60" : "bg-ink-3/25",
          )}
          style={{ width: `${100 * props.height}%` }}
        />
      </span>
      <span className="num text-right">
        {props.index === null ? "∞" : format.number(props.index, props.digits)}
      </span>
      <span className="truncate">{chosen ? "chosen" : note}</span>
    </li>
  );
}
