"use client";

import { useState } from "react";
import { get } from "@/api/client";
import type { SessionDetail, SessionRow } from "@/api/types";
import { useApi } from "@/api/useApi";
import { Choice, Select } from "@/components/Choice";
import { Disconnected } from "@/components/Connection";
import { Invalid } from "@/components/Invalid";
import { Failed, Loading, Note } from "@/components/Note";
import { list, useHydrated, useUrlState } from "@/lib/url";
import { useSession } from "../useSession";
import { ALL, measureOf, rangeOf } from "./cells";
import { Differences } from "./Differences";
import { Session, type Shown } from "./Session";
import { title } from "./title";

const DEFAULTS = { session: "", with: "", scenario: ALL, sort: "", open: "" };
const AGAIN = 3000; // milliseconds, while a session is going on

/** The strategies of one session by scenarios, or two sessions side by side. */
export function Compare() {
  const hydrated = useHydrated();
  const sessions = useApi((signal) => get("/api/sessions", {}, signal), []);
  return (
    <>
      <h1 className="sr-only">Compare</h1>
      <Disconnected />
      {sessions.status === "error" && <Failed error={sessions.error} again={sessions.reload} />}
      {sessions.data !== undefined && hydrated ? (
        <Chosen sessions={sessions.data} />
      ) : (
        sessions.status === "loading" && <Loading what="the sessions" />
      )}
    </>
  );
}

function Chosen({ sessions }: { sessions: readonly SessionRow[] }) {
  const [asked, ask] = useUrlState(DEFAULTS);
  const comparable = sessions.filter((each) => each.strategies.length > 0);
  const first = comparable.find((each) => each.strategies.length > 1) ?? comparable[0];
  const id = asked.session || (first?.session ?? "");
  const one = useSession(id, AGAIN);
  const other = useSession(asked.with, AGAIN);
  if (id === "") return <Nothing />;
  const loaded = [one.data, other.data].filter((each) => each !== undefined);
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center gap-x-4 gap-y-2">
        <Picker
          label="Session"
          value={id}
          sessions={comparable}
          onChange={(session) => ask({ session })}
        />
        <Picker
          label="Beside it"
          value={asked.with}
          sessions={comparable.filter((each) => each.session !== id)}
          none="nothing"
          onChange={(session) => ask({ with: session })}
        />
        <Scenarios
          loaded={loaded}
          value={asked.scenario}
          onChange={(scenario) => ask({ scenario })}
        />
      </div>
      {[one, other].map(
        (each, at) =>
          each.status === "error" && (
            // biome-ignore lint/suspicious/noArrayIndexKey: the one and the other
            <Failed key={at} error={each.error} again={each.reload} />
          ),
      )}
      {one.status === "loading" && one.data === undefined && <Loading what="the comparison" />}
      {one.data && other.data && (
        <Differences one={one.data} other={other.data} scenario={asked.scenario} />
      )}
      <SideBySide loaded={loaded} />
    </>
  );
}

function SideBySide({ loaded }: { loaded: readonly SessionDetail[] }) {
  const [asked, ask] = useUrlState(DEFAULTS);
  const [pointed, point] = useState<string | null>(null);
  const all = loaded.flatMap(({ comparison }) => comparison ?? []);
  const measure = measureOf(all);
  const shown: Shown = {
    scenario: asked.scenario,
    measure,
    range: rangeOf(all, asked.scenario, measure),
    strongest: Math.max(
      ...all.flatMap(({ cells }) => cells.map((cell) => cell[measure].mean ?? 0)),
    ),
    sort: asked.sort,
    open: list.read(asked.open),
    onSort: (sort) => ask({ sort }),
    onOpen: (names) => ask({ open: list.write(names) }),
    pointed,
    onPoint: point,
  };
  const two = loaded.length > 1;
  return (
    <div className={two ? "grid items-start gap-x-4 gap-y-10 xl:grid-cols-2" : ""}>
      {loaded.map((session) =>
        session.comparison === null ? (
          <div key={session.session}>
            <Invalid session={session} />
            <Note title={`${title(session)}: nothing to compare`}>
              {session.valid === false
                ? "What was measured is the machine, not the strategies."
                : `It is ${session.state}. Its numbers show up here once there are some.`}
            </Note>
          </div>
        ) : (
          <Session
            key={session.session}
            session={session}
            compared={session.comparison}
            shown={shown}
            compact={two}
          />
        ),
      )}
    </div>
  );
}

function Scenarios(props: {
  loaded: readonly SessionDetail[];
  value: string;
  onChange: (scenario: string) => void;
}) {
  const names = [...new Set(props.loaded.flatMap((each) => each.comparison?.scenarios ?? []))];
  if (names.length < 2) return null;
  return (
    <Choice
      label="Scenario"
      value={names.includes(props.value) ? props.value : ALL}
      options={[{ value: ALL, name: "All" }, ...names.map((name) => ({ value: name, name }))]}
      onChange={props.onChange}
    />
  );
}

function Picker(props: {
  label: string;
  value: string;
  sessions: readonly SessionRow[];
  none?: string;
  onChange: (session: string) => void;
}) {
  const known = props.sessions.some((each) => each.session === props.value);
  const options = props.sessions.map((each) => ({
    value: each.session,
    name: `${title(each)} · ${each.strategies.length} × ${each.scenarios.join(", ")}`,
  }));
  const others = [
    ...(props.none === undefined ? [] : [{ value: "", name: props.none }]),
    ...(known || props.value === "" ? [] : [{ value: props.value, name: props.value }]),
  ];
  return (
    <Select
      label={props.label}
      value={props.value}
      options={[...others, ...options]}
      onChange={props.onChange}
    />
  );
}

function Nothing() {
  return (
    <Note title="There is nothing to compare yet">
      Sessions are recorded as they are played. <code>make harness</code> plays every strategy on
      real servers; <code>flb compare --save</code> plays hundreds of fleets in virtual time.
    </Note>
  );
}
