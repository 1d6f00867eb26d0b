import Link from "next/link";
import { url } from "@/api/client";
import type { RunRow } from "@/api/types";
import { Strategy } from "@/components/Strategy";
import { type Column, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";

/** Runs with their scores; each can be replayed, and written attempt by attempt. */
export function RunsTable(props: {
  caption: string;
  runs: readonly RunRow[];
  sort: string;
  onSort: (sort: string) => void;
  /** Also when each began: for runs of several sessions. */
  dated?: boolean;
}) {
  return (
    <Table
      caption={props.caption}
      columns={runColumns(props.dated ?? false)}
      rows={props.runs}
      rowKey={(run) => String(run.run)}
      by={sorting.read(props.sort)}
      onSort={(by) => props.onSort(sorting.write(by))}
    />
  );
}

export function runColumns(dated: boolean): Column<RunRow>[] {
  return [
    {
      key: "strategy",
      title: "Strategy",
      value: (run) => run.strategy,
      cell: (run) => <Strategy name={run.strategy} />,
    },
    { key: "scenario", title: "Scenario", value: (run) => run.scenario ?? run.path },
    ...(dated
      ? [
          {
            key: "started",
            title: "Started",
            value: (run: RunRow) => run.started,
            cell: (run: RunRow) => format.moment(run.started),
            className: "whitespace-nowrap",
          },
        ]
      : []),
    figure("run", "Run", "low", (run) => run.run, String),
    figure(
      "seed",
      "Seed",
      "low",
      (run) => run.seed,
      (seed) => (seed === null ? "–" : String(seed)),
    ),
    figure("score", "Score", "high", (run) => run.score, format.score),
    figure(
      "regret",
      "Regret",
      "low",
      (run) => run.regret,
      (x) => format.number(x, 1),
    ),
    figure("requests", "Requests", "high", (run) => run.requests),
    figure("delivered", "Delivered", "high", (run) => run.delivered),
    figure("paid_attempts", "Paid", "low", (run) => run.paid_attempts),
    figure("rate_limited", "Refused", "low", (run) => run.rate_limited),
    figure("p50", "p50 ms", "low", (run) => run.latency_ms.p50, format.milliseconds),
    figure("p99", "p99 ms", "low", (run) => run.latency_ms.p99, format.milliseconds),
    {
      key: "actions",
      title: "Show",
      cell: (run) => <Actions run={run} />,
      className: "text-right max-sm:col-span-3 max-sm:text-left max-sm:before:hidden!",
    },
  ];
}

function Actions({ run }: { run: RunRow }) {
  const name = `run ${run.run}, ${run.strategy} on ${run.scenario ?? run.path}`;
  const look = "text-accent text-xs underline underline-offset-2 max-sm:py-2";
  return (
    <span className="inline-flex gap-3 whitespace-nowrap">
      <Link href={`/runs?replay=${run.run}`} className={look} aria-label={`Replay ${name}`}>
        replay
      </Link>
      <a
        href={url("/api/runs/{run}/attempts.csv", { run: run.run })}
        className={look}
        aria-label={`Attempts of ${name} as CSV`}
      >
        attempts
      </a>
    </span>
  );
}

function figure(
  key: string,
  title: string,
  best: "high" | "low",
  value: (run: RunRow) => number | null,
  shown: (value: number | null) => string = (x) => format.number(x),
): Column<RunRow> {
  return { key, title, best, value, cell: (run) => shown(value(run)), figure: true };
}
