"use client";

import { useState } from "react";
import { get } from "@/api/client";
import type { RunRow } from "@/api/types";
import { useApi } from "@/api/useApi";
import { Button } from "@/components/Button";
import { Failed, Loading } from "@/components/Note";
import { Panel } from "@/components/Panel";
import { CsvButton, sorted, sorting } from "@/components/Table";
import { count, number } from "@/lib/format";
import { useUrlState } from "@/lib/url";
import { RunsTable, runColumns } from "./RunsTable";

const DEFAULTS = { sort: "-started" };
const AT_ONCE = 100; // rows

/** The runs of all sessions in one list: how did a strategy do, whenever it played? */
export function AllRuns({ words }: { words: string }) {
  const [asked, ask] = useUrlState(DEFAULTS);
  const [many, setMany] = useState(AT_ONCE);
  const runs = useApi((signal) => get("/api/runs", {}, signal), []);
  if (runs.status === "error") return <Failed error={runs.error} again={runs.reload} />;
  if (runs.data === undefined) return <Loading what="the runs" />;
  const by = sorting.read(asked.sort);
  const found = sorted(
    runs.data.filter((run) => matches(run, words)),
    runColumns(true),
    by,
  );
  return (
    <Panel
      title={count(found.length, "run")}
      hint="A few points may well be chance, also between runs of the same seed."
      actions={<CsvButton name="runs" columns={runColumns(true)} rows={found} by={by} />}
    >
      <RunsTable
        caption="Recorded runs"
        runs={found.slice(0, many)}
        sort={asked.sort}
        onSort={(sort) => ask({ sort })}
        dated
      />
      {found.length === 0 && (
        <p className="py-8 text-center text-ink-3">No run matches the filter.</p>
      )}
      {found.length > many && (
        <p className="mt-3 flex items-center gap-3 text-ink-3 text-xs">
          {number(many)} of {number(found.length)}
          <Button onClick={() => setMany(many + AT_ONCE)}>Show more</Button>
        </p>
      )}
    </Panel>
  );
}

function matches(run: RunRow, words: string): boolean {
  const names = [run.strategy, run.scenario ?? run.path, run.session].map((x) => x.toLowerCase());
  const said = words.toLowerCase().split(/\s+/).filter(Boolean);
  return said.every((word) => names.some((name) => name.includes(word)));
}
