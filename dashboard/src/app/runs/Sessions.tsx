"use client";

import Link from "next/link";
import { get } from "@/api/client";
import type { SessionRow } from "@/api/types";
import { useApi } from "@/api/useApi";
import { Button } from "@/components/Button";
import { Failed } from "@/components/Note";
import { Panel } from "@/components/Panel";
import { type Column, CsvButton, sorting, Table } from "@/components/Table";
import * as format from "@/lib/format";
import { list, useUrlState } from "@/lib/url";
import { KINDS } from "../compare/title";
import { Edit } from "./Edit";
import { RunsTable } from "./RunsTable";

const DEFAULTS = { sort: "-started", open: "", edit: "" };

/** Sessions, the newest first; each opens to its runs. */
export function Sessions(props: { sessions: readonly SessionRow[]; onChange: () => void }) {
  const { sessions, onChange } = props;
  const [asked, ask] = useUrlState(DEFAULTS);
  const open = list.read(asked.open);
  const toggle = (id: string) =>
    ask({
      open: list.write(open.includes(id) ? open.filter((each) => each !== id) : [...open, id]),
    });
  const edit = (id: string) => ask({ edit: asked.edit === id ? "" : id });
  const table = columns(open, toggle, edit);
  const pins = sessions.some(({ pinned }) => pinned);
  const by = sorting.read(asked.sort);
  return (
    <Panel
      title={format.count(sessions.length, "session")}
      hint="Runs that were made together. Replay shows them as they went."
      actions={<CsvButton name="sessions" columns={table} rows={sessions} by={by} />}
    >
      {sessions.length === 0 ? (
        <p className="py-8 text-center text-ink-3">No session matches the filter.</p>
      ) : (
        <Table
          caption="Recorded sessions"
          columns={table}
          rows={sessions}
          rowKey={(row) => row.session}
          by={by}
          onSort={(each) => ask({ sort: sorting.write(each) })}
          {...(pins ? { group: (row: SessionRow) => (row.pinned ? "Pinned" : "Recorded") } : {})}
          below={(row) =>
            (open.includes(row.session) || asked.edit === row.session) && (
              <tr role="row" className="max-sm:block">
                <td
                  role="cell"
                  colSpan={table.length}
                  className="pb-4 pl-8 max-sm:block max-sm:p-0"
                >
                  {asked.edit === row.session && (
                    <Edit
                      session={row}
                      onDone={() => {
                        ask({ edit: "" });
                        onChange();
                      }}
                    />
                  )}
                  {open.includes(row.session) && <RunsOf session={row.session} />}
                </td>
              </tr>
            )
          }
        />
      )}
    </Panel>
  );
}

function RunsOf({ session }: { session: string }) {
  const runs = useApi((signal) => get("/api/runs", { session }, signal), [session]);
  const [asked, ask] = useUrlState({ runs: "score" });
  if (runs.status === "error") return <Failed error={runs.error} again={runs.reload} />;
  if (runs.data === undefined) return <p className="py-2 text-ink-3">Loading its runs …</p>;
  if (runs.data.length === 0) return <p className="py-2 text-ink-3">Its runs were deleted.</p>;
  return (
    <RunsTable
      caption={`Runs of ${session}`}
      runs={runs.data}
      sort={asked.runs}
      onSort={(sort) => ask({ runs: sort })}
    />
  );
}

function columns(
  open: readonly string[],
  toggle: (id: string) => void,
  edit: (id: string) => void,
): Column<SessionRow>[] {
  return [
    {
      key: "started",
      title: "Session",
      value: (row) => row.started,
      cell: (row) => <Name row={row} open={open.includes(row.session)} toggle={toggle} />,
    },
    {
      key: "session",
      title: "Name",
      value: (row) => row.name ?? row.session,
      cell: (row) => <Named row={row} />,
      className: "max-sm:col-span-3",
    },
    { key: "kind", title: "Kind", value: (row) => row.kind, cell: (row) => KINDS[row.kind] },
    {
      key: "strategies",
      title: "Strategies",
      value: (row) => row.strategies.join(" "),
      cell: (row) =>
        row.strategies.length > 3 ? (
          <span title={row.strategies.join(", ")}>{row.strategies.length}</span>
        ) : (
          row.strategies.join(", ") || "–"
        ),
    },
    {
      key: "scenarios",
      title: "Scenarios",
      value: (row) => row.scenarios.join(" "),
      cell: (row) => row.scenarios.join(", ") || "–",
    },
    {
      key: "runs",
      title: "Runs",
      best: "high",
      value: (row) => row.runs,
      cell: (row) => row.runs || "–",
      figure: true,
    },
    { key: "seed", title: "Seed", value: (row) => row.seed, figure: true },
    {
      key: "state",
      title: "State",
      value: (row) => (row.valid === false ? "INVALID" : row.state),
      cell: (row) =>
        row.valid === false ? (
          <strong className="text-bad" title={row.why.join("; ")}>
            INVALID
          </strong>
        ) : (
          <State state={row.state} />
        ),
    },
    {
      key: "actions",
      title: "Show",
      cell: (row) => <Actions row={row} edit={edit} />,
      className: "text-right max-sm:col-span-3 max-sm:text-left max-sm:before:hidden!",
    },
  ];
}

/** What people call it, or its id; and their tags. */
function Named({ row }: { row: SessionRow }) {
  return (
    <span className="flex flex-wrap items-center gap-1.5" title={row.note ?? undefined}>
      {row.name === null ? (
        <span className="num text-ink-2 text-xs">{row.session}</span>
      ) : (
        <span className="min-w-0 break-words font-medium">{row.name}</span>
      )}
      {row.tags.map((tag) => (
        <span key={tag} className="rounded bg-accent-soft px-1.5 py-px text-[11px] text-accent">
          {tag}
        </span>
      ))}
    </span>
  );
}

function Name(props: { row: SessionRow; open: boolean; toggle: (id: string) => void }) {
  const { row, open, toggle } = props;
  const when = format.moment(row.started);
  if (row.runs === 0) return <span className="pl-8 font-medium max-sm:pl-0">{when}</span>;
  return (
    <button
      type="button"
      aria-expanded={open}
      aria-label={`Runs of ${when}`}
      onClick={() => toggle(row.session)}
      className="group flex items-center gap-2 font-medium"
    >
      <span className="grid size-6 place-items-center rounded text-ink-3 group-hover:bg-sunken group-aria-expanded:rotate-90 motion-safe:transition-transform">
        <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
          <path d="M3 1.5L7 5L3 8.5" fill="none" stroke="currentColor" strokeWidth="1.5" />
        </svg>
      </span>
      {when}
    </button>
  );
}

export function State({ state }: { state: string }) {
  const tone = { running: "text-good", interrupted: "text-warn" }[state] ?? "text-ink-2";
  return <span className={tone}>{state}</span>;
}

const LINK =
  "inline-flex h-7 items-center whitespace-nowrap rounded-md border border-line bg-surface px-2.5 text-xs text-ink-2 hover:border-line-strong hover:text-ink max-sm:h-9";

function Actions({ row, edit }: { row: SessionRow; edit: (id: string) => void }) {
  const when = format.moment(row.started);
  return (
    <span className="inline-flex gap-1.5">
      <Button onClick={() => edit(row.session)} aria-label={`Edit ${when}`}>
        Edit
      </Button>
      {row.runs > 0 && (
        <Link href={`/runs?replay=${row.session}`} className={LINK} aria-label={`Replay ${when}`}>
          Replay
        </Link>
      )}
      {row.strategies.length > 0 && (
        <Link
          href={`/compare?session=${row.session}`}
          className={LINK}
          aria-label={`Compare ${when}`}
        >
          Compare
        </Link>
      )}
    </span>
  );
}
