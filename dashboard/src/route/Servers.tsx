"use client";

import { Panel } from "@/components/Panel";
import { type Column, CsvButton, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";
import { useUrlState } from "@/lib/url";
import { Rate } from "./Rate";
import type { ServerRow } from "./servers";

const DEFAULTS = { sort: "server" };

/** The servers of a route: what is believed of each, how often it was chosen, how that ended. */
export function Servers(props: {
  rows: readonly ServerRow[];
  highlight: string | null;
  onHighlight: (server: string | null) => void;
}) {
  const { rows, highlight, onHighlight } = props;
  const [asked, ask] = useUrlState(DEFAULTS);
  const by = sorting.read(asked.sort);
  const table = columns(rows);
  return (
    <Panel
      title="Servers"
      hint={hint(rows)}
      actions={<CsvButton name="servers" columns={table} rows={rows} by={by} />}
    >
      <Table
        caption="Servers of this route"
        columns={table}
        rows={rows}
        rowKey={(row) => row.server}
        by={by}
        onSort={(sort) => ask({ sort: sorting.write(sort) })}
        onPoint={(row) => onHighlight(row?.server ?? null)}
        rowClass={(row) => (row.server === highlight ? "bg-sunken/60" : undefined)}
      />
    </Panel>
  );
}

function hint(rows: readonly ServerRow[]): string {
  const believes = rows.some((row) => row.low !== null);
  const dot = believes
    ? "the dot is what the strategy believes, the bar its 95 % interval"
    : "the dot is what was counted, as this strategy believes nothing of it";
  const known = rows.some((row) => row.truth !== null);
  return `Success rate, from 0 to 1: ${dot}${known ? ", the line the truth that it is not told" : ""}.`;
}

function columns(rows: readonly ServerRow[]): Column<ServerRow>[] {
  const any = (value: (row: ServerRow) => unknown) => rows.some((row) => Boolean(value(row)));
  return [
    {
      key: "server",
      title: "Server",
      value: (row) => row.server,
      cell: (row) => <Name row={row} />,
      className: "w-28",
    },
    {
      key: "rate",
      title: "Success rate",
      cell: (row) => <Rate {...row} />,
      className: "w-[28%] max-sm:col-span-3 max-sm:w-full max-sm:before:hidden!",
    },
    figure("mean", "Believed", "The mean of what is believed", (row) => row.mean, two),
    ...(any((row) => row.truth !== null)
      ? [figure("truth", "Truth", "What the scenario says", (row) => row.truth, two)]
      : []),
    {
      ...figure(
        "share",
        "Chosen",
        "Share of the attempts of the last ten seconds",
        (row) => row.share,
      ),
      cell: (row) => <Share value={row.share} hue={row.hue} />,
      figure: false,
      className: "w-32 max-sm:w-full",
    },
    figure("attempts", "Attempts", "How often it was chosen", (row) => row.attempts),
    figure("succeeded", "Succeeded", "It served the request", (row) => row.succeeded),
    figure("failed", "Failed", "It answered with an error, or not at all", (row) => row.failed),
    figure("refused", "Refused", "It refused to try", (row) => row.refused),
    ...(any((row) => row.cancelled)
      ? [figure("cancelled", "Cancelled", "We stopped waiting", (row) => row.cancelled)]
      : []),
    ...further(rows),
    {
      ...figure("rests", "Rests", "For how long it is left alone", (row) => row.rests),
      cell: (row) => <Rests seconds={row.rests} />,
    },
  ];
}

function further(rows: readonly ServerRow[]): Column<ServerRow>[] {
  return Object.keys(rows[0]?.beliefs ?? {}).map((key) => {
    if (key !== "capacity") {
      const hint = `What the strategy calls ${key}`;
      return figure(key, title(key), hint, (row) => row.beliefs[key] ?? null, short);
    }
    const hint = "Admissions per second that it is believed to allow; ∞ where no limit was met";
    return figure(
      key,
      "Capacity/s",
      hint,
      (row) => row.beliefs[key] ?? null,
      (value) => (value === null ? "∞" : format.number(value, 1)),
    );
  });
}

function figure(
  key: string,
  title: string,
  hint: string,
  value: (row: ServerRow) => number | null,
  shown: (value: number | null) => string = (x) => format.number(x),
): Column<ServerRow> {
  const cell = (row: ServerRow) => shown(value(row));
  return { key, title, hint, value, cell, figure: true, best: "high" };
}

const two = (value: number | null) => format.number(value, 2);
const short = (value: number | null) =>
  Number.isInteger(value) ? format.number(value) : two(value);
const title = (key: string) => (key.charAt(0).toUpperCase() + key.slice(1)).replaceAll("_", " ");

function Name({ row }: { row: ServerRow }) {
  return (
    <span className="inline-flex items-center gap-2" title={row.server}>
      <span
        aria-hidden="true"
        className="size-3 shrink-0 rounded-[3px]"
        style={{ background: `var(${row.hue})` }}
      />
      <span className="num max-w-56 truncate max-sm:max-w-[70vw]">{row.name}</span>
    </span>
  );
}

function Share({ value, hue }: { value: number; hue: string }) {
  return (
    <span className="flex items-center gap-2">
      <span aria-hidden="true" className="h-2 grow overflow-hidden rounded-full bg-sunken">
        <span
          className="block h-full origin-left rounded-full transition-transform duration-500"
          style={{ background: `var(${hue})`, transform: `scaleX(${value})` }}
        />
      </span>
      <span className="num w-10 whitespace-nowrap text-right">{format.percent(value)}</span>
    </span>
  );
}

function Rests({ seconds }: { seconds: number }) {
  if (seconds === 0) return <span className="text-ink-3">–</span>;
  return <span className="text-warn">{format.number(seconds, 1)} s</span>;
}
