"use client";

import Link from "next/link";
import { useEffect } from "react";
import { get } from "@/api/client";
import type { RouteFrame, Split } from "@/api/types";
import { useApi } from "@/api/useApi";
import { Panel } from "@/components/Panel";
import { Strategy } from "@/components/Strategy";
import { type Column, CsvButton, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";
import { useUrlState } from "@/lib/url";

type Arm = Split["arms"][number];
type Interval = Split["differences"][number]["success"];

const EVERY = 2; // seconds
const DEFAULTS = { split: "success" };

/** The A/B tests that these routes are arms of; none is asked for where no route is one. */
export function useSplits(routes: readonly RouteFrame[], boot: string, now: number): Split[] {
  const tested = routes.some(({ route }) => route.includes("~"));
  const { data, status, reload } = useApi(
    async (signal) => (tested ? get("/api/splits", {}, signal) : []),
    [boot, tested],
    { lasting: true },
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: time is a reason to ask
  useEffect(() => {
    if (tested && status !== "loading") reload();
  }, [Math.floor(now / EVERY)]);
  const names = new Set(routes.map(({ route }) => route));
  return (data ?? []).filter((split) => split.arms.some((arm) => names.has(arm.route)));
}

/** An A/B test: what is shown so far, in words, and the numbers of each strategy. */
export function SplitPanel({ split }: { split: Split }) {
  const [{ split: by }, ask] = useUrlState(DEFAULTS);
  return (
    <Panel
      title={`A/B test of ${split.route}`}
      hint={`Since ${format.moment(split.began)}. ${split.method}`}
      actions={
        <CsvButton
          name={`split-${split.route}`}
          columns={COLUMNS}
          rows={split.arms}
          by={sorting.read(by)}
        />
      }
      className="mb-6"
    >
      <p role="status" className="mb-3 font-medium">
        {split.verdict}
      </p>
      <Table
        caption={`Strategies of the A/B test of ${split.route}`}
        columns={COLUMNS}
        rows={split.arms}
        rowKey={(arm) => arm.route}
        by={sorting.read(by)}
        onSort={(each) => ask({ split: sorting.write(each) })}
      />
      {split.differences.length > 1 && (
        <ul className="mt-3 text-ink-2 text-xs">
          {split.differences.map(({ more, less, success }) => (
            <li key={`${more} ${less}`}>
              {named(split, more)} less {named(split, less)}:{" "}
              <span className="num">{points(success)}</span> points
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

const COLUMNS: Column<Arm>[] = [
  {
    key: "strategy",
    title: "Strategy",
    value: (arm) => arm.strategy,
    cell: (arm) => (
      <Link href={`/route?name=${encodeURIComponent(arm.route)}`}>
        <Strategy name={arm.strategy} />
      </Link>
    ),
  },
  {
    key: "percent",
    title: "Share",
    hint: "Of the requests, as it is set",
    figure: true,
    best: "high",
    value: (arm) => arm.percent,
    cell: (arm) => `${format.number(arm.percent, Number.isInteger(arm.percent) ? 0 : 1)} %`,
  },
  {
    key: "requests",
    title: "Requests",
    figure: true,
    best: "high",
    value: (arm) => arm.requests,
    cell: (arm) => format.number(arm.requests),
  },
  {
    key: "success",
    title: "Delivered",
    hint: "Share of the requests, and where the true rate is",
    figure: true,
    best: "high",
    value: (arm) => arm.success?.mean,
    cell: ({ success }) =>
      success === null ? (
        "–"
      ) : (
        <span className="whitespace-nowrap">
          {format.percent(success.mean, 1)}{" "}
          <span className="text-ink-3 text-xs">{ends(success, 1).join(" to ")}</span>
        </span>
      ),
    className: "max-sm:col-span-2",
  },
  ...(["p50", "p99"] as const).map((key) => ({
    key,
    title: `${key} ms`,
    hint: "In the balancer, since the test began",
    figure: true,
    value: (arm: Arm) => arm.latency_ms[key],
    cell: (arm: Arm) => format.milliseconds(arm.latency_ms[key]),
  })),
];

const ends = ({ ci95 }: Interval, digits: number) =>
  ci95.map((end) => format.number(end === null ? null : 100 * end, digits));

/** `2.1 (0.8 to 3.4)` */
const points = (found: Interval) =>
  `${format.number(100 * (found.mean ?? 0), 1)} (${ends(found, 1).join(" to ")})`;

const named = (split: Split, route: string) =>
  split.arms.find((arm) => arm.route === route)?.strategy ?? route;
