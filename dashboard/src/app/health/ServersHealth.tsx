"use client";

import clsx from "clsx";
import { useState } from "react";
import { act, get } from "@/api/client";
import type { RouteDetail, RouteFrame } from "@/api/types";
import { useApi } from "@/api/useApi";
import { Sparkline } from "@/charts/Sparkline";
import { Confirm } from "@/components/Confirm";
import { Search } from "@/components/Search";
import { type Column, CsvButton, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";
import { Trails } from "@/store/trails";
import { reasonText, type ServerHealth, serversHealth, type Tone } from "./verdict";

const MANY = 12; // servers from which on a search is worth its room
const FIRST = 20; // servers shown before somebody asks for more

const BADGES: Record<Tone, string> = {
  bad: "bg-bad-soft text-bad",
  warn: "bg-warn-soft text-warn",
  good: "bg-good-soft text-good",
  quiet: "bg-sunken text-ink-2",
};

/** The servers of a route; of many, the first by trouble, and any by its name. */
export function ServersHealth(props: {
  route: RouteFrame;
  servers: readonly ServerHealth[];
  detail: RouteDetail | undefined;
  now: number;
}) {
  const { route, servers, detail, now } = props;
  const [by, sort] = useState("trouble");
  const [word, search] = useState("");
  const [many, show] = useState(FIRST);
  const known = servers.filter(({ server }) => server.toLowerCase().includes(word.toLowerCase()));
  const found = useFound(route, word, now);
  const rows = known.length > 0 || found === null ? known : found;
  const table = columns(detail, now);
  const whole = servers.length + (route.others?.servers ?? 0);
  const order = sorting.read(by);
  return (
    <>
      <div className="mb-2 flex flex-wrap items-center gap-x-4 gap-y-2">
        {whole > MANY && (
          <Search
            label={`Servers of ${route.route}`}
            hint="Find a server by name"
            value={word}
            onChange={search}
          />
        )}
        <span className="mr-auto text-ink-3 text-xs">
          {word !== "" && `${format.number(rows.length)} of `}
          {format.count(whole, "server")}
        </span>
        <CsvButton name={`servers-${route.route}`} columns={table} rows={rows} by={order} />
      </div>
      <Table
        caption={`Servers of ${route.route}, by trouble`}
        columns={table}
        rows={rows.slice(0, many)}
        rowKey={(row) => row.server}
        by={order}
        onSort={(each) => sort(sorting.write(each))}
      />
      {rows.length === 0 && <p className="py-4 text-center text-ink-3">No server has this name.</p>}
      {(rows.length > many || (route.others && word === "")) && (
        <p className="mt-2 text-ink-3 text-xs">
          {rows.length > many && (
            <button
              type="button"
              className="mr-3 min-h-6 text-accent underline underline-offset-2"
              onClick={() => show(many + 50)}
            >
              Show more
            </button>
          )}
          {rest(rows.length - many, route.others)}
        </p>
      )}
    </>
  );
}

function rest(hidden: number, others: RouteFrame["others"]): string {
  const many = Math.max(0, hidden) + (others?.servers ?? 0);
  if (!others) return `${format.count(many, "server")} more`;
  return `${format.count(many, "server")} more, in no trouble: ${format.percent(others.share)} of the attempts of the last seconds go to ${format.number(others.servers)} of them; find any by its name.`;
}

/** Servers that frames do not show, by a part of their names; null while nobody asks. */
function useFound(route: RouteFrame, word: string, now: number): ServerHealth[] | null {
  const wanted = route.others !== undefined && route.others !== null && word !== "";
  const found = useApi(
    async (signal) =>
      wanted
        ? get("/api/routes/{route}/servers", { route: route.route, search: word }, signal)
        : null,
    [route.route, wanted, word],
  );
  if (!wanted || !found.data) return null;
  return serversHealth({ ...route, servers: found.data }, new Trails(), now);
}

function columns(detail: RouteDetail | undefined, now: number): Column<ServerHealth>[] {
  const capacity = new Map(
    detail?.servers.server.map((name, at) => [name, detail.beliefs.capacity?.[at] ?? null]),
  );
  const limited = detail?.beliefs.capacity !== undefined;
  return [
    {
      key: "server",
      title: "Server",
      value: (row) => row.server,
      cell: (row) => (
        <span className="num block max-w-72 truncate" title={row.server}>
          {row.name}
        </span>
      ),
    },
    {
      key: "trouble",
      title: "State",
      best: "high",
      value: (row) => row.trouble,
      cell: (row) => (
        <span
          className={clsx(
            "whitespace-nowrap rounded px-1.5 py-0.5 font-medium text-xs",
            BADGES[row.tone],
          )}
        >
          {row.says}
        </span>
      ),
    },
    {
      key: "reason",
      title: "Last reason",
      value: (row) => row.reason,
      cell: (row) =>
        row.reason === null ? (
          <span className="text-ink-3">–</span>
        ) : (
          <span>
            {reasonText(row.reason)}{" "}
            <span className="whitespace-nowrap text-ink-3 text-xs">
              {ago(now - row.reasonTime)} ago
            </span>
          </span>
        ),
      className: "max-sm:col-span-2",
    },
    {
      key: "course",
      title: "Succeeded",
      cell: (row) => (
        <Sparkline
          values={row.course}
          hue={row.tone === "bad" ? "--bad" : "--good"}
          low={0}
          high={1}
        />
      ),
      className: "sm:w-24",
    },
    {
      key: "recent",
      title: "Last minute",
      hint: "Attempts of the last minute that succeeded, failed and were refused",
      best: "high",
      figure: true,
      value: (row) => row.recent.succeeded + row.recent.failed + row.recent.refused,
      cell: ({ recent }) => (
        <span className="whitespace-nowrap">
          <span className="text-good">{recent.succeeded} ✓</span>{" "}
          <span className={recent.failed > 0 ? "text-bad" : "text-ink-3"}>{recent.failed} ✗</span>
          {recent.refused > 0 && <span className="text-warn"> {recent.refused} refused</span>}
        </span>
      ),
      className: "max-sm:col-span-2",
    },
    ...(limited
      ? [
          {
            key: "capacity",
            title: "Limit/s",
            hint: "Admissions per second that it is believed to allow, ∞ where no limit was met; and attempts per second of the last minute",
            figure: true,
            best: "high" as const,
            value: (row: ServerHealth) => capacity.get(row.server) ?? null,
            cell: (row: ServerHealth) => {
              const limit = capacity.get(row.server) ?? null;
              const { succeeded, failed, refused } = row.recent;
              return (
                <span className="whitespace-nowrap">
                  <span className="text-ink-3 text-xs">
                    {format.number((succeeded + failed + refused) / 60, 1)} of
                  </span>{" "}
                  {limit === null ? "∞" : format.number(limit, 1)}
                </span>
              );
            },
          },
        ]
      : []),
    {
      key: "share",
      title: "Share",
      hint: "Of the attempts of the last ten seconds",
      figure: true,
      best: "high",
      value: (row) => row.share,
      cell: (row) => format.percent(row.share),
    },
    {
      key: "actions",
      title: "Do",
      cell: (row) => <Actions row={row} pool={detail?.pool} />,
      className: "text-right max-sm:col-span-4 max-sm:text-left max-sm:before:hidden!",
    },
  ];
}

function Actions({ row, pool }: { row: ServerHealth; pool: string | undefined }) {
  if (!pool) return null;
  const at = `/api/pools/${encodeURIComponent(pool)}/servers/${encodeURIComponent(row.server)}`;
  return row.state === "draining" ? (
    <Confirm
      name="Ready"
      label={`Send to ${row.name} again`}
      question={`Send to ${row.name} again?`}
      onYes={() => act(`${at}/ready`)}
    />
  ) : (
    <Confirm
      name="Drain"
      label={`Drain ${row.name}`}
      question={`Send nothing to ${row.name} any more?`}
      onYes={() => act(`${at}/drain`)}
    />
  );
}

const ago = (seconds: number) => format.span(Math.max(0, Math.round(seconds)));
