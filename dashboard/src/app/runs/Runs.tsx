"use client";

import Link from "next/link";
import { get } from "@/api/client";
import type { SessionRow } from "@/api/types";
import { useApi } from "@/api/useApi";
import { Choice } from "@/components/Choice";
import { Disconnected } from "@/components/Connection";
import { Failed, Loading, Note } from "@/components/Note";
import { Search } from "@/components/Search";
import { useHydrated, useUrlState } from "@/lib/url";
import { AllRuns } from "./AllRuns";
import { Replay } from "./Replay";
import { Sessions } from "./Sessions";

const DEFAULTS = { replay: "", by: "session", q: "", from: "", to: "" };

/** All that was recorded; and the replay of any of it. */
export function Runs() {
  const hydrated = useHydrated();
  const [asked] = useUrlState(DEFAULTS);
  return (
    <>
      <h1 className="sr-only">Runs</h1>
      {!hydrated ? (
        <Loading what="what was recorded" />
      ) : asked.replay === "" ? (
        <Recorded />
      ) : (
        <Replay key={asked.replay} target={asked.replay} />
      )}
    </>
  );
}

function Recorded() {
  const [asked, ask] = useUrlState(DEFAULTS);
  const sessions = useApi((signal) => get("/api/sessions", {}, signal), []);
  return (
    <>
      <Disconnected />
      {sessions.status === "error" && <Failed error={sessions.error} again={sessions.reload} />}
      {sessions.data === undefined && sessions.status === "loading" && (
        <Loading what="what was recorded" />
      )}
      {sessions.data?.length === 0 && <Nothing />}
      {sessions.data !== undefined && sessions.data.length > 0 && (
        <>
          <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
            <Choice
              label="Listed by"
              value={asked.by}
              options={[
                { value: "session", name: "Sessions" },
                { value: "run", name: "All runs" },
              ]}
              onChange={(by) => ask({ by })}
            />
            <Search
              label="Names, notes, tags, strategies or scenarios"
              hint="Filter: v6 T2 baseline"
              value={asked.q}
              onChange={(q) => ask({ q })}
            />
            {asked.by === "session" && (
              <>
                <Day name="From" value={asked.from} onChange={(from) => ask({ from })} />
                <Day name="To" value={asked.to} onChange={(to) => ask({ to })} />
              </>
            )}
          </div>
          {asked.by === "run" ? (
            <AllRuns words={asked.q} />
          ) : (
            <Sessions
              sessions={sessions.data.filter(
                (each) => matches(each, asked.q) && within(each, asked.from, asked.to),
              )}
              onChange={sessions.reload}
            />
          )}
        </>
      )}
    </>
  );
}

/** It began on or between these days of the visitor's, as far as they are given. */
export function within({ started }: Pick<SessionRow, "started">, from: string, to: string) {
  const day = new Date(1000 * started).toLocaleDateString("sv-SE");
  return (from === "" || day >= from) && (to === "" || day <= to);
}

/** Every word is a strategy, a scenario, a kind, a tag or a part of the name or note. */
function matches(session: SessionRow, words: string): boolean {
  const { name, note, tags, strategies, scenarios, kind, session: id } = session;
  const names = [...strategies, ...scenarios, ...tags, kind, id, name ?? "", note ?? ""];
  const said = words.toLowerCase().split(/\s+/).filter(Boolean);
  return said.every((word) => names.some((name) => name.toLowerCase().includes(word)));
}

function Day(props: { name: string; value: string; onChange: (day: string) => void }) {
  return (
    <label className="inline-flex items-center gap-2 text-ink-3 text-xs">
      {props.name}
      <input
        type="date"
        value={props.value}
        onChange={(event) => props.onChange(event.target.value)}
        className="h-7 rounded-md border border-line bg-surface px-2 text-ink max-sm:h-9"
      />
    </label>
  );
}

function Nothing() {
  return (
    <Note title="Nothing is recorded yet">
      Whatever the balancer does is recorded: <code>make harness</code> plays a race, and{" "}
      <code>flb serve</code> records its routes. If you expected something here, is{" "}
      <code>--data-dir</code> the right folder? What runs now is on <Link href="/">Live</Link>.
    </Note>
  );
}
