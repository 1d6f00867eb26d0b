"use client";

import { useState } from "react";
import type { Money, RouteDetail } from "@/api/types";
import { Panel } from "@/components/Panel";
import { type Column, CsvButton, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";

type Row = NonNullable<RouteDetail["models"]>[number];

/** Of a route to language models: what each brought and cost, of all tasks and of each. */
export function Models({
  route,
  models,
  money,
}: {
  route: string;
  models: readonly Row[];
  money: Money | null;
}) {
  const [by, sort] = useState("quality");
  const order = sorting.read(by);
  const streamed = models.some((row) => row.first_token_ms.p50 !== null);
  const columns = streamed ? COLUMNS : COLUMNS.filter(({ key }) => !STREAMED.has(key));
  return (
    <Panel
      title="Models"
      hint={money === null ? undefined : worth(money)}
      actions={<CsvButton name={`models-${route}`} columns={CSV} rows={models} by={order} />}
      className="mb-4"
    >
      {models.length === 0 ? (
        <p className="py-6 text-center text-ink-3">No model has answered yet.</p>
      ) : (
        <Table
          caption={`Models of ${route}`}
          columns={columns}
          rows={models}
          rowKey={(row) => `${row.server} ${row.task}`}
          by={order}
          onSort={(each) => sort(sorting.write(each))}
          group={taskOf}
        />
      )}
    </Panel>
  );
}

/** What is left of the budget, and what a dollar is worth. */
export function worth({ usd, per, left, price }: Money): string {
  const budget =
    usd === null
      ? "No budget is set."
      : `${format.dollars(left)} of ${format.dollars(usd)} may still be spent within ${format.span(per)}.`;
  return price === 0
    ? `${budget} The strategy is not told to save.`
    : `${budget} A dollar counts as ${format.number(price, 2)} of quality.`;
}

const taskOf = ({ task }: Row) => (task === null ? "All tasks" : task);

const STREAMED = new Set(["first_token", "tokens_per_second"]); // columns of streamed answers

const COLUMNS: Column<Row>[] = [
  {
    key: "server",
    title: "Server",
    value: (row) => row.server,
    cell: ({ server, model }) => (
      <span className="block max-w-56 truncate" title={model ?? server}>
        <span className="font-medium">{server}</span>{" "}
        {model !== null && model !== server && <span className="text-ink-3 text-xs">{model}</span>}
      </span>
    ),
  },
  {
    key: "answers",
    title: "Answers",
    hint: "Whole answers, of all attempts",
    figure: true,
    best: "high",
    value: (row) => row.answers,
    cell: (row) => (
      <span className="whitespace-nowrap">
        {format.number(row.answers)}
        {row.attempts > row.answers && (
          <span className="text-ink-3 text-xs"> of {format.number(row.attempts)}</span>
        )}
      </span>
    ),
  },
  {
    key: "quality",
    title: "Quality",
    hint: "The mean of what answers were worth, of those that were rated",
    figure: true,
    best: "high",
    value: (row) => row.quality,
    cell: (row) => format.number(row.quality, 2),
  },
  {
    key: "usd",
    title: "Dollars",
    hint: "What all attempts cost; ~ where a part is estimated",
    figure: true,
    value: (row) => row.usd,
    cell: (row) => `${row.estimated_usd > 0 ? "~" : ""}${format.dollars(row.usd)}`,
  },
  ...(["input", "output"] as const).map((kind) => ({
    key: `${kind}_tokens`,
    title: kind === "input" ? "Tokens in" : "Tokens out",
    figure: true,
    best: "high" as const,
    value: (row: Row) => row[`${kind}_tokens`],
    cell: (row: Row) => format.number(row[`${kind}_tokens`]),
  })),
  {
    key: "first_token",
    title: "First token ms",
    hint: "From sending to the first token of a streamed answer: half of them, and 99 of 100, took at most this",
    figure: true,
    value: (row) => row.first_token_ms.p50,
    cell: ({ first_token_ms: { p50, p99 } }) => (
      <span className="whitespace-nowrap">
        {format.milliseconds(p50)}
        {p99 !== null && (
          <span className="text-ink-3 text-xs"> p99 {format.milliseconds(p99)}</span>
        )}
      </span>
    ),
  },
  {
    key: "tokens_per_second",
    title: "Tokens/s",
    hint: "After the first token of a streamed answer",
    figure: true,
    best: "high",
    value: (row) => row.tokens_per_second,
    cell: (row) => format.number(row.tokens_per_second),
  },
];

const CSV: Column<Row>[] = [
  { key: "task", title: "Task", value: (row) => row.task },
  ...COLUMNS,
  { key: "attempts", title: "Attempts", value: (row) => row.attempts },
  { key: "first_token_p99", title: "First token p99 ms", value: (row) => row.first_token_ms.p99 },
  { key: "estimated_usd", title: "Estimated dollars", value: (row) => row.estimated_usd },
];
