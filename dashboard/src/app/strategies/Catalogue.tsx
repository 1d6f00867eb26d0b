"use client";

import type { StrategyRow } from "@/api/types";
import { Button } from "@/components/Button";
import { Panel } from "@/components/Panel";
import { Strategy } from "@/components/Strategy";
import { type Column, CsvButton, sorting, Table } from "@/components/Table";

/** What there is: every strategy of the catalogue, with its parameters and where it comes from. */
export function Catalogue(props: {
  rows: readonly StrategyRow[];
  playing: readonly string[];
  onPlay: (name: string) => void;
  sort: string;
  onSort: (sort: string) => void;
}) {
  const by = sorting.read(props.sort);
  const table = columns(props.playing, props.onPlay);
  return (
    <Panel
      title="All strategies"
      hint="Any of them can be played with other parameters: --strategy v6:cooldown=0.5"
      actions={<CsvButton name="strategies" columns={table} rows={props.rows} by={by} />}
    >
      <Table
        caption="Strategies"
        columns={table}
        rows={props.rows}
        rowKey={(row) => row.name}
        by={by}
        onSort={(each) => props.onSort(sorting.write(each))}
      />
    </Panel>
  );
}

const written = (row: StrategyRow) =>
  Object.entries(row.parameters)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");

function columns(
  playing: readonly string[],
  onPlay: (name: string) => void,
): Column<StrategyRow>[] {
  const wide = "max-sm:col-span-3 align-top";
  return [
    {
      key: "name",
      title: "Strategy",
      value: (row) => row.name,
      cell: (row) => <Strategy name={row.name} />,
      className: "sm:w-36 align-top",
    },
    {
      key: "summary",
      title: "What it does",
      value: (row) => row.summary,
      className: `${wide} sm:min-w-40`,
    },
    {
      key: "parameters",
      title: "Parameters",
      value: written,
      cell: (row) => (
        <span className="num break-words text-ink-2 text-xs">{written(row) || "–"}</span>
      ),
      className: `${wide} sm:w-[26%]`,
    },
    {
      key: "source",
      title: "Source",
      value: (row) => row.source.replaceAll("``", ""),
      cell: (row) => (
        <span className="break-words text-ink-2 text-xs">
          {row.source.replaceAll("``", "") || "–"}
        </span>
      ),
      className: `${wide} sm:w-[28%]`,
    },
    {
      key: "play",
      title: "Play",
      cell: (row) => {
        const plays = playing.includes(row.name);
        return (
          <Button
            aria-pressed={plays}
            onClick={() => onPlay(row.name)}
            aria-label={`${plays ? "Stop playing" : "Play"} ${row.name}`}
          >
            {plays ? "Playing" : "Play"}
          </Button>
        );
      },
      className: `${wide} sm:w-20 max-sm:before:hidden!`,
    },
  ];
}
