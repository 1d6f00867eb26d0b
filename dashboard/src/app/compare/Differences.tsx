"use client";

import { useState } from "react";
import type { SessionDetail } from "@/api/types";
import { Panel } from "@/components/Panel";
import { Strategy } from "@/components/Strategy";
import { type Column, CsvButton, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";
import { type Difference, differences } from "./difference";
import { title } from "./title";

/** Two sessions in one table, with what the second has more of than the first. */
export function Differences(props: { one: SessionDetail; other: SessionDetail; scenario: string }) {
  const { one, other, scenario } = props;
  const [by, sort] = useState("-score");
  if (one.comparison === null || other.comparison === null) return null;
  if (one.valid === false || other.valid === false) return null;
  const rows = differences(one.comparison, other.comparison, scenario);
  const order = sorting.read(by);
  const unequal = rows.some(({ score }) => score === null);
  return (
    <Panel
      className="mb-4"
      title="Difference"
      hint={
        unequal
          ? "No difference of scores is shown where the sessions had different numbers of requests."
          : `“${title(other)}” less “${title(one)}”. ± is half a 95 % interval, as if the two were independent; single runs have none.`
      }
      actions={<CsvButton name="difference" columns={COLUMNS} rows={rows} by={order} />}
    >
      {rows.length === 0 ? (
        <p className="py-6 text-center text-ink-3">They have no strategy in common.</p>
      ) : (
        <Table
          caption="Difference of two sessions"
          columns={COLUMNS}
          rows={rows}
          rowKey={(row) => row.strategy}
          by={order}
          onSort={(each) => sort(sorting.write(each))}
        />
      )}
    </Panel>
  );
}

const tone = (value: number | null, reach: number | null, good: "more" | "less"): string => {
  if (value === null || reach === null || Math.abs(value) <= reach) return "";
  return value > 0 === (good === "more") ? "text-good" : "text-bad";
};

const signed = (value: number | null, digits: number): string =>
  value === null ? "–" : `${value > 0 ? "+" : ""}${format.number(value, digits)}`;

function change(key: "score" | "regret", name: string, good: "more" | "less"): Column<Difference> {
  return {
    key,
    title: name,
    figure: true,
    best: good === "more" ? "high" : "low",
    value: (row) => row[key]?.mean ?? null,
    cell: (row) => {
      const { mean = null, reach = null } = row[key] ?? {};
      return (
        <span className={`whitespace-nowrap ${tone(mean, reach, good)}`}>
          {signed(mean, 1)}
          {reach !== null && (
            <span className="ml-1 text-ink-3 text-xs">±{format.number(reach, 1)}</span>
          )}
        </span>
      );
    },
  };
}

function plain(
  key: string,
  name: string,
  read: (row: Difference) => number | null,
  shown: (value: number | null) => string,
): Column<Difference> {
  return {
    key,
    title: name,
    figure: true,
    best: "low",
    value: read,
    cell: (row) => shown(read(row)),
  };
}

const one = (value: number | null) => format.number(value, 1);

const COLUMNS: Column<Difference>[] = [
  {
    key: "strategy",
    title: "Strategy",
    value: (row) => row.strategy,
    cell: (row) => <Strategy name={row.strategy} />,
    className: "sm:w-56",
  },
  plain("first", "Score, first", (row) => row.one.score.mean, one),
  plain("second", "Score, second", (row) => row.other.score.mean, one),
  change("score", "Score, change", "more"),
  change("regret", "Regret, change", "less"),
  plain("p99_first", "p99 ms, first", (row) => row.one.latency_ms.p99, format.milliseconds),
  plain("p99_second", "p99 ms, second", (row) => row.other.latency_ms.p99, format.milliseconds),
  plain(
    "p99",
    "p99 ms, change",
    (row) => row.p99,
    (value) => signed(value, value !== null && Math.abs(value) < 10 ? 1 : 0),
  ),
];
