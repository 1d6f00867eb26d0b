import Link from "next/link";
import type { ComparedCell } from "@/api/types";
import { Strategy } from "@/components/Strategy";
import type { Column } from "@/components/Table";
import * as format from "@/lib/format";
import { type Measure, reach, standing } from "./cells";

type Cell = Column<ComparedCell>;

/** The numbers of a strategy, on one scenario or on all. */
export function numbers(measure: Measure, compact: boolean): Cell[] {
  const mean =
    (key: "requests" | "delivered" | "given_up" | "attempts" | "paid_attempts" | "rate_limited") =>
    (cell: ComparedCell) =>
      cell[key].mean;
  const few: Cell[] = [
    ...(measure === "regret"
      ? [estimate("regret", "Regret", "Bound − score: lower is better", "low")]
      : []),
    estimate("score", "Score", "Deliveries − 0.5 × paid attempts", "high"),
    estimate("behind", "Behind", "Points that the best one’s score is higher by", "low"),
  ];
  const requests = figure("requests", "Requests", "Requests of each run", "high", mean("requests"));
  if (compact) return [...few, requests, ...latencies()];
  const steady = figure(
    "steady_score",
    "Steady",
    "The score if all requests had gone as those of the last half",
    "high",
    (cell) => cell.steady_score?.mean ?? null,
  );
  return [
    ...few,
    steady,
    requests,
    figure("delivered", "Delivered", "Requests that a server served", "high", mean("delivered")),
    figure("given_up", "Given up", "Requests that ended otherwise", "low", mean("given_up")),
    figure("attempts", "Attempts", "Requests sent to a server", "low", mean("attempts")),
    figure(
      "paid_attempts",
      "Paid",
      "Attempts after the third of a request",
      "low",
      mean("paid_attempts"),
    ),
    figure(
      "rate_limited",
      "Refused",
      "Attempts that a server refused",
      "low",
      mean("rate_limited"),
    ),
    ...latencies(),
  ];
}

/** Request latency: from the moment at which it was to be sent to its last answer. */
function latencies(): Cell[] {
  const hint = "of the requests took at most this, from their scheduled send to the last answer";
  return [
    figure("p50", "p50 ms", `Half ${hint}`, "low", (c) => c.latency_ms.p50, format.milliseconds),
    figure("p99", "p99 ms", `99 % ${hint}`, "low", (c) => c.latency_ms.p99, format.milliseconds),
  ];
}

/** With the name in front, and a button that opens the scenarios. */
export function named(
  columns: Cell[],
  rivals: readonly ComparedCell[],
  open: readonly string[],
  onOpen: ((strategy: string) => void) | null,
): Cell[] {
  return [
    {
      key: "strategy",
      title: "Strategy",
      value: (cell) => cell.strategy,
      cell: (cell) => (
        <span className="flex min-w-0 items-center gap-1.5">
          {onOpen && (
            <button
              type="button"
              aria-expanded={open.includes(cell.strategy)}
              aria-label={`Scenarios of ${cell.strategy}`}
              onClick={() => onOpen(cell.strategy)}
              className="grid size-6 shrink-0 place-items-center rounded text-ink-3 hover:bg-sunken hover:text-ink aria-expanded:rotate-90 motion-safe:transition-transform"
            >
              <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
                <path d="M3 1.5L7 5L3 8.5" fill="none" stroke="currentColor" strokeWidth="1.5" />
              </svg>
            </button>
          )}
          <Strategy name={cell.strategy} />
          <Standing cell={cell} rivals={rivals} />
        </span>
      ),
      className: "sm:w-56",
    },
    ...columns,
  ];
}

/** A scenario below its strategy. */
export function indented(columns: Cell[], rivals: readonly ComparedCell[]): Cell[] {
  return [
    {
      key: "strategy",
      title: "Scenario",
      cell: (cell) => (
        <span className="flex items-center gap-2 pl-8 text-ink-2 max-sm:pl-0">
          {cell.scenario}
          <Standing cell={cell} rivals={rivals.filter((each) => each.scenario === cell.scenario)} />
          {cell.run !== null && (
            <Link
              href={`/runs?replay=${cell.run}`}
              className="text-accent text-xs underline underline-offset-2"
              aria-label={`Replay ${cell.strategy} on ${cell.scenario}`}
            >
              replay
            </Link>
          )}
        </span>
      ),
    },
    ...columns,
  ];
}

/** Everything, for a file: a line for each strategy on each scenario, and on all. */
export function written(): Cell[] {
  const value = (key: string, read: (cell: ComparedCell) => string | number | null): Cell => ({
    key,
    title: key,
    value: read,
  });
  const estimates = (["score", "regret", "behind"] as const).flatMap((key) => [
    value(key, (cell) => cell[key].mean),
    value(`${key}_low`, (cell) => cell[key].ci95[0]),
    value(`${key}_high`, (cell) => cell[key].ci95[1]),
  ]);
  const means = (
    [
      "requests",
      "bound",
      "delivered",
      "given_up",
      "attempts",
      "paid_attempts",
      "rate_limited",
    ] as const
  ).map((key) => value(key, (cell) => cell[key].mean));
  return [
    value("strategy", (cell) => cell.strategy),
    value("scenario", (cell) => cell.scenario ?? "all"),
    value("group", (cell) => cell.group),
    ...estimates,
    value("steady_score", (cell) => cell.steady_score?.mean ?? null),
    ...means,
    value("p50_ms", (cell) => cell.latency_ms.p50),
    value("p99_ms", (cell) => cell.latency_ms.p99),
    value("run", (cell) => cell.run),
  ];
}

function Standing(props: { cell: ComparedCell; rivals: readonly ComparedCell[] }) {
  const place = standing(props.cell, props.rivals);
  if (place === null) return null;
  const tone = place === "reference" ? "bg-sunken text-ink-2" : "bg-good-soft text-good";
  return (
    <span className={`whitespace-nowrap rounded px-1.5 py-px font-medium text-[11px] ${tone}`}>
      {place}
    </span>
  );
}

function estimate(
  key: "score" | "regret" | "behind",
  title: string,
  hint: string,
  best: "high" | "low",
): Cell {
  return {
    key,
    title,
    hint,
    best,
    value: (cell) => cell[key].mean,
    cell: (cell) => (
      <span className="whitespace-nowrap">
        {format.number(cell[key].mean, 1)}
        <span className="ml-1 inline-block text-left text-ink-3 text-xs">{reach(cell[key])}</span>
      </span>
    ),
    figure: true,
  };
}

function figure(
  key: string,
  title: string,
  hint: string,
  best: "high" | "low",
  value: (cell: ComparedCell) => number | null,
  shown?: (value: number | null) => string,
): Cell {
  // A single run has counts, several have means.
  const counted = (cell: ComparedCell) => cell.run !== null;
  const text = (cell: ComparedCell) =>
    shown ? shown(value(cell)) : format.number(value(cell), counted(cell) ? 0 : 1);
  return { key, title, hint, best, value, cell: text, figure: true };
}
